//! Neighbours: the rules about prefixes of one family in order, so that those near a prefix are found
//! without a look at all others.

use std::collections::{BTreeMap, BTreeSet};

use super::prefixes::PrefixRule;
use crate::model::Service;
use crate::net::Cidr;

/// Rules about prefixes of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Neighbours {
    /// How often each is said.
    rules: BTreeMap<PrefixRule, usize>,
    /// How many rules there are of each length of prefix: around a prefix there can be those of shorter
    /// lengths alone, one of each.
    lengths: BTreeMap<u8, usize>,
}

impl Neighbours {
    /// Those of rules that are in order.
    pub(super) fn of(rules: &[PrefixRule]) -> Self {
        let mut lengths = BTreeMap::new();
        for (prefix, _) in rules {
            *lengths.entry(prefix.prefix_len()).or_default() += 1;
        }
        let same = rules.chunk_by(|a, b| a == b);
        let rules = same.filter_map(|same| Some((*same.first()?, same.len())));
        Self {
            rules: rules.collect(),
            lengths,
        }
    }

    /// Takes in that some rules went and others came.
    pub(super) fn replace(&mut self, gone: &[PrefixRule], came: &[PrefixRule]) {
        for rule in came {
            *self.rules.entry(*rule).or_default() += 1;
            *self.lengths.entry(rule.0.prefix_len()).or_default() += 1;
        }
        for rule in gone {
            less(&mut self.rules, rule);
            less(&mut self.lengths, &rule.0.prefix_len());
        }
    }

    /// The rules whose prefixes lie around or inside one of these; none where there are more than `most`.
    pub(super) fn near(&self, prefixes: &BTreeSet<Cidr>, most: usize) -> Option<Vec<PrefixRule>> {
        let mut near = Vec::new();
        for (rule, &count) in self.nested(prefixes) {
            if near.len() + count > most {
                return None;
            }
            near.extend(std::iter::repeat_n(*rule, count));
        }
        near.sort_unstable();
        Some(near)
    }

    /// What lies around or inside one of these prefixes. However they lie in each other, each rule is looked
    /// at once.
    fn nested(&self, prefixes: &BTreeSet<Cidr>) -> impl Iterator<Item = (&PrefixRule, &usize)> {
        let outermost = outermost(prefixes);
        let around = outermost.iter().flat_map(|prefix| self.around(*prefix));
        let around: BTreeSet<Cidr> = around.collect();
        let around = around.into_iter().flat_map(|prefix| self.of_prefix(prefix));
        around.chain(outermost.into_iter().flat_map(|prefix| self.inside(prefix)))
    }

    /// The shorter prefixes that rules may be about.
    fn around(&self, prefix: Cidr) -> impl Iterator<Item = Cidr> {
        let shorter = self.lengths.range(..prefix.prefix_len());
        shorter.map(move |(&length, _)| Cidr::of(prefix.network(), length))
    }

    fn of_prefix(&self, prefix: Cidr) -> impl Iterator<Item = (&PrefixRule, &usize)> {
        let from = self.rules.range((prefix, Service::Any)..);
        from.take_while(move |((one, _), _)| *one == prefix)
    }

    /// Those of the same prefix and of longer ones: prefixes in order come after every prefix around them.
    fn inside(&self, prefix: Cidr) -> impl Iterator<Item = (&PrefixRule, &usize)> {
        let from = self.rules.range((prefix, Service::Any)..);
        from.take_while(move |((one, _), _)| prefix.covers(one))
    }
}

/// Those that lie in none of the others. In order the last of them is the only one that a next one may lie
/// in.
fn outermost(prefixes: &BTreeSet<Cidr>) -> Vec<Cidr> {
    let mut outermost: Vec<Cidr> = Vec::new();
    for prefix in prefixes {
        if !outermost.last().is_some_and(|outer| outer.covers(prefix)) {
            outermost.push(*prefix);
        }
    }
    outermost
}

/// One less; what is counted to nothing is forgotten.
fn less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::net::Protocol;

    fn some_rule() -> impl Strategy<Value = PrefixRule> {
        let v4 = (0u8..3, 0u8..3, 0u8..=32);
        let prefix = v4.prop_map(|(a, b, n)| Cidr::of([10, a, b, a].into(), n));
        let service = (0u8..3).prop_map(|n| match n {
            0 => Service::Any,
            _ => Service::Protocol(Protocol(n)),
        });
        (prefix, service)
    }

    fn nests((one, _): &PrefixRule, other: &Cidr) -> bool {
        one.covers(other) || other.covers(one)
    }

    proptest! {
        #[test]
        fn what_is_near_is_what_a_look_at_all_finds(
            mut rules in prop::collection::vec(some_rule(), 0..80),
            mut came in prop::collection::vec(some_rule(), 0..8),
            prefixes in prop::collection::btree_set(some_rule().prop_map(|(prefix, _)| prefix), 1..4),
        ) {
            let gone = rules.split_off(rules.len() / 2);
            let mut all = [rules.clone(), gone.clone()].concat();
            all.sort_unstable();
            let mut neighbours = Neighbours::of(&all);
            neighbours.replace(&gone, &came);
            rules.append(&mut came);
            rules.sort_unstable();
            prop_assert_eq!(&neighbours, &Neighbours::of(&rules));
            let near = rules.into_iter().filter(|rule| prefixes.iter().any(|one| nests(rule, one)));
            let near: Vec<PrefixRule> = near.collect();
            let seen: Vec<&PrefixRule> = neighbours.nested(&prefixes).map(|(rule, _)| rule).collect();
            let different: BTreeSet<&PrefixRule> = near.iter().collect();
            prop_assert_eq!(seen.len(), different.len());
            let found = neighbours.near(&prefixes, near.len());
            prop_assert_eq!(found.as_ref(), Some(&near));
            if let Some(fewer) = near.len().checked_sub(1) {
                prop_assert_eq!(neighbours.near(&prefixes, fewer), None);
            }
        }
    }
}
