//! Small tables for the tests of this crate.

use super::packet::{Packet, Transport};
use super::{
    Chain, ChainPolicy, CtState, Datatype, Expression, Hook, HookPoint, Key, Match, Name, Operand,
    Operator, PayloadField, Rule, Ruleset, Set, SetFlags, Statement, Table, TableFamily, TableKey,
    Verdict,
};
use crate::net::Protocol;

pub(crate) const ALICE: [u8; 4] = [10, 0, 0, 1];
pub(crate) const BOB: [u8; 4] = [10, 0, 0, 2];
pub(crate) const NOBODY: [u8; 4] = [10, 9, 9, 9];

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn key(text: &str) -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: name(text),
    }
}

/// A base chain with policy drop.
pub(crate) fn base(point: HookPoint, rules: Vec<Rule>) -> Chain {
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

pub(crate) fn regular(rules: Vec<Rule>) -> Chain {
    Chain {
        rules,
        ..Chain::default()
    }
}

pub(crate) fn world(chains: Vec<(&str, Chain)>, sets: Vec<(&str, Set)>) -> Ruleset {
    let table = Table {
        chains: chains.into_iter().map(|(n, c)| (name(n), c)).collect(),
        sets: sets.into_iter().map(|(n, s)| (name(n), s)).collect(),
        ..Table::default()
    };
    Ruleset {
        tables: [(key("t"), table)].into(),
    }
}

pub(crate) fn test(left: Vec<Expression>, right: Operand) -> Statement {
    Statement::Match(Match {
        left,
        mask: None,
        operator: Operator::Eq,
        right,
    })
}

pub(crate) fn field(field: PayloadField) -> Expression {
    Expression::Payload(field)
}

pub(crate) fn in_set(from: PayloadField, set: &str) -> Statement {
    test(vec![field(from)], Operand::Set(name(set)))
}

pub(crate) fn rule(statements: Vec<Statement>) -> Rule {
    Rule::new(statements)
}

pub(crate) fn accept() -> Statement {
    Statement::Verdict(Verdict::Accept)
}

pub(crate) fn jump(chain: &str) -> Statement {
    Statement::Verdict(Verdict::Jump(name(chain)))
}

/// 10.0.0.1:1000 to 10.0.0.2:80 over TCP, forwarded, the first packet.
pub(crate) fn packet() -> Packet {
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

pub(crate) fn hash(members: &[[u8; 4]]) -> Set {
    let mut set = Set::of(&[Datatype::Ipv4Addr]);
    members.iter().for_each(|m| set.insert(Key::value(m)));
    set
}

pub(crate) fn interval(ranges: &[([u8; 4], [u8; 4])]) -> Set {
    let mut set = Set::of(&[Datatype::Ipv4Addr]);
    set.flags = SetFlags::INTERVAL;
    ranges
        .iter()
        .for_each(|(first, last)| set.insert(Key::range(first, last)));
    set
}

pub(crate) fn from_set(set: &str) -> Chain {
    base(
        HookPoint::Forward,
        vec![rule(vec![in_set(PayloadField::IpSaddr, set), accept()])],
    )
}
