//! A difference: what a list of rules lost and gained.

use std::collections::HashMap;

use crate::model::{GroupRule, GroupRules, Peer, Service};
use crate::net::Family;

/// Rules that a list lost and gained, each in the order of the list that has them.
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
        if old.is_empty() && new.is_empty() {
            return None;
        }
        // Where one of the two has nothing, nothing is in both.
        if old.is_empty() || new.is_empty() {
            let [gone, came] = [old, new].map(|rules| rules.into_iter().cloned().collect());
            return Some(Self { gone, came });
        }
        // Hashed, since this may be every rule of two long lists.
        let mut balance: HashMap<Says<'_>, i64> = HashMap::new();
        for (rules, weight) in [(&old, -1), (&new, 1)] {
            for rule in rules {
                *balance.entry(says(rule)).or_default() += weight;
            }
        }
        Some(Self {
            gone: left(&old, -1, &mut balance),
            came: left(&new, 1, &mut balance),
        })
    }

    /// How many rules there are in it.
    pub(super) fn len(&self) -> usize {
        self.gone.len() + self.came.len()
    }
}

/// What a rule says, wherever it stands.
type Says<'r> = (Family, Service, &'r Peer);

fn says(rule: &GroupRule) -> Says<'_> {
    (rule.family, rule.service, &rule.peer)
}

/// As many of each of these rules as the balance has of their weight.
fn left<'r>(
    rules: &[&'r GroupRule],
    weight: i64,
    balance: &mut HashMap<Says<'r>, i64>,
) -> Vec<GroupRule> {
    let left = rules.iter().filter_map(|&rule| {
        let left = balance.get_mut(&says(rule))?;
        (*left * weight > 0).then(|| {
            *left -= weight;
            rule.clone()
        })
    });
    left.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;

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
        let expected = difference(&["10.0.0.1"], &["10.0.0.9", "10.0.0.4"]);
        assert_eq!(between(&old, &new), expected);
        let moved = ["10.0.0.4", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
        assert_eq!(between(&old, &moved), difference(&[], &[]));
        assert_eq!(between(&old[..1], &[]), difference(&["10.0.0.1"], &[]));
    }
}
