//! An edit: the few keys that come and go where a group gets or loses a few rules about prefixes.
//!
//! Boxes depend on each other only where their prefixes lie in one another. So what lies in the same
//! widest prefixes as the changed rules is laid out twice, as it was and as it is, and all else stays.
//! Where a count says that sets or rules would be others than before, all is made again.

use std::collections::{BTreeMap, BTreeSet};

use super::boxes::Block;
use super::census::{Census, Count, Exact, Whole};
use super::difference::Difference;
use super::laid;
use super::lane::Lane;
use super::layout::{Cut, box_keys};
use super::names;
use super::objects::Objects;
use super::prefixes::{PrefixRule, Prefixes};
use super::run;
use super::service::Shape;
use crate::model::{GroupRule, Peer};
use crate::net::{Cidr, Family};
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Element, Key, Name};

/// More changed rules than this are not worth looking for what is near each of them.
const RULES_MAX: usize = 64;

/// What comes into sets and goes out of them, and nothing else changes.
#[derive(Debug, Default)]
pub(super) struct Edit {
    sets: Vec<(Name, Keys)>,
    censuses: BTreeMap<Family, Census>,
}

/// Keys of one set.
#[derive(Debug, Default)]
struct Keys {
    gone: BTreeSet<Key>,
    came: BTreeSet<Key>,
}

/// The policy that is edited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edited<'p> {
    /// What was made of it.
    pub(super) objects: &'p Objects,
    /// Its chain.
    pub(super) owner: &'p Name,
    /// What becomes of packets that end early.
    pub(super) cut: Cut,
    /// Its rules now.
    pub(super) rules: &'p [GroupRule],
}

impl Edited<'_> {
    /// What a difference between its rules before and its rules now changes, if that is no more than keys.
    pub(super) fn edit(&self, difference: &Difference) -> Option<Edit> {
        let prefixes = |rule: &GroupRule| match rule.peer {
            Peer::Cidr(_) => true,
            Peer::Group(_) => false,
        };
        let mut changed = difference.gone.iter().chain(&difference.came);
        // Where nothing was counted the order of rules may matter, which is no part of a difference.
        let uncounted = self.objects.censuses.is_empty();
        if uncounted || difference.len() > RULES_MAX || !changed.all(prefixes) {
            return None;
        }
        let mut edit = Edit::default();
        for family in Family::ALL {
            let gone = of_family(&difference.gone, family);
            let came = of_family(&difference.came, family);
            if !gone.is_empty() || !came.is_empty() {
                let census = self.family(family, &gone, &came, &mut edit.sets)?;
                edit.censuses.insert(family, census);
            }
        }
        Some(edit)
    }

    fn family(
        &self,
        family: Family,
        gone: &[PrefixRule],
        came: &[PrefixRule],
        sets: &mut Vec<(Name, Keys)>,
    ) -> Option<Census> {
        let mut census = self.objects.censuses.get(&family)?.clone();
        let worth = census.worth();
        census.count_kinds(&run::kinds(family, gone), &run::kinds(family, came));
        if census.worth() != worth {
            return None;
        }
        let new = self.near(family, gone, came);
        let old = without(&new, came, gone);
        for &lane in worth {
            let [old, new] = [&old, &new].map(|rules| Prefixes::of(family, lane, rules));
            if old != new {
                let part = Part {
                    lane,
                    count: census.lanes.get(&lane)?,
                    old,
                    new,
                };
                let (count, keys) = part.keys(self.cut)?;
                census.lanes.insert(lane, count);
                for (word, keys) in keys {
                    let name = names::shape(&names::run(self.owner, 0), word, family);
                    sets.push(self.stays(&name, keys)?);
                }
            }
        }
        Some(census)
    }

    /// The keys of a set that has several before and after, so that it stays what it is.
    fn stays(&self, name: &Name, keys: Keys) -> Option<(Name, Keys)> {
        let before = self.objects.sets.get(name)?.elements.len();
        let after = before + keys.came.len() - keys.gone.len();
        (before > 1 && after > 1).then(|| (name.clone(), keys))
    }

    /// The rules of a family whose prefixes lie in the widest prefixes around those of changed rules.
    fn near(&self, family: Family, gone: &[PrefixRule], came: &[PrefixRule]) -> Vec<PrefixRule> {
        let mut widest: Vec<Cidr> = gone.iter().chain(came).map(|(prefix, _)| *prefix).collect();
        let rules = self.rules.iter().filter(|rule| rule.family == family);
        let rules = rules.filter_map(of_prefix);
        for (prefix, _) in rules.clone() {
            for inner in widest.iter_mut().filter(|inner| prefix.covers(inner)) {
                *inner = prefix;
            }
        }
        let near = rules.filter(|(prefix, _)| widest.iter().any(|outer| outer.covers(prefix)));
        near.collect()
    }
}

