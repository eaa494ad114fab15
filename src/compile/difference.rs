//! A difference: what a list of rules lost and gained.

use std::collections::BTreeMap;

use crate::model::{GroupRule, GroupRules};

/// Rules that a list lost and gained, in whatever order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Rules that were there and are not.
    pub(super) gone: Vec<GroupRule>,
    /// Rules that are there and were not.
    pub(super) came: Vec<GroupRule>,
}

impl Difference {
    /// What makes the new list of the old one; none where they say the same.
    pub(super) fn between(old: &GroupRules, new: &GroupRules) -> Option<Self> {
        let [old, new] = old.apart(new);
        let mut balance: BTreeMap<_, (i64, &GroupRule)> = BTreeMap::new();
        let weighed = old.iter().map(|rule| (*rule, -1));
        for (rule, weight) in weighed.chain(new.iter().map(|rule| (*rule, 1))) {
            let says = (rule.family, rule.service, &rule.peer);
            balance.entry(says).or_insert((0, rule)).0 += weight;
        }
        let those = |sign: i64| {
            let several = balance.values().filter(move |(n, _)| n * sign > 0);
            let several = several.flat_map(|&(n, rule)| (0..n.abs()).map(move |_| rule.clone()));
            several.collect()
        };
        let found = Self {
            gone: those(-1),
            came: those(1),
        };
        (!old.is_empty() || !new.is_empty()).then_some(found)
    }

    /// How many rules there are in it.
    pub(super) fn len(&self) -> usize {
        self.gone.len() + self.came.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, Peer, Service};

    fn rules(prefixes: &[&str]) -> Vec<GroupRule> {
        let rule = |prefix: &&str| {
            let prefix: crate::net::Cidr = prefix.parse().unwrap();
            GroupRule {
                family: prefix.family(),
                service: Service::Any,
                peer: Peer::Cidr(prefix),
                origin: Origin::default(),
            }
        };
        prefixes.iter().map(rule).collect()
    }

    fn between(old: &[&str], new: &[&str]) -> Option<Difference> {
        Difference::between(&rules(old).into(), &rules(new).into())
    }

    #[test]
    fn what_stays_is_no_difference_wherever_it_stands() {
        assert_eq!(between(&["10.0.0.1"], &["10.0.0.1"]), None);
        let difference = |gone: &[&str], came: &[&str]| {
            Some(Difference {
                gone: rules(gone),
                came: rules(came),
            })
        };
        let old = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
        let new = ["10.0.0.9", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.4"];
        let expected = difference(&["10.0.0.1"], &["10.0.0.4", "10.0.0.9"]);
        assert_eq!(between(&old, &new), expected);
        let moved = ["10.0.0.4", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
        assert_eq!(between(&old, &moved), difference(&[], &[]));
        assert_eq!(between(&old[..1], &[]), difference(&["10.0.0.1"], &[]));
    }
}
