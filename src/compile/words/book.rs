//! Whose each name of the table is.

use std::collections::BTreeMap;

use super::{Change, Concern};
use crate::compile::decider::Decider;
use crate::compile::selection::Selection;
use crate::compile::stack::Stack;
use crate::compile::uses::uses;
use crate::compile::{endpoints, names};
use crate::model::{DenyAction, Direction, Endpoint, State};
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
        for decider in Decider::all(state) {
            for direction in Direction::ALL {
                book.add_policy(state, &decider, direction);
            }
        }
        for name in state.groups.keys() {
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

    fn add_policy(&mut self, state: &State, decider: &Decider, direction: Direction) {
        let policy = names::decider(decider, direction);
        let concern = Concern::Policy(decider.clone(), direction);
        self.policies.insert(policy.as_str().to_owned(), concern);
        let rules = decider.rules(state, direction);
        for (selection, family) in rules.map(uses).unwrap_or_default() {
            if matches!(selection, Selection::Group(_)) {
                continue;
            }
            for holder in selection.holders() {
                let set = selection.set(*holder, family).as_str().to_owned();
                self.members
                    .insert(set, Concern::Selected(selection.text()));
            }
        }
    }

    fn add_endpoint(&mut self, state: &State, endpoint: &Endpoint) {
        self.endpoints
            .insert(endpoint.interface.to_string(), endpoint.name.to_string());
        for direction in Direction::ALL {
            let stack = Stack::of(state, endpoint, direction, DenyAction::Drop);
            let list: Vec<String> = stack.deciders().map(ToString::to_string).collect();
            for chain in stack.chains().1.keys() {
                self.bundles
                    .insert(chain.as_str().to_owned(), Concern::Bundle(list.clone()));
            }
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
            "source-ip4" | "source-ip6" | "source-mac4" | "source-mac6" | "source-macs"
            | "source-any-mac" | "from" | "to" => self.interfaces(operation, Change::Changes),
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
                ("policy", group, way @ ("in" | "out")) => {
                    let direction = match way {
                        "in" => Direction::Ingress,
                        _ => Direction::Egress,
                    };
                    let decider = Decider::Group(group.parse().ok()?);
                    let is_whole = parts.next().is_none();
                    Some((is_whole, Concern::Policy(decider, direction)))
                }
                ("group", group, _) => Some((false, Concern::Members(group.to_owned()))),
                ("set", ..) => Some((false, Concern::Selected("a selector".to_owned()))),
                ("np" | "gnp" | "profile" | "tier" | "bundle", ..) => Some((
                    true,
                    Concern::Bundle(vec!["policies that are gone".to_owned()]),
                )),
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
