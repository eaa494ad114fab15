//! Tests that must all hold, put together so that one rule of iptables can say them.

use crate::backend::xtables::{AddressSide, InterfacePattern, Match, Rule, Target};
use crate::net::Protocol;
use crate::ruleset::Operator;

/// Tests that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conjunction {
    matches: Vec<Match>,
}

/// What two conjunctions make together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Joined {
    /// One.
    Both(Conjunction),
    /// No packet matches both.
    Never,
    /// One rule cannot say both.
    Apart,
}

impl Conjunction {
    /// One test.
    pub(super) fn of(test: Match) -> Self {
        Self {
            matches: vec![test],
        }
    }

    /// Several tests, of which no two are of one field.
    pub(super) fn all(matches: Vec<Match>) -> Self {
        Self { matches }
    }

    /// Whether every packet matches.
    pub(super) fn is_empty(&self) -> bool {
        self.matches.is_empty()
    }

    /// The test that holds where this does not, if one test can say so.
    pub(super) fn negated(&self) -> Option<Self> {
        let [test] = self.matches.as_slice() else {
            return None;
        };
        let test = match test.clone() {
            Match::In(operator, pattern) => Match::In(not(operator), pattern),
            Match::Out(operator, pattern) => Match::Out(not(operator), pattern),
            Match::Address(side, operator, cidr) => Match::Address(side, not(operator), cidr),
            Match::Protocol(operator, protocol) => Match::Protocol(not(operator), protocol),
            Match::Member(operator, ipset, sides) => Match::Member(not(operator), ipset, sides),
            Match::Mac(operator, mac) => Match::Mac(not(operator), mac),
            Match::Icmp(operator, kind, code) => Match::Icmp(not(operator), kind, code),
            Match::Ports {
                protocol,
                side,
                operator,
                ports,
            } => Match::Ports {
                protocol,
                side,
                operator: not(operator),
                ports,
            },
            Match::AddressRange(..)
            | Match::State(..)
            | Match::Mark { .. }
            | Match::ConnectionMark { .. }
            | Match::Limit(_) => return None,
        };
        Some(Self::of(test))
    }

    /// What it asks beside another one.
    pub(super) fn without(&self, other: &Self) -> Self {
        let more = self
            .matches
            .iter()
            .filter(|test| !other.matches.contains(test));
        Self::all(more.cloned().collect())
    }

    /// The protocol that all packets have.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        self.matches.iter().find_map(|test| {
            if let Match::Protocol(Operator::Eq, protocol) = test {
                return Some(*protocol);
            }
            None
        })
    }

    /// The rule that does something where all hold.
    pub(super) fn rule(&self, target: Target) -> Rule {
        let (mut protocol, rest): (Vec<_>, Vec<_>) = self
            .matches
            .iter()
            .cloned()
            .partition(|test| matches!(test, Match::Protocol(..)));
        protocol.extend(rest);
        Rule {
            matches: protocol,
            target,
        }
    }

    /// Both.
    pub(super) fn and(&self, other: &Self) -> Joined {
        let mut joined = self.clone();
        for test in &other.matches {
            match joined.with(test) {
                Joined::Both(more) => joined = more,
                end @ (Joined::Never | Joined::Apart) => return end,
            }
        }
        Joined::Both(joined)
    }

    fn with(&self, test: &Match) -> Joined {
        let mut joined = self.clone();
        for (at, held) in self.matches.iter().enumerate() {
            match together(held, test) {
                Together::Independent => {}
                Together::Held => return Joined::Both(joined),
                Together::Narrower => {
                    joined.matches[at] = test.clone();
                    return Joined::Both(joined);
                }
                Together::AsRange(range) => {
                    joined.matches.push(range);
                    return Joined::Both(joined);
                }
                Together::Never => return Joined::Never,
                Together::Apart => return Joined::Apart,
            }
        }
        joined.matches.push(test.clone());
        Joined::Both(joined)
    }
}

/// How a test goes with one that is there.
enum Together {
    Independent,
    /// The one that is there says as much.
    Held,
    /// The new one says all that the one there does.
    Narrower,
    /// The new one has to be said as a range of addresses.
    AsRange(Match),
    Never,
    Apart,
}

fn together(held: &Match, test: &Match) -> Together {
    if held == test && !matches!(test, Match::Limit(_)) {
        return Together::Held;
    }
    match (held, test) {
        (Match::Protocol(one, p), Match::Protocol(other, q)) => protocols(*one, *p, *other, *q),
        (Match::Address(one, ..), Match::Address(other, operator, cidr)) if one == other => {
            let (first, last) = (cidr.network(), cidr.last());
            Together::AsRange(Match::AddressRange(*other, *operator, first, last))
        }
        (Match::In(one, p), Match::In(other, q)) | (Match::Out(one, p), Match::Out(other, q)) => {
            interfaces(*one, p, *other, q)
        }
        _ => Together::Independent,
    }
}

fn protocols(one: Operator, p: Protocol, other: Operator, q: Protocol) -> Together {
    match (one, other) {
        (Operator::Eq, Operator::Eq) => Together::Never,
        (Operator::Eq, Operator::Ne) if p == q => Together::Never,
        (Operator::Ne, Operator::Eq) if p == q => Together::Never,
        (Operator::Eq, Operator::Ne) => Together::Held,
        (Operator::Ne, Operator::Eq) => Together::Narrower,
        (Operator::Ne, Operator::Ne) => Together::Apart,
    }
}

fn interfaces(
    one: Operator,
    held: &InterfacePattern,
    other: Operator,
    test: &InterfacePattern,
) -> Together {
    let meets = held.covers(test) || test.covers(held);
    match (one, other) {
        (Operator::Eq, Operator::Eq) if !meets => Together::Never,
        (Operator::Eq, Operator::Eq) if held.covers(test) => Together::Narrower,
        (Operator::Eq, Operator::Eq) => Together::Held,
        (Operator::Eq, Operator::Ne) if !meets => Together::Held,
        (Operator::Ne, Operator::Eq) if !meets => Together::Narrower,
        (Operator::Eq, Operator::Ne) if test.covers(held) => Together::Never,
        (Operator::Ne, Operator::Eq) if held.covers(test) => Together::Never,
        (Operator::Eq | Operator::Ne, Operator::Eq | Operator::Ne) => Together::Apart,
    }
}

/// Every way in which one of these and one of those hold together; `None` if one rule cannot say one.
pub(super) fn product(these: &[Conjunction], those: &[Conjunction]) -> Option<Vec<Conjunction>> {
    let mut all = Vec::new();
    for this in these {
        for that in those {
            match this.and(that) {
                Joined::Both(both) => all.push(both),
                Joined::Never => {}
                Joined::Apart => return None,
            }
        }
    }
    Some(all)
}

/// `-p tcp -m tcp --dport 80`.
pub(super) fn ports(
    protocol: Protocol,
    side: AddressSide,
    operator: Operator,
    ports: crate::net::PortRange,
) -> Conjunction {
    Conjunction::all(vec![
        Match::Protocol(Operator::Eq, protocol),
        Match::Ports {
            protocol,
            side,
            operator,
            ports,
        },
    ])
}

fn not(operator: Operator) -> Operator {
    match operator {
        Operator::Eq => Operator::Ne,
        Operator::Ne => Operator::Eq,
    }
}
