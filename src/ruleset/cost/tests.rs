//! The longest path of small rulesets, and that no trace is longer.

use super::*;
use crate::net::{Family, Protocol};
use crate::ruleset::fixture::*;
use crate::ruleset::key::interface_bytes;
use crate::ruleset::trace::trace;
use crate::ruleset::{
    Datatype, Expression, HookPoint, Key, MetaKey, Operand, PayloadField, Rule, Set, Statement,
    Verdict, VmapSource,
};

fn by(at: PayloadField, set: &str) -> Rule {
    rule(vec![in_set(at, set), accept()])
}

#[test]
fn a_rule_of_the_other_family_costs_no_lookup() {
    let rules = vec![
        by(PayloadField::IpSaddr, "s"),
        by(PayloadField::IpDaddr, "s"),
        by(PayloadField::Ip6Saddr, "s"),
    ];
    let ruleset = world(
        vec![("forward", base(HookPoint::Forward, rules))],
        vec![("s", hash(&[]))],
    );
    let path = longest_path(&ruleset).unwrap();
    assert_eq!(
        path.cost,
        Cost {
            rules: 3,
            lookups: 2
        }
    );
    assert_eq!(path.class.family, Family::V4);
}

#[test]
fn a_rule_of_another_protocol_ends_before_its_lookup() {
    let both = vec![field(PayloadField::IpSaddr), field(PayloadField::TcpDport)];
    let ports = |set| rule(vec![test(both.clone(), Operand::Set(name(set))), accept()]);
    let is_udp = test(
        vec![Expression::Meta(MetaKey::L4proto)],
        Operand::Key(Key::value(&[Protocol::UDP.0])),
    );
    let rules = vec![
        ports("a"),
        ports("b"),
        rule(vec![is_udp, in_set(PayloadField::IpSaddr, "c")]),
    ];
    let ruleset = world(vec![("forward", base(HookPoint::Forward, rules))], vec![]);
    let path = longest_path(&ruleset).unwrap();
    assert_eq!(path.class.protocol, Some(Protocol::TCP));
    assert_eq!(
        path.cost,
        Cost {
            rules: 3,
            lookups: 2
        }
    );
}

/// Prerouting, then a dispatch map of a hundred interfaces into two bundles, one dearer.
fn dispatching() -> Ruleset {
    let mut map = Set::verdict_map(&[Datatype::IfName]);
    for index in 0..100 {
        let bundle = if index == 7 { "dear" } else { "cheap" };
        let iif = Key::value(&interface_bytes(&format!("tap{index}")));
        map.insert_verdict(iif, Verdict::Goto(name(bundle)));
    }
    let dispatch = Statement::Vmap {
        key: vec![Expression::Meta(MetaKey::IifName)],
        map: VmapSource::Named(name("m")),
    };
    let chains = vec![
        (
            "pre",
            base(HookPoint::Prerouting, vec![by(PayloadField::IpSaddr, "s")]),
        ),
        (
            "forward",
            base(
                HookPoint::Forward,
                vec![rule(vec![dispatch]), rule(vec![accept()])],
            ),
        ),
        ("cheap", regular(vec![rule(vec![accept()])])),
        (
            "dear",
            regular(vec![rule(vec![jump("policy")]), rule(vec![jump("policy")])]),
        ),
        (
            "policy",
            regular(vec![
                by(PayloadField::IpSaddr, "s"),
                by(PayloadField::IpDaddr, "s"),
            ]),
        ),
    ];
    world(chains, vec![("m", map), ("s", hash(&[ALICE]))])
}

#[test]
fn the_dearest_target_of_a_map_counts_once_per_way() {
    let path = longest_path(&dispatching()).unwrap();
    // 1 + 1 in prerouting, 1 + 1 for the map, 2 jumps, 2 x (2 rules + 2 lookups).
    assert_eq!(
        path.cost,
        Cost {
            rules: 8,
            lookups: 6
        }
    );
    let names: Vec<&str> = path.chains.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["pre", "forward", "dear", "policy", "policy"]);
}

#[test]
fn no_packet_costs_more() {
    let ruleset = dispatching();
    let bound = longest_path(&ruleset).unwrap().cost.total();
    for interface in ["tap7", "tap8", "eth0"] {
        let packet = crate::ruleset::packet::Packet {
            iif: interface.parse().ok(),
            ..packet()
        };
        assert!(
            trace(&ruleset, &packet).cost.total() <= bound,
            "{interface}"
        );
    }
}

#[test]
fn nothing_to_pass_is_no_path() {
    assert_eq!(longest_path(&Ruleset::default()), None);
}

#[test]
fn a_hundred_thousand_jumps_are_counted() {
    let jumps = vec![rule(vec![jump("x")]); 100_000];
    let chains = vec![
        ("forward", base(HookPoint::Forward, jumps)),
        ("x", regular(vec![])),
    ];
    let path = longest_path(&world(chains, vec![])).unwrap();
    assert_eq!((path.cost.rules, path.chains.len()), (100_000, 100_001));
}
