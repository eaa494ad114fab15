//! What a packet in flight can see of one transaction. The right answer to the packet is the same
//! before and after each.

use super::*;
use crate::ruleset::fixture::*;
use crate::ruleset::{
    Datatype, Expression, HookPoint, MarkSource, MetaKey, Operand, PayloadField, Set, Statement,
    VmapSource,
};

/// The fates that a packet can meet in any instant of a transaction.
fn fates(old: &Ruleset, new: &Ruleset, packet: &Packet) -> Vec<Fate> {
    let mut fates: Vec<Fate> = traces_between(old, new, packet)
        .iter()
        .map(|t| t.fate)
        .collect();
    fates.sort();
    fates.dedup();
    fates
}

#[test]
fn rules_and_a_new_hash_set_together_are_seen_whole() {
    let old = world(
        vec![("forward", from_set("s"))],
        vec![("s", hash(&[ALICE]))],
    );
    let new = world(
        vec![("forward", from_set("s2"))],
        vec![("s2", hash(&[ALICE]))],
    );
    assert_eq!(fates(&old, &new, &packet()), [Fate::Accepted]);
}

#[test]
fn rules_and_a_new_interval_set_together_leak() {
    let set = || interval(&[(ALICE, BOB)]);
    let old = world(vec![("forward", from_set("s"))], vec![("s", set())]);
    let new = world(vec![("forward", from_set("s2"))], vec![("s2", set())]);
    assert_eq!(
        fates(&old, &new, &packet()),
        [Fate::Accepted, Fate::Dropped]
    );
    let populated = world(
        vec![("forward", from_set("s"))],
        vec![("s", set()), ("s2", set())],
    );
    assert_eq!(fates(&old, &populated, &packet()), [Fate::Accepted]);
    assert_eq!(fates(&populated, &new, &packet()), [Fate::Accepted]);
}

#[test]
fn rules_and_elements_of_one_set_together_leak() {
    let by = |at| {
        base(
            HookPoint::Forward,
            vec![rule(vec![in_set(at, "s"), accept()])],
        )
    };
    let old = world(
        vec![("forward", by(PayloadField::IpSaddr))],
        vec![("s", hash(&[BOB]))],
    );
    let new = world(
        vec![("forward", by(PayloadField::IpDaddr))],
        vec![("s", hash(&[ALICE]))],
    );
    assert_eq!(
        fates(&old, &new, &packet()),
        [Fate::Accepted, Fate::Dropped]
    );
}

#[test]
fn one_hash_set_read_twice_leaks_when_two_keys_change() {
    let first = rule(vec![in_set(PayloadField::IpDaddr, "s"), jump("in")]);
    let second = rule(vec![in_set(PayloadField::IpSaddr, "s"), accept()]);
    let both = |members: &[[u8; 4]]| {
        let chains = vec![
            ("forward", base(HookPoint::Forward, vec![first.clone()])),
            ("in", regular(vec![second.clone()])),
        ];
        world(chains, vec![("s", hash(members))])
    };
    // Neither before nor after are both members.
    let (old, new) = (both(&[BOB]), both(&[ALICE]));
    assert_eq!(
        fates(&old, &new, &packet()),
        [Fate::Accepted, Fate::Dropped]
    );
    assert_eq!(
        fates(&old, &both(&[]), &packet()),
        [Fate::Dropped],
        "tighten"
    );
    assert_eq!(
        fates(&both(&[]), &new, &packet()),
        [Fate::Dropped],
        "loosen"
    );
}

#[test]
fn a_new_chain_and_the_map_element_to_it_together_leak() {
    let dispatch = Statement::Vmap {
        key: vec![Expression::Meta(MetaKey::IifName)],
        map: VmapSource::Named(name("m")),
    };
    let side = |target: &str, chains: &[&str]| {
        let mut map = Set::verdict_map(&[Datatype::IfName]);
        let iif = Key::value(&crate::ruleset::key::interface_bytes("a"));
        map.insert_verdict(iif, Verdict::Goto(name(target)));
        let mut all = vec![(
            "forward",
            base(HookPoint::Forward, vec![rule(vec![dispatch.clone()])]),
        )];
        all.extend(
            chains
                .iter()
                .map(|c| (*c, regular(vec![rule(vec![accept()])]))),
        );
        world(all, vec![("m", map)])
    };
    let (old, new) = (side("x", &["x"]), side("y", &["y"]));
    assert_eq!(
        fates(&old, &new, &packet()),
        [Fate::Accepted, Fate::Dropped]
    );
    let (populated, moved) = (side("x", &["x", "y"]), side("y", &["x", "y"]));
    for (from, to) in [(&old, &populated), (&populated, &moved), (&moved, &new)] {
        assert_eq!(fates(from, to, &packet()), [Fate::Accepted]);
    }
}

#[test]
fn rules_in_two_hooks_together_leak() {
    let by = |first: u32, second: u32| {
        let mark = Statement::SetMark(MarkSource::Bits {
            keep: 0,
            flip: first,
        });
        let wanted = test(
            vec![Expression::Meta(MetaKey::Mark)],
            Operand::Key(Key::value(&second.to_ne_bytes())),
        );
        let chains = vec![
            (
                "pre",
                base(HookPoint::Prerouting, vec![rule(vec![mark, accept()])]),
            ),
            (
                "forward",
                base(HookPoint::Forward, vec![rule(vec![wanted, accept()])]),
            ),
        ];
        world(chains, vec![])
    };
    assert_eq!(
        fates(&by(1, 1), &by(2, 2), &packet()),
        [Fate::Accepted, Fate::Dropped]
    );
}

#[test]
fn a_rewritten_chain_leaks_with_anonymous_intervals_only() {
    let among = |keys: Vec<Key>, prefix: Option<Statement>| {
        let saddr = vec![field(PayloadField::IpSaddr)];
        let mut statements = vec![test(saddr, Operand::Anonymous(keys)), accept()];
        statements.extend(prefix);
        world(
            vec![("forward", base(HookPoint::Forward, vec![rule(statements)]))],
            vec![],
        )
    };
    let values = vec![Key::value(&ALICE), Key::value(&NOBODY)];
    let (old, new) = (
        among(values.clone(), None),
        among(values, Some(Statement::Counter)),
    );
    assert_eq!(fates(&old, &new, &packet()), [Fate::Accepted]);
    let ranges = vec![Key::range(&ALICE, &BOB)];
    let (old, new) = (
        among(ranges.clone(), None),
        among(ranges, Some(Statement::Counter)),
    );
    assert_eq!(
        fates(&old, &new, &packet()),
        [Fate::Accepted, Fate::Dropped]
    );
}
