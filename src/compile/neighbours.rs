//! Neighbours: the rules about prefixes of one family in order, so that those near a prefix are found
//! without a look at all others.

use std::collections::BTreeMap;

use super::prefixes::PrefixRule;
use super::sorted::sorted;
use crate::model::Service;
use crate::net::Cidr;

/// Rules about prefixes of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Neighbours {
    /// How often each is said.
    rules: BTreeMap<PrefixRule, usize>,
    /// How many rules there are of each length of prefix: around a prefix there can be those of shorter
    /// lengths alone, one of each.
    lengths: Lengths,
}

impl Neighbours {
    /// Those of rules that are in order.
    pub(super) fn of(rules: &[PrefixRule]) -> Self {
        let lengths = Lengths::of(rules);
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
            self.lengths.more(rule.0);
        }
        for rule in gone {
            self.less(rule);
        }
    }

    /// The rules whose prefixes lie around or inside one of these; none where there are more than `most`.
    pub(super) fn near(&self, prefixes: &[Cidr], most: usize) -> Option<Vec<PrefixRule>> {
        // However they lie in each other, each rule is looked at once.
        let outermost = outermost(prefixes);
        let mut around = Vec::new();
        for prefix in &outermost {
            around.extend(self.around(*prefix));
        }
        let mut near = Vec::new();
        for prefix in sorted(around) {
            self.gather(&mut near, most, prefix, |one| *one == prefix)?;
        }
        // Prefixes in order come after every prefix around them: behind one are those that lie in it.
        for prefix in outermost {
            self.gather(&mut near, most, prefix, |one| prefix.covers(one))?;
        }
        near.sort_unstable();
        Some(near)
    }

    /// The shorter prefixes that rules may be about.
    fn around(&self, prefix: Cidr) -> impl Iterator<Item = Cidr> {
        let shorter = self.lengths.below(prefix.prefix_len());
        shorter.map(move |length| Cidr::of(prefix.network(), length))
    }

    /// The rules from a prefix on as long as theirs fit; none where there are more than `most`.
    fn gather(
        &self,
        near: &mut Vec<PrefixRule>,
        most: usize,
        from: Cidr,
        fits: impl Fn(&Cidr) -> bool,
    ) -> Option<()> {
        let rules = self.rules.range((from, Service::Any)..);
        for (rule, &count) in rules.take_while(|((prefix, _), _)| fits(prefix)) {
            if near.len() + count > most {
                return None;
            }
            near.extend(std::iter::repeat_n(*rule, count));
        }
        Some(())
    }

    /// One less; what is counted to nothing is forgotten.
    fn less(&mut self, rule: &PrefixRule) {
        if let Some(count) = self.rules.get_mut(rule) {
            *count -= 1;
            if *count == 0 {
                self.rules.remove(rule);
            }
            self.lengths.less(rule.0);
        }
    }
}

/// How many rules there are of each length of prefix that they have, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Lengths(Vec<(u8, usize)>);

impl Lengths {
    fn of(rules: &[PrefixRule]) -> Self {
        let mut counts = [0; 1 << u8::BITS];
        for (prefix, _) in rules {
            counts[usize::from(prefix.prefix_len())] += 1;
        }
        let lengths = (0..=u8::MAX).zip(counts);
        Self(lengths.filter(|(_, count)| *count > 0).collect())
    }

    fn more(&mut self, prefix: Cidr) {
        let length = prefix.prefix_len();
        match self.0.binary_search_by_key(&length, |(length, _)| *length) {
            Ok(at) => self.0[at].1 += 1,
            Err(at) => self.0.insert(at, (length, 1)),
        }
    }

    fn less(&mut self, prefix: Cidr) {
        let length = prefix.prefix_len();
        if let Ok(at) = self.0.binary_search_by_key(&length, |(length, _)| *length) {
            self.0[at].1 -= 1;
            if self.0[at].1 == 0 {
                self.0.remove(at);
            }
        }
    }

    /// Those below a length.
    fn below(&self, length: u8) -> impl Iterator<Item = u8> {
        let all = self.0.iter().map(|(length, _)| *length);
        all.take_while(move |one| *one < length)
    }
}

/// Those that lie in none of the others. In order the last of them is the only one that a next one may lie
/// in.
fn outermost(prefixes: &[Cidr]) -> Vec<Cidr> {
    let mut outermost: Vec<Cidr> = Vec::new();
    for prefix in sorted(prefixes.to_vec()) {
        if !outermost.last().is_some_and(|outer| outer.covers(&prefix)) {
            outermost.push(prefix);
        }
    }
    outermost
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
            prefixes in prop::collection::vec(some_rule().prop_map(|(prefix, _)| prefix), 1..4),
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
            let found = neighbours.near(&prefixes, near.len());
            prop_assert_eq!(found.as_ref(), Some(&near));
            if let Some(fewer) = near.len().checked_sub(1) {
                prop_assert_eq!(neighbours.near(&prefixes, fewer), None);
            }
        }
    }
}
