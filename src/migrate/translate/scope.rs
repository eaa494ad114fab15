//! What tables of iptables share: lists of `recent`, tables of `hashlimit` and sets are the host's, where sets of nft
//! belong to one table each.

use std::collections::{BTreeMap, BTreeSet};

use super::class::Obstacle;
use crate::migrate::host::Host;
use crate::migrate::ipset::{self, Type};
use crate::migrate::iptables::{TableName, Target, Test};
use crate::net::Family;

/// A table of iptables.
type Place = (Family, TableName);

/// Which tables use what.
#[derive(Debug, Default)]
pub(super) struct Shared {
    lists: BTreeMap<(Family, String), BTreeSet<TableName>>,
    rates: BTreeMap<(Family, String), BTreeSet<TableName>>,
    sets: BTreeMap<String, BTreeSet<Place>>,
    written: BTreeSet<String>,
}

impl Shared {
    /// What the tables of a host share.
    pub(super) fn of(host: &Host) -> Self {
        let mut shared = Self::default();
        for dump in &host.dumps {
            for (table, _, rule) in dump.rules() {
                let place = (dump.family, table.name);
                for one in &rule.matches {
                    shared.test(place, &one.test);
                }
                if let Target::Set(target) = &rule.target {
                    for (_, name, _) in &target.actions {
                        shared.sets.entry(name.clone()).or_default().insert(place);
                        shared.written.insert(name.clone());
                    }
                }
            }
        }
        shared.lists_too(host);
        shared
    }

    /// Whoever looks a list up looks up the sets in it.
    fn lists_too(&mut self, host: &Host) {
        for list in host.sets.iter().filter(|set| set.kind == Type::ListSet) {
            let places = self.sets.get(&list.name).cloned().unwrap_or_default();
            for field in list.elements.iter().flat_map(|element| &element.fields) {
                if let ipset::Field::Set(name) = field {
                    let of_member = self.sets.entry(name.clone()).or_default();
                    of_member.extend(&places);
                }
            }
        }
    }

    fn test(&mut self, (family, table): Place, test: &Test) {
        if let Test::Recent(recent) = test {
            let list = (family, recent.name.clone());
            self.lists.entry(list).or_default().insert(table);
        }
        if let Test::HashLimit(limit) = test {
            let rate = (family, limit.name.clone());
            self.rates.entry(rate).or_default().insert(table);
        }
        if let Test::Set(set) = test {
            let places = self.sets.entry(set.name.clone()).or_default();
            places.insert((family, table));
        }
    }

    /// A list of `recent` is of one table.
    pub(super) fn list(&self, family: Family, name: &str) -> Result<(), Obstacle> {
        match self.lists.get(&(family, name.to_owned())) {
            Some(tables) if tables.len() > 1 => Err(apart(&format!("list {name} of recent"))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a table of `hashlimit` is of several tables.
    pub(super) fn has_rate_of_several(&self, family: Family, name: &str) -> bool {
        let tables = self.rates.get(&(family, name.to_owned()));
        tables.is_some_and(|tables| tables.len() > 1)
    }

    /// A set that rules change is of one table.
    pub(super) fn set(&self, name: &str) -> Result<(), Obstacle> {
        let places = self.sets.get(name).map_or(0, BTreeSet::len);
        match self.written.contains(name) && places > 1 {
            true => Err(apart(&format!("set {name}, which rules change,"))),
            false => Ok(()),
        }
    }
}

fn apart(what: &str) -> Obstacle {
    Obstacle::new(
        format!(
            "{what} is used in several tables, and a set of nft is seen in its own table alone"
        ),
        "put the rules that use it into one table, or write one table of nft for all of them by hand",
    )
}
