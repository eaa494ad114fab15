//! An edit and a compile from scratch come to the same.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::compile::decider::Decider;
use crate::compile::objects::Objects;
use crate::compile::policy;
use crate::model::{
    Direction, GroupRules, InvalidCheck, PolicyCounters, SecurityGroup, Service, Settings, State,
};
use crate::net::{Cidr, PortRange, Protocol};

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
            ingress: rules.to_vec().into(),
            egress: GroupRules::NONE,
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

fn standing(objects: Objects) -> (Standing, Tracked) {
    let mut table = Tracked::default();
    let standing = objects.replace(&Standing::default(), &mut table);
    (standing, table)
}

/// What was made of some rules, edited to be what others are made into; whether that can be.
fn edited(old: &[GroupRule], new: &[GroupRule], settings: &Settings) -> bool {
    let [before, after] = [old, new].map(|rules| GroupRules::from(rules.to_vec()));
    let Some(difference) = Difference::between(&before, &after) else {
        return false;
    };
    let [before, after] = [old, new].map(|rules| World::of(rules, settings));
    let (mut standing, mut table) = self::standing(before.objects());
    let owner = names::decider(&after.decider, Direction::Ingress);
    let edited = Edited {
        standing: &standing,
        table: table.table(),
        owner: &owner,
        cut: policy::cut(
            after
                .decider
                .rules(&after.state, Direction::Ingress)
                .unwrap(),
            settings,
        ),
        rules: new.len(),
    };
    let edit = edited.edit(&difference);
    let is_edit = edit.is_some();
    if let Some(edit) = edit {
        edit.apply(&mut standing, &mut table);
        let (expected, scratch) = self::standing(after.objects());
        assert_eq!(standing, expected);
        assert_eq!(table.table(), scratch.table());
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

#[test]
fn a_single_rule_that_counts_goes_with_all_that_was_made_of_it() {
    let counting = Settings {
        policy_counters: PolicyCounters::On,
        ..Settings::default()
    };
    let (wide, inside) = (
        rule("10.0.0.0/8", Service::Any),
        rule("10.1.0.0/16", tcp(80, 80)),
    );
    let one = [wide.clone()];
    assert!(!edited(&one, &[], &counting));
    assert!(!edited(&one, &[wide, inside], &counting));
}

#[test]
fn a_rule_inside_of_one_about_everything_is_an_edit() {
    let everything = rule("0.0.0.0/0", tcp(443, 443));
    let old = [many(400), vec![everything]].concat();
    let new = [old.clone(), vec![rule("10.0.3.4", tcp(440, 450))]].concat();
    assert!(edited(&old, &new, &Settings::default()));
    let most = [old.clone(), vec![rule("10.0.0.0/8", tcp(440, 450))]].concat();
    assert!(!edited(&old, &most, &Settings::default()));
}

#[test]
fn sets_of_whole_prefixes_are_named_for_whom_they_hold() {
    let any = |prefix| rule(prefix, Service::Any);
    let few = |service| rule("198.51.100.0/24", service);
    let rules = |service| {
        let whole = ["10.0.0.0/8", "192.168.0.0/16"].map(any);
        let others = [
            Service::Ports(Protocol::UDP, PortRange::new(53, 53).unwrap()),
            Service::Icmp(8, None),
            Service::Protocol(Protocol(47)),
        ];
        let own = vec![rule("172.16.0.0/12", service)];
        [
            about_groups(1),
            whole.to_vec(),
            others.map(few).to_vec(),
            own,
        ]
        .concat()
    };
    let (own, any) = (Service::Protocol(Protocol::TCP), Service::Any);
    edited(&rules(own), &rules(any), &Settings::default());
    edited(&rules(any), &rules(own), &Settings::default());
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

#[test]
fn where_whole_prefixes_are_apart_for_the_boxes_an_edit_is_one_still() {
    let wide = rule("192.0.2.0/24", Service::Any);
    let around = rule("10.0.0.0/8", tcp(5, 5));
    // Each falls into the ports before and after that of the network around it.
    let inside = |n: u16| {
        let [high, low] = n.to_be_bytes();
        rule(&format!("10.{high}.{low}.0/24"), tcp(1, 9))
    };
    let rules = |networks| {
        [about_groups(5), vec![wide.clone(), around.clone()]]
            .concat()
            .into_iter()
            .chain((0..networks).map(inside))
            .collect::<Vec<GroupRule>>()
    };
    let more = |n: u8| inside(10_000 + u16::from(n));
    // 8,190 boxes, then 8,192, which one set holds, and 8,194, which it does not.
    assert_eq!(
        one_more_each(rules(4_094), more),
        [true, false, true, true, true]
    );
    assert_eq!(one_more_each(rules(6_000), more), [true; 5]);
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
