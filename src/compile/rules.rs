//! The few statements that compiled rules are made of.

use super::service::{Field, Shape};
use crate::model::Direction;
use crate::net::{Family, Protocol};
use crate::ruleset::{
    Expression, Key, Match, MetaKey, Name, Operand, Operator, PayloadField, Rule, Statement,
    Verdict,
};

/// The end of a packet that a policy's peers are compared with, and where allowed packets go on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// Ingress: the source is the peer; what is allowed is allowed for good.
    Source,
    /// Egress: the destination is the peer; what is allowed goes on to the destination's policy.
    Destination,
}

impl Side {
    /// The side of the peer, for a policy of this direction.
    pub(super) fn remote(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Source,
            Direction::Egress => Self::Destination,
        }
    }

    /// The peer's address: `ip saddr` or `ip daddr`, or their IPv6 likes.
    pub(super) fn address(self, family: Family) -> Expression {
        Expression::Payload(match (self, family) {
            (Self::Source, Family::V4) => PayloadField::IpSaddr,
            (Self::Source, Family::V6) => PayloadField::Ip6Saddr,
            (Self::Destination, Family::V4) => PayloadField::IpDaddr,
            (Self::Destination, Family::V6) => PayloadField::Ip6Daddr,
        })
    }

    /// The word for a rule's own set of its prefixes.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Source => "src",
            Self::Destination => "dst",
        }
    }

    /// The word for a rule's own set of prefixes that it must not be in.
    pub(super) fn not_word(self) -> &'static str {
        match self {
            Self::Source => "not-src",
            Self::Destination => "not-dst",
        }
    }

    /// The word for a rule's own set of its ports.
    pub(super) fn port_word(self) -> &'static str {
        match self {
            Self::Source => "sport",
            Self::Destination => "dport",
        }
    }
}

/// `goto chain`.
pub(super) fn goto(chain: Name) -> Statement {
    Statement::Verdict(Verdict::Goto(chain))
}

/// `ip saddr . meta l4proto @set`.
pub(super) fn lookup(left: Vec<Expression>, set: Name) -> Statement {
    matching(left, Operator::Eq, Operand::Set(set))
}

/// Whether a set is looked up before anything is compared.
pub(super) fn begins_with_lookup(rule: &Rule) -> bool {
    rule.statements.first().is_some_and(looks_up)
}

/// Whether a statement looks a set up.
pub(super) fn looks_up(statement: &Statement) -> bool {
    matches!(statement, Statement::Match(test) if matches!(test.right, Operand::Set(_)))
}

/// `ip saddr 10.0.0.0/8`.
pub(super) fn equal(left: Expression, key: Key) -> Statement {
    matching(vec![left], Operator::Eq, Operand::Key(key))
}

/// `ip saddr != 10.0.0.0/8`.
pub(super) fn differs(left: Expression, key: Key) -> Statement {
    matching(vec![left], Operator::Ne, Operand::Key(key))
}

/// `ip saddr != @set`.
pub(super) fn misses(left: Vec<Expression>, set: Name) -> Statement {
    matching(left, Operator::Ne, Operand::Set(set))
}

/// `meta nfproto ipv4`.
pub(super) fn family(family: Family) -> Statement {
    of_family(Operator::Eq, family)
}

/// `meta nfproto ipv4`, or `meta nfproto != ipv4`, which no packet of the family's rules matches.
pub(super) fn of_family(operator: Operator, family: Family) -> Statement {
    // NFPROTO_IPV4 and NFPROTO_IPV6, linux/netfilter.h.
    let number = match family {
        Family::V4 => 2,
        Family::V6 => 10,
    };
    let nfproto = vec![Expression::Meta(MetaKey::Nfproto)];
    matching(nfproto, operator, Operand::Key(Key::value(&[number])))
}

/// `meta l4proto tcp goto chain`.
pub(super) fn protocol_goto(of: Protocol, chain: Name) -> Rule {
    Rule::new(vec![protocol(of), goto(chain)])
}

/// `meta nfproto ipv6 goto chain`.
pub(super) fn family_goto(of: Family, chain: Name) -> Rule {
    Rule::new(vec![family(of), goto(chain)])
}

/// A range of services without a set: `tcp dport 80-443`, `icmp type 8`, `meta l4proto 47`.
///
/// `None` where a rule cannot say it in one or two matches.
pub(super) fn service(of: Family, shape: Shape, first: u32, last: u32) -> Option<Vec<Statement>> {
    let [fields] = shape.fields(first, last).into_inner().ok()?;
    let key = |index: usize| fields.get(index).map(Field::key);
    match shape {
        Shape::Protocol => Some(vec![equal(Expression::Meta(MetaKey::L4proto), key(0)?)]),
        Shape::Port => ports(Protocol(*fields.first()?.bounds().0.first()?), key(1)?),
        Shape::Tcp | Shape::Udp => Some(vec![equal(
            Expression::Payload(PayloadField::ThDport),
            key(0)?,
        )]),
        Shape::Icmp if first & 0xff != 0 || last & 0xff != 0xff => None,
        Shape::Icmp => {
            let kind = match of {
                Family::V4 => PayloadField::IcmpType,
                Family::V6 => PayloadField::Icmpv6Type,
            };
            Some(vec![equal(Expression::Payload(kind), key(0)?)])
        }
    }
}

/// `tcp dport 80-443`, or `meta l4proto sctp th dport 80` for those whose header nft reads as `th`.
fn ports(of: Protocol, ports: Key) -> Option<Vec<Statement>> {
    let field = match of {
        Protocol::TCP => PayloadField::TcpDport,
        Protocol::UDP => PayloadField::UdpDport,
        _ => {
            let port = equal(Expression::Payload(PayloadField::ThDport), ports);
            return Some(vec![protocol(of), port]);
        }
    };
    Some(vec![equal(Expression::Payload(field), ports)])
}

/// `meta l4proto tcp`.
pub(super) fn protocol(protocol: Protocol) -> Statement {
    equal(
        Expression::Meta(MetaKey::L4proto),
        Key::value(&[protocol.0]),
    )
}

/// A match of what is read with what it is compared with.
pub(super) fn matching(left: Vec<Expression>, operator: Operator, right: Operand) -> Statement {
    Statement::Match(Match {
        left,
        mask: None,
        operator,
        right,
    })
}