impl Edit {
    /// Makes the change, in what was made of the policy and in the table.
    pub(super) fn apply(self, objects: &mut Objects, table: &mut Tracked) {
        objects.censuses.extend(self.censuses);
        for (name, keys) in self.sets {
            let Some(set) = objects.sets.get_mut(&name) else {
                continue;
            };
            for key in &keys.gone {
                set.elements.remove(key);
                table.remove_element(&name, key);
            }
            for key in keys.came {
                set.insert(key.clone());
                table.insert_element(&name, key, Element::default());
            }
        }
    }
}

/// The prefixes of one lane near those that changed, before and after.
struct Part<'c> {
    lane: Lane,
    /// All of the lane before.
    count: &'c Count,
    old: Prefixes,
    new: Prefixes,
}

impl Part<'_> {
    /// What the lane has after, and what comes and goes; none where it is held in another way then.
    fn keys(&self, cut: Cut) -> Option<(Count, BTreeMap<&'static str, Keys>)> {
        let whole = self.count.whole(self.lane);
        if self.old.wholly_sorted() != self.new.wholly_sorted() && has_sets_of_whole(whole, cut) {
            return None;
        }
        let [old, new] = [&self.old, &self.new].map(|part| laid::part(whole, self.lane, part));
        let [lost, gained] = [(&self.old, &old), (&self.new, &new)].map(|(prefixes, laid)| {
            let mut count = Count::of(prefixes);
            for (&shape, boxes) in laid {
                count.note(shape, boxes);
            }
            count
        });
        let count = self.count.with(&lost, &gained);
        if count.whole(self.lane) != whole || !count.is_within_bounds(self.lane) {
            return None;
        }
        let mut changes = BTreeMap::new();
        for &shape in self.lane.shapes() {
            let [old, new] = [&old, &new].map(|laid| all_keys(shape, laid.get(&shape)));
            let exact = self.count.exact(shape);
            if old != new && count.exact(shape) != exact {
                return None;
            }
            for key in old.difference(&new) {
                let keys: &mut Keys = changes.entry(word(shape, exact, key)).or_default();
                keys.gone.insert(key.clone());
            }
            for key in new.difference(&old) {
                let keys: &mut Keys = changes.entry(word(shape, exact, key)).or_default();
                keys.came.insert(key.clone());
            }
        }
        Some((count, changes))
    }
}

/// Whether whole prefixes are in sets of their own, too.
fn has_sets_of_whole(whole: Whole, cut: Cut) -> bool {
    match whole {
        Whole::Apart => true,
        Whole::Among(shape) => shape.is_read_from_header() && cut == Cut::Matched,
    }
}

/// The word for the set that has a key.
fn word(shape: Shape, exact: Exact, key: &Key) -> &'static str {
    match (exact, &key.end) {
        (Exact::Apart, None) => shape.exact_word(),
        (Exact::Among, _) | (Exact::Apart, Some(_)) => shape.word(),
    }
}

fn all_keys(shape: Shape, boxes: Option<&Vec<Block>>) -> BTreeSet<Key> {
    let boxes = boxes.into_iter().flatten();
    boxes.flat_map(|block| box_keys(shape, block)).collect()
}

fn of_prefix(rule: &GroupRule) -> Option<PrefixRule> {
    match rule.peer {
        Peer::Cidr(prefix) => Some((prefix, rule.service)),
        Peer::Group(_) => None,
    }
}

fn of_family(rules: &[GroupRule], family: Family) -> Vec<PrefixRule> {
    let rules = rules.iter().filter(|rule| rule.family == family);
    rules.filter_map(of_prefix).collect()
}

