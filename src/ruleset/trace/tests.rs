//! Traces of small rulesets, and the hazards of transactions that packets in flight can see.

use super::*;
use crate::net::Protocol;
use crate::ruleset::packet::Transport;
use crate::ruleset::{
    Chain, CtKey, CtState, Datatype, Expression, Hook, HookPoint, MarkSource, Match, MetaKey,
    Operand, Operator, PayloadField, Rule, Set, SetFlags, Statement, Table, TableFamily,
    VmapSource,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn key(text: &str) -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: name(text),
    }
}

/// A base chain with policy drop.
fn base(point: HookPoint, rules: Vec<Rule>) -> Chain {
    let hook = Hook {
        point,
        priority: 0,
        policy: ChainPolicy::Drop,
    };
    Chain {
        hook: Some(hook),
        rules,
        ..Chain::default()
    }
}

fn regular(rules: Vec<Rule>) -> Chain {
    Chain {
        rules,
        ..Chain::default()
    }
}

fn world(chains: Vec<(&str, Chain)>, sets: Vec<(&str, Set)>) -> Ruleset {
    let table = Table {
        chains: chains.into_iter().map(|(n, c)| (name(n), c)).collect(),
        sets: sets.into_iter().map(|(n, s)| (name(n), s)).collect(),
        ..Table::default()
    };
    Ruleset {
        tables: [(key("t"), table)].into(),
    }
}

fn test(left: Vec<Expression>, right: Operand) -> Statement {
    Statement::Match(Match {
        left,
        mask: None,
        operator: Operator::Eq,
        right,
    })
}

fn field(field: PayloadField) -> Expression {
    Expression::Payload(field)
}

fn in_set(from: PayloadField, set: &str) -> Statement {
    test(vec![field(from)], Operand::Set(name(set)))
}

fn rule(statements: Vec<Statement>) -> Rule {
    Rule::new(statements)
}

fn accept() -> Statement {
    Statement::Verdict(Verdict::Accept)
}

fn jump(chain: &str) -> Statement {
    Statement::Verdict(Verdict::Jump(name(chain)))
}

/// 10.0.0.1:1000 to 10.0.0.2:80 over TCP, forwarded, the first packet.
fn packet() -> Packet {
    Packet {
        iif: "a".parse().ok(),
        oif: "b".parse().ok(),
        ether_saddr: None,
        source: "10.0.0.1".parse().unwrap(),
        destination: "10.0.0.2".parse().unwrap(),
        protocol: Protocol::TCP,
        transport: Transport::Ports {
            source: 1000,
            destination: 80,
        },
        ct_state: CtState::NEW,
        mark: 0,
    }
}

fn hash(members: &[[u8; 4]]) -> Set {
    let mut set = Set::of(&[Datatype::Ipv4Addr]);
    members.iter().for_each(|m| set.insert(Key::value(m)));
    set
}

fn interval(ranges: &[([u8; 4], [u8; 4])]) -> Set {
    let mut set = Set::of(&[Datatype::Ipv4Addr]);
    set.flags = SetFlags::INTERVAL;
    ranges
        .iter()
        .for_each(|(first, last)| set.insert(Key::range(first, last)));
    set
}

fn from_set(set: &str) -> Chain {
    base(
        HookPoint::Forward,
        vec![rule(vec![in_set(PayloadField::IpSaddr, set), accept()])],
    )
}

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

const ALICE: [u8; 4] = [10, 0, 0, 1];
const BOB: [u8; 4] = [10, 0, 0, 2];
const NOBODY: [u8; 4] = [10, 9, 9, 9];

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

// From here on: what a packet in flight can see of one transaction. The right answer to the packet is
// the same before and after each.

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
