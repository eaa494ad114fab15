//! Whose each name of the table is.

use std::collections::BTreeMap;

use super::{Change, Concern};
use crate::compile::{endpoints, names};
use crate::model::{Direction, Endpoint, State};
use crate::net::Family;
use crate::ruleset::Key;
use crate::ruleset::transaction::Operation;

/// Whose each name is.
pub(super) struct Book {
    policies: BTreeMap<String, Concern>,
    members: BTreeMap<String, Concern>,
    bundles: BTreeMap<String, Concern>,
    endpoints: BTreeMap<String, String>,
}

impl Book {
    /// The names of what is known.
    pub(super) fn of(state: &State, host: &str) -> Self {
        let mut book = Self {
            policies: BTreeMap::new(),
            members: BTreeMap::new(),
            bundles: BTreeMap::new(),
            endpoints: BTreeMap::new(),
        };
        for name in state.groups.keys() {
            for direction in Direction::ALL {
                let policy = names::policy(name, direction);
                let concern = Concern::Policy(name.to_string(), direction);
                book.policies.insert(policy.as_str().to_owned(), concern);
            }
            for family in Family::ALL {
                let set = names::members(name, family).as_str().to_owned();
                book.members.insert(set, Concern::Members(name.to_string()));
            }
        }
        for endpoint in endpoints::local(state, host).into_values() {
            book.add_endpoint(state, endpoint);
        }
        book
    }

    fn add_endpoint(&mut self, state: &State, endpoint: &Endpoint) {
        self.endpoints
            .insert(endpoint.interface.to_string(), endpoint.name.to_string());
        let groups = endpoints::groups(state, endpoint);
        for direction in Direction::ALL {
            let bundle = names::bundle(groups.iter().copied(), direction);
            let list = groups.iter().map(ToString::to_string).collect();
            self.bundles
                .insert(bundle.as_str().to_owned(), Concern::Bundle(list));
        }
    }

    /// What an operation concerns, and how.
    pub(super) fn concerns(&self, operation: &Operation) -> Vec<(Concern, Change)> {
        let Some(name) = operation.subject() else {
            return vec![(Concern::Table, change(operation))];
        };
        match name.logical() {
            "state" => vec![],
            "endpoints" => self.interfaces(operation, change(operation)),
            "source" | "source-ip4" | "source-ip6" | "source-mac4" | "source-mac6"
            | "source-macs" | "from" | "to" => self.interfaces(operation, Change::Changes),
            "workloads" | "metadata4" | "metadata6" | "host-action" => {
                vec![(Concern::Settings, Change::Changes)]
            }
            logical => self.dynamic(logical, operation).into_iter().collect(),
        }
    }

    /// An object of the compiler's, by its name; those of the skeleton are the table's own.
    fn dynamic(&self, logical: &str, operation: &Operation) -> Option<(Concern, Change)> {
        if !logical.contains('/') {
            return Some((Concern::Table, Change::Changes));
        }
        if let Some(concern) = self.members.get(logical) {
            return Some((concern.clone(), Change::Changes));
        }
        if let Some(concern) = self.bundles.get(logical) {
            return Some((concern.clone(), change(operation)));
        }
        let (whole, concern) = self.owner(logical)?;
        let change = if whole {
            change(operation)
        } else {
            Change::Changes
        };
        Some((concern, change))
    }

    /// The policy that an object belongs to, and whether it is the policy's chain itself. What no
    /// document names any more is named by its own first words.
    fn owner(&self, logical: &str) -> Option<(bool, Concern)> {
        let parents = logical.match_indices('/').map(|(at, _)| &logical[..at]);
        let known = parents.chain([logical]).find_map(|name| {
            Some((
                name.len() == logical.len(),
                self.policies.get(name)?.clone(),
            ))
        });
        known.or_else(|| {
            let mut parts = logical.split('/');
            match (parts.next()?, parts.next()?, parts.next()?) {
                ("policy", group, "in") => Some((
                    parts.next().is_none(),
                    Concern::Policy(group.to_owned(), Direction::Ingress),
                )),
                ("policy", group, "out") => Some((
                    parts.next().is_none(),
                    Concern::Policy(group.to_owned(), Direction::Egress),
                )),
                ("group", group, _) => Some((false, Concern::Members(group.to_owned()))),
                _ => None,
            }
        })
    }

    fn interfaces(&self, operation: &Operation, change: Change) -> Vec<(Concern, Change)> {
        if operation.keys().next().is_none() {
            return vec![(Concern::Table, Change::Changes)];
        }
        let concern = |key: &Key| {
            let name = key
                .start
                .split(|byte| *byte == 0)
                .next()
                .unwrap_or_default();
            let interface = String::from_utf8_lossy(name).into_owned();
            let endpoint = self.endpoints.get(&interface).cloned();
            (Concern::Endpoint(interface, endpoint), change)
        };
        operation.keys().map(concern).collect()
    }
}

/// What an operation does to its object. A chain comes and goes, its rules change it.
fn change(operation: &Operation) -> Change {
    match operation {
        Operation::AddTable
        | Operation::AddCounter(..)
        | Operation::AddLimit(..)
        | Operation::AddSet(..)
        | Operation::AddChain(..)
        | Operation::AddElements(..) => Change::Comes,
        Operation::DeleteTable
        | Operation::DeleteCounter(_)
        | Operation::DeleteLimit(_)
        | Operation::DeleteSet(_)
        | Operation::DeleteChain(_)
        | Operation::DeleteElements(..) => Change::Goes,
        Operation::FlushChain(_) | Operation::AddRule(..) => Change::Changes,
    }
}
