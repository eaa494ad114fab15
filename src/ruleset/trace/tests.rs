//! Traces of small rulesets.

use super::*;
use crate::net::Protocol;
use crate::ruleset::fixture::*;
use crate::ruleset::packet::Transport;
use crate::ruleset::{
    CtKey, CtState, Datatype, Expression, Hook, HookPoint, MarkSource, Match, MetaKey, Operand,
    Operator, PayloadField, Set, SetFlags, Statement, VmapSource,
};

#[test]
fn lookups_find_members_and_ranges_with_their_cost() {
    let ranges = interval(&[([9, 0, 0, 0], [9, 0, 0, 9]), ([10, 0, 0, 0], [10, 0, 0, 1])]);
    let ruleset = world(vec![("forward", from_set("s"))], vec![("s", ranges)]);
    let seen = trace(&ruleset, &packet());
    assert_eq!(seen.fate, Fate::Accepted);
    assert_eq!(
        seen.cost,
        Cost {
            rules: 1,
            lookups: 1
        }
    );
    assert_eq!(
        seen.steps[0].lookups[0].found,
        Some(Key::range(&[10, 0, 0, 0], &[10, 0, 0, 1]))
    );
    assert_eq!(
        seen.steps[0].lookups[0].to_string(),
        "10.0.0.1 in @s: found 10.0.0.0/31"
    );
    let other = Packet {
        source: "10.0.0.2".parse().unwrap(),
        ..packet()
    };
    let seen = trace(&ruleset, &other);
    assert_eq!(seen.fate, Fate::Dropped);
    assert_eq!(
        seen.steps.last().unwrap().outcome,
        Outcome::Policy(ChainPolicy::Drop)
    );
}

#[test]
fn a_concatenation_with_intervals_is_a_box() {
    let mut set = Set::of(&[Datatype::Ipv4Addr, Datatype::InetService]);
    set.flags = SetFlags::INTERVAL;
    let low = crate::ruleset::key::KeyBuilder::default()
        .range(&[10, 0, 0, 0], &[10, 0, 0, 255])
        .range(&80u16.to_be_bytes(), &81u16.to_be_bytes());
    set.insert(low.build());
    let both = vec![field(PayloadField::IpSaddr), field(PayloadField::TcpDport)];
    let chain = base(
        HookPoint::Forward,
        vec![rule(vec![test(both, Operand::Set(name("s"))), accept()])],
    );
    let ruleset = world(vec![("forward", chain)], vec![("s", set)]);
    assert_eq!(trace(&ruleset, &packet()).fate, Fate::Accepted);
    let udp = Packet {
        protocol: Protocol::UDP,
        ..packet()
    };
    assert_eq!(
        trace(&ruleset, &udp).fate,
        Fate::Dropped,
        "tcp dport implies TCP"
    );
    assert_eq!(
        trace(&ruleset, &udp).cost,
        Cost {
            rules: 1,
            lookups: 0
        }
    );
}

#[test]
fn goto_ends_where_the_jump_to_its_caller_returns() {
    let go = |chain: &str| Statement::Verdict(Verdict::Goto(name(chain)));
    let chains = vec![
        (
            "forward",
            base(
                HookPoint::Forward,
                vec![rule(vec![jump("a")]), rule(vec![accept()])],
            ),
        ),
        (
            "a",
            regular(vec![
                rule(vec![go("b")]),
                rule(vec![Statement::Verdict(Verdict::Drop)]),
            ]),
        ),
        ("b", regular(vec![rule(vec![Statement::Counter])])),
    ];
    let seen = trace(&world(chains, vec![]), &packet());
    assert_eq!(seen.fate, Fate::Accepted);
    let path: Vec<&str> = seen.steps.iter().map(|step| step.chain.as_str()).collect();
    assert_eq!(path, ["forward", "a", "b", "forward"]);
}

