//! Chains and sets on their way into the table.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Census;
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
    /// How many prefixes it names, by family, where all its rules are one run.
    pub(super) censuses: BTreeMap<Family, Census>,
    /// What to know about it.
    pub(super) remarks: BTreeSet<Remark>,
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

    /// Puts these into the table in the place of others, which are there: what is the same stays.
    pub(super) fn replace(&self, old: &Self, table: &mut Tracked) {
        for name in old
            .chains
            .keys()
            .filter(|name| !self.chains.contains_key(*name))
        {
            table.remove_chain(name);
        }
        for name in old
            .sets
            .keys()
            .filter(|name| !self.sets.contains_key(*name))
        {
            table.remove_set(name);
        }
        for name in old
            .counters
            .keys()
            .filter(|name| !self.counters.contains_key(*name))
        {
            table.remove_counter(name);
        }
        let is_new = |(name, chain): &(&Name, &Chain)| old.chains.get(*name) != Some(*chain);
        for (name, chain) in self.chains.iter().filter(is_new) {
            table.put_chain(name.clone(), chain.clone());
        }
        let is_new = |(name, set): &(&Name, &Set)| old.sets.get(*name) != Some(*set);
        for (name, set) in self.sets.iter().filter(is_new) {
            table.put_set(name.clone(), set.clone());
        }
        for (name, comment) in &self.counters {
            table.put_counter(name.clone(), comment.clone());
        }
    }

    /// Takes these out of the table.
    pub(super) fn remove_from(&self, table: &mut Tracked) {
        Self::default().replace(self, table);
    }
}

fn flags<'k>(keys: impl IntoIterator<Item = &'k Key>) -> SetFlags {
    match keys.into_iter().any(|key| key.end.is_some()) {
        true => SetFlags::INTERVAL,
        false => SetFlags::empty(),
    }
}