/// Rules without some, each taken away once, and with others.
fn without(rules: &[PrefixRule], less: &[PrefixRule], more: &[PrefixRule]) -> Vec<PrefixRule> {
    let mut less = less.to_vec();
    let kept = rules.iter().filter(|rule| {
        let place = less.iter().position(|one| one == *rule);
        place.map(|place| less.swap_remove(place)).is_none()
    });
    let kept: Vec<PrefixRule> = kept.copied().collect();
    [kept, more.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compile::decider::Decider;
    use crate::compile::policy;
    use crate::model::{
        Direction, InvalidCheck, PolicyCounters, SecurityGroup, Service, Settings, State,
    };
    use crate::net::{PortRange, Protocol};

    /// A policy of a group with these rules, alone.
    struct World {
        decider: Decider,
        state: State,
        settings: Settings,
    }

    impl World {
        fn of(rules: &[GroupRule], settings: &Settings) -> Self {
            let group = SecurityGroup {
                name: "web".parse().unwrap(),
                ingress: rules.to_vec(),
                egress: Vec::new(),
            };
            let mut state = State::default();
            state.groups.insert(group.name.clone(), group.clone());
            Self {
                decider: Decider::Group(group.name),
                state,
                settings: settings.clone(),
            }
        }

        fn objects(&self) -> Objects {
            let none = BTreeSet::new();
            policy::objects(
                &self.decider,
                Direction::Ingress,
                &self.state,
                &self.settings,
                &none,
            )
        }
    }

    fn into_table(objects: &Objects) -> Tracked {
        let mut table = Tracked::default();
        objects.replace(&Objects::default(), &mut table);
        table
    }

    /// What was made of some rules, edited to be what others are made into; whether that can be.
    fn edited(old: &[GroupRule], new: &[GroupRule], settings: &Settings) -> bool {
        let Some(difference) = Difference::between(old, new) else {
            return false;
        };
        let [before, after] = [old, new].map(|rules| World::of(rules, settings));
        let mut objects = before.objects();
        let mut table = into_table(&objects);
        let owner = names::decider(&after.decider, Direction::Ingress);
        let edited = Edited {
            objects: &objects,
            owner: &owner,
            cut: policy::cut(super::super::decider::Rules::Group(new), &after.settings),
            rules: new,
        };
        let edit = edited.edit(&difference);
        let is_edit = edit.is_some();
        if let Some(edit) = edit {
            edit.apply(&mut objects, &mut table);
            assert_eq!(objects, after.objects());
            assert_eq!(table.table(), into_table(&after.objects()).table());
        }
        is_edit
    }

    fn rule(prefix: &str, service: Service) -> GroupRule {
        let prefix: Cidr = prefix.parse().unwrap();
        GroupRule {
            family: prefix.family(),
            service,
            peer: Peer::Cidr(prefix),
            origin: crate::model::Origin::default(),
        }
    }

    /// Rules about so many other groups: with more than four kinds of rule a policy has lanes.
    fn about_groups(count: u8) -> Vec<GroupRule> {
        let about = |n| GroupRule {
            peer: Peer::Group(format!("peer{n}").parse().unwrap()),
            ..rule("10.0.0.0/8", tcp(80, 80))
        };
        (0..count).map(about).collect()
    }

    fn tcp(first: u16, last: u16) -> Service {
        Service::Ports(Protocol::TCP, PortRange::new(first, last).unwrap())
    }

    /// Rules of every shape, about so many networks.
    fn many(networks: u16) -> Vec<GroupRule> {
        let services = [
            tcp(80, 80),
            tcp(100, 200),
            Service::Ports(Protocol::UDP, PortRange::new(53, 53).unwrap()),
            Service::Protocol(Protocol(47)),
            Service::Icmp(8, None),
        ];
        let each = (0..networks).flat_map(|n| {
            let [high, low] = n.to_be_bytes();
            services.map(|service| rule(&format!("10.{high}.{low}.0/24"), service))
        });
        let whole = ["192.0.2.7", "192.0.2.9"].map(|host| rule(host, Service::Any));
        let each: Vec<GroupRule> = each.chain(whole).collect();
        [about_groups(3), each].concat()
    }

    #[test]
    fn a_rule_more_or_less_is_an_edit() {
        let old = many(20);
        for more in [
            rule("10.0.3.0/24", tcp(300, 400)),
            rule("10.0.3.4", tcp(150, 300)),
            rule("172.16.0.0/12", tcp(1, 9)),
            rule("172.16.0.0/12", Service::Protocol(Protocol::TCP)),
        ] {
            let new = [old.clone(), vec![more]].concat();
            assert!(edited(&old, &new, &Settings::default()), "{new:?}");
            assert!(edited(&new, &old, &Settings::default()), "{new:?}");
        }
    }

    #[test]
    fn where_rules_count_their_order_is_kept() {
        let old = many(2);
        let new: Vec<GroupRule> = old.iter().rev().cloned().collect();
        let counting = Settings {
            policy_counters: PolicyCounters::On,
            ..Settings::default()
        };
        assert!(edited(&old, &new, &Settings::default()));
        assert!(!edited(&old, &new, &counting));
    }

    /// Whether each of a few more rules is an edit.
    fn one_more_each(mut rules: Vec<GroupRule>, more: impl Fn(u8) -> GroupRule) -> [bool; 5] {
        [0, 1, 2, 3, 4].map(|n| {
            let before = rules.clone();
            rules.push(more(n));
            edited(&before, &rules, &Settings::default())
        })
    }

    #[test]
    fn where_whole_prefixes_get_a_set_of_their_own_all_is_made_again() {
        // TCP has 8,190 rules, two for each network, and two whole prefixes.
        let more = |n: u8| rule(&format!("172.16.{n}.0/24"), tcp(1, 9));
        let edits = one_more_each(many(4_095), more);
        // With the third rule more exact boxes get a set of their own, too.
        assert_eq!(edits, [false, true, false, true, true]);
    }

    #[test]
    fn where_exact_boxes_get_a_set_of_their_own_all_is_made_again() {
        let host = |n: u16| {
            let [high, low] = n.to_be_bytes();
            rule(&format!("10.0.{high}.{low}"), tcp(80, 80))
        };
        let ranges = ["10.1.0.0/16", "10.2.0.0/16"].map(|net| rule(net, tcp(1, 9)));
        let hosts: Vec<GroupRule> = (0..8_188).map(host).collect();
        let rules = [about_groups(5), ranges.to_vec(), hosts].concat();
        let edits = one_more_each(rules, |n| host(10_000 + u16::from(n)));
        assert_eq!(edits, [true, true, false, true, true]);
    }

    fn prefix() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => (0u8..6, 0u8..4, 8u8..=32).prop_map(|(a, b, n)| format!("10.{a}.{b}.0/{n}")),
            1 => Just("0.0.0.0/0".to_owned()),
            2 => (0u8..3, 30u8..=128).prop_map(|(a, n)| format!("fd00:{a}::/{n}")),
        ]
    }

    fn some_rule() -> impl Strategy<Value = GroupRule> {
        let service = prop_oneof![
            1 => Just(Service::Any),
            1 => prop::sample::select(vec![6, 17, 1, 58, 47])
                .prop_map(|n| Service::Protocol(Protocol(n))),
            6 => (0u16..30, 0u16..12).prop_map(|(first, more)| tcp(first, first + more)),
            2 => (0u16..30).prop_map(|port| {
                Service::Ports(Protocol::UDP, PortRange::new(port, port).unwrap())
            }),
            2 => (0u8..4, prop::option::of(0u8..2)).prop_map(|(kind, code)| Service::Icmp(kind, code)),
        ];
        (prefix(), service).prop_map(|(prefix, service)| rule(&prefix, service))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn an_edit_leaves_what_is_made_from_scratch(
            rules in prop::collection::vec(some_rule(), 0..60),
            come in prop::collection::vec(some_rule(), 0..4),
            go in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            groups in 0u8..5,
            disabled in any::<bool>(),
        ) {
            let rules = [about_groups(groups), rules].concat();
            let mut new = rules.clone();
            for index in go {
                if !new.is_empty() {
                    new.remove(index.index(new.len()));
                }
            }
            for (place, rule) in come.into_iter().enumerate() {
                new.insert((place * 7).min(new.len()), rule);
            }
            let settings = Settings {
                invalid_check: match disabled {
                    true => InvalidCheck::Disabled,
                    false => InvalidCheck::Enforced,
                },
                ..Settings::default()
            };
            edited(&rules, &new, &settings);
        }
    }
}