#[test]
fn accept_ends_one_base_chain_and_marks_stay() {
    let mark = Statement::SetMark(MarkSource::Bits {
        keep: !0x2000,
        flip: 0x2000,
    });
    let carried = test(
        vec![Expression::Meta(MetaKey::Mark)],
        Operand::Key(Key::value(&0x2000u32.to_ne_bytes())),
    );
    let chains = vec![
        (
            "pre",
            base(HookPoint::Prerouting, vec![rule(vec![mark, accept()])]),
        ),
        (
            "forward",
            base(HookPoint::Forward, vec![rule(vec![carried, accept()])]),
        ),
    ];
    let seen = trace(&world(chains, vec![]), &packet());
    assert_eq!((seen.fate, seen.mark), (Fate::Accepted, 0x2000));
}

#[test]
fn a_missing_ethernet_header_never_matches_even_negated() {
    let differs = Statement::Match(Match {
        left: vec![field(PayloadField::EtherSaddr)],
        mask: None,
        operator: Operator::Ne,
        right: Operand::Key(Key::value(&[0; 6])),
    });
    let chain = base(HookPoint::Forward, vec![rule(vec![differs, accept()])]);
    let ruleset = world(vec![("forward", chain)], vec![]);
    assert_eq!(trace(&ruleset, &packet()).fate, Fate::Dropped);
    let on_ethernet = Packet {
        ether_saddr: "02:00:00:00:00:01".parse().ok(),
        ..packet()
    };
    assert_eq!(trace(&ruleset, &on_ethernet).fate, Fate::Accepted);
}

#[test]
fn the_checksum_of_an_icmp_message_is_no_port() {
    let port = |at, number: u16| {
        let wanted = Operand::Key(Key::value(&number.to_be_bytes()));
        base(
            HookPoint::Forward,
            vec![rule(vec![test(vec![field(at)], wanted), accept()])],
        )
    };
    let ping = Packet {
        protocol: Protocol::ICMP,
        transport: Transport::Icmp { kind: 8, code: 0 },
        ..packet()
    };
    let source = world(
        vec![("forward", port(PayloadField::ThSport, 0x0800))],
        vec![],
    );
    assert_eq!(trace(&source, &ping).fate, Fate::Accepted);
    let destination = world(vec![("forward", port(PayloadField::ThDport, 0))], vec![]);
    assert_eq!(trace(&destination, &ping).fate, Fate::Dropped);
}

#[test]
fn notrack_before_conntrack_shows_in_later_chains() {
    let state = |bit: CtState| {
        let bits = crate::ruleset::Bytes::from_slice(&bit.bits().to_ne_bytes());
        test(vec![Expression::Ct(CtKey::State)], Operand::AnyBit(bits))
    };
    let mut raw = base(
        HookPoint::Prerouting,
        vec![rule(vec![
            state(CtState::INVALID),
            Statement::Notrack,
            accept(),
        ])],
    );
    raw.hook = raw.hook.map(|hook| Hook {
        priority: -300,
        ..hook
    });
    let forward = base(
        HookPoint::Forward,
        vec![rule(vec![state(CtState::UNTRACKED), accept()])],
    );
    let ruleset = world(vec![("raw", raw), ("forward", forward)], vec![]);
    assert_eq!(trace(&ruleset, &packet()).fate, Fate::Accepted);
}

#[test]
fn a_loop_of_chains_drops_instead_of_running_for_ever() {
    let chains = vec![
        (
            "forward",
            base(HookPoint::Forward, vec![rule(vec![jump("a")])]),
        ),
        ("a", regular(vec![rule(vec![jump("a")])])),
    ];
    assert_eq!(trace(&world(chains, vec![]), &packet()).fate, Fate::Dropped);
}

#[test]
fn an_anonymous_verdict_map_misses_into_the_next_rule() {
    let map = |address: [u8; 4]| Statement::Vmap {
        key: vec![field(PayloadField::IpSaddr)],
        map: VmapSource::Anonymous([(Key::value(&address), Verdict::Drop)].into()),
    };
    let chain = |address| {
        base(
            HookPoint::Forward,
            vec![rule(vec![map(address)]), rule(vec![accept()])],
        )
    };
    let miss = world(vec![("forward", chain(NOBODY))], vec![]);
    assert_eq!(trace(&miss, &packet()).fate, Fate::Accepted);
    let hit = world(vec![("forward", chain(ALICE))], vec![]);
    assert_eq!(trace(&hit, &packet()).fate, Fate::Dropped);
}
