//! Chains and sets on their way into the table.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Census;
use super::neighbours::Neighbours;
use super::remark::Remark;
use crate::net::Family;
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Chain, Datatype, Element, Key, Name, Rule, Set, SetFlags, Verdict};

/// What a policy is made of in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Objects {
    /// Its chains.
    pub(super) chains: BTreeMap<Name, Chain>,
    /// The counters of its rules, with their comments.
    pub(super) counters: BTreeMap<Name, Option<String>>,
    /// The sets that they look up and nobody else does.
    pub(super) sets: BTreeMap<Name, Set>,
    /// Of a group: the prefixes that it names, by family, where all its rules are one run.
    pub(super) overviews: BTreeMap<Family, Overview>,
    /// What to know about it.
    pub(super) remarks: BTreeSet<Remark>,
}

/// What stands in the table of what a policy was made of, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    chains: BTreeSet<Name>,
    counters: BTreeSet<Name>,
    sets: BTreeSet<Name>,
    /// Of a group: the prefixes that it names, by family, where all its rules are one run.
    pub(super) overviews: BTreeMap<Family, Overview>,
    /// What to know about it.
    pub(super) remarks: BTreeSet<Remark>,
}

/// What an edit has to know of the prefixes of a family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Overview {
    /// How many there are of which kind.
    pub(super) census: Census,
    /// Which.
    pub(super) neighbours: Neighbours,
}

impl Objects {
    /// Takes in a chain without a hook.
    pub(super) fn chain(&mut self, name: Name, rules: Vec<Rule>) {
        let chain = Chain {
            rules,
            ..Chain::default()
        };
        self.chains.insert(name, chain);
    }

    /// Takes in a set of these keys: an interval set if any of them is a range.
    pub(super) fn set(&mut self, name: Name, types: &[Datatype], keys: Vec<Key>) {
        let flags = flags(&keys);
        let elements = keys
            .into_iter()
            .map(|key| (key, Element::default()))
            .collect();
        let set = Set {
            flags,
            elements,
            ..Set::of(types)
        };
        self.sets.insert(name, set);
    }

    /// Takes in a verdict map of these keys: an interval map if any of them is a range.
    pub(super) fn verdicts(
        &mut self,
        name: Name,
        types: &[Datatype],
        entries: Vec<(Key, Verdict)>,
    ) {
        let mut map = Set::verdict_map(types);
        map.flags = flags(entries.iter().map(|(key, _)| key));
        for (key, verdict) in entries {
            map.insert_verdict(key, verdict);
        }
        self.sets.insert(name, map);
    }

    /// Puts these into the table in the place of what stands there: what is the same stays.
    pub(super) fn replace(self, old: &Standing, table: &mut Tracked) -> Standing {
        let new = Standing {
            chains: self.chains.keys().cloned().collect(),
            counters: self.counters.keys().cloned().collect(),
            sets: self.sets.keys().cloned().collect(),
            overviews: self.overviews,
            remarks: self.remarks,
        };
        for name in old.chains.difference(&new.chains) {
            table.remove_chain(name);
        }
        for name in old.sets.difference(&new.sets) {
            table.remove_set(name);
        }
        for name in old.counters.difference(&new.counters) {
            table.remove_counter(name);
        }
        for (name, chain) in self.chains {
            table.put_chain(name, chain);
        }
        for (name, set) in self.sets {
            table.put_set(name, set);
        }
        for (name, comment) in self.counters {
            table.put_counter(name, comment);
        }
        new
    }
}

impl Standing {
    /// Takes all of it out of the table.
    pub(super) fn remove_from(&self, table: &mut Tracked) {
        let _nothing = Objects::default().replace(self, table);
    }
}

fn flags<'k>(keys: impl IntoIterator<Item = &'k Key>) -> SetFlags {
    match keys.into_iter().any(|key| key.end.is_some()) {
        true => SetFlags::INTERVAL,
        false => SetFlags::empty(),
    }
}
