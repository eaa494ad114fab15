//! Classes of packets: what decides tests without knowing the packet.

use std::fmt;

use super::ROUTES;
use crate::net::{Family, Protocol};
use crate::ruleset::packet::Route;
use crate::ruleset::trace::{covers, implied_family, implied_protocol};
use crate::ruleset::{
    Bytes, Expression, HookPoint, Key, Match, MetaKey, Operand, Operator, PayloadField,
};

/// A kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// The family of its addresses.
    pub family: Family,
    /// Its protocol; `None` is any other than TCP, UDP, ICMP and ICMPv6.
    pub protocol: Option<Protocol>,
    /// Its way.
    pub route: Route,
}

/// The protocols that have a class of their own.
const PROTOCOLS: [Protocol; 4] = [
    Protocol::TCP,
    Protocol::UDP,
    Protocol::ICMP,
    Protocol::ICMPV6,
];

impl Class {
    /// Every class.
    pub fn all() -> impl Iterator<Item = Self> {
        let protocols = || PROTOCOLS.into_iter().map(Some).chain([None]);
        ROUTES.into_iter().flat_map(move |route| {
            Family::ALL.into_iter().flat_map(move |family| {
                protocols().map(move |protocol| Self {
                    family,
                    protocol,
                    route,
                })
            })
        })
    }

    /// Whether a packet of the class can have such a protocol.
    pub(super) fn may_be(self, protocol: Protocol) -> bool {
        match self.protocol {
            Some(own) => own == protocol,
            None => !PROTOCOLS.contains(&protocol),
        }
    }

    /// Whether a packet of the class has what the expressions imply.
    pub(super) fn may_have(self, expressions: &[Expression]) -> bool {
        expressions.iter().all(|expression| match expression {
            Expression::Payload(field) => {
                implied_family(*field).is_none_or(|family| family == self.family)
                    && implied_protocol(*field).is_none_or(|protocol| self.may_be(protocol))
            }
            Expression::Meta(_) | Expression::Ct(_) | Expression::Fib(..) => true,
        })
    }

    /// What the class decides of a test that it can read.
    pub(super) fn decides(self, test: &Match, hook: HookPoint) -> Decision {
        let ([left], None) = (test.left.as_slice(), &test.mask) else {
            return Decision::Open;
        };
        let values = self.values(*left, hook);
        let keys = match &test.right {
            Operand::Key(key) => std::slice::from_ref(key),
            Operand::Anonymous(keys) => keys.as_slice(),
            Operand::AnyBit(_) | Operand::Set(_) => return Decision::Open,
        };
        let hit = |value: &Bytes| {
            keys.iter()
                .any(|key: &Key| covers(key, &[left.datatype()], value))
        };
        let hits = values.iter().filter(|value| hit(value)).count();
        let (all, none) = (hits == values.len(), hits == 0);
        match (test.operator, all, none) {
            (_, true, true) | (_, false, false) => Decision::Open,
            (Operator::Eq, true, false) | (Operator::Ne, false, true) => Decision::Always,
            (Operator::Eq, false, true) | (Operator::Ne, true, false) => Decision::Never,
        }
    }

    /// Every value that an expression can have; none where the class does not bound them.
    fn values(self, expression: Expression, hook: HookPoint) -> Vec<Bytes> {
        let byte = |byte: u8| Bytes::from_slice(&[byte]);
        match expression {
            Expression::Meta(MetaKey::L4proto)
            | Expression::Payload(PayloadField::IpProtocol | PayloadField::Ip6Nexthdr) => {
                let all = (0..=u8::MAX).filter(|number| self.may_be(Protocol(*number)));
                all.map(byte).collect()
            }
            Expression::Meta(MetaKey::Nfproto) => vec![byte(match self.family {
                Family::V4 => 2,
                Family::V6 => 10,
            })],
            Expression::Meta(MetaKey::Oif) => match hook {
                HookPoint::Prerouting | HookPoint::Input => vec![Bytes::from_slice(&[0; 4])],
                HookPoint::Forward | HookPoint::Output | HookPoint::Postrouting => {
                    vec![Bytes::from_slice(&u32::MAX.to_ne_bytes())]
                }
            },
            Expression::Meta(
                MetaKey::IifName
                | MetaKey::OifName
                | MetaKey::Iif
                | MetaKey::Mark
                | MetaKey::Pkttype,
            )
            | Expression::Payload(_)
            | Expression::Ct(_)
            | Expression::Fib(..) => vec![],
        }
    }
}

impl fmt::Display for Class {
    /// In words: `forwarded IPv4 tcp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = match self.route {
            Route::Input => "incoming",
            Route::Forward => "forwarded",
            Route::Output => "outgoing",
        };
        match self.protocol {
            Some(protocol) => write!(f, "{route} {} {protocol}", self.family),
            None => write!(f, "{route} {} of another protocol", self.family),
        }
    }
}

/// What a class decides of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It holds.
    Always,
    /// It does not.
    Never,
    /// Both can be.
    Open,
}
