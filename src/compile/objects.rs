//! Chains and sets on their way into the table.

use std::collections::BTreeMap;

use crate::ruleset::{Chain, Datatype, Element, Key, Name, Rule, Set, SetFlags, Table};

/// What a policy is made of in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Objects {
    /// Its chains.
    pub(super) chains: BTreeMap<Name, Chain>,
    /// The sets that they look up and nobody else does.
    pub(super) sets: BTreeMap<Name, Set>,
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
        let flags = match keys.iter().any(|key| key.end.is_some()) {
            true => SetFlags::INTERVAL,
            false => SetFlags::empty(),
        };
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

    /// Puts all of it into a table.
    pub(super) fn put_into(self, table: &mut Table) {
        table.chains.extend(self.chains);
        table.sets.extend(self.sets);
    }
}
