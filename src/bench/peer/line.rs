//! Rules in no dialect: what a rule tests, and what it does then.

use crate::model::{Direction, GroupRule, Peer, Service};
use crate::net::{Cidr, Family};

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// All must hold.
    pub(super) tests: Vec<Test<'a>>,
    /// What happens then.
    pub(super) act: Act,
}

/// Something that a packet can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test<'a> {
    /// It comes in by, or leaves by, such an interface.
    By(Port, Interfaces<'a>),
    /// What connection tracking says of it.
    Tracked(Tracking),
    /// One of these bits of its mark is set.
    Marked(u32),
    /// None of them is.
    Unmarked(u32),
    /// It is of this family; asked only where a table holds both.
    Family(Family),
    /// An address of it is in a prefix.
    Within(End, Cidr),
    /// An address of it is in a set.
    Member(End, Family, String),
    /// It is of a service.
    Service(Family, Service),
    /// A reply to its source would not leave by the interface that it came by.
    Astray,
}

/// Which interface of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    In,
    Out,
}

/// Interfaces by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interfaces<'a> {
    One(&'a str),
    Beginning(&'a str),
}

/// Which address of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Source,
    Destination,
}

/// States of connections, as far as rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    /// Established or related.
    Known,
    Invalid,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// Sets bits of the mark.
    Mark(u32),
    /// Clears bits of the mark.
    Unmark(u32),
}

impl<'a> Line<'a> {
    /// A rule of these tests.
    pub(super) fn new(tests: Vec<Test<'a>>, act: Act) -> Self {
        Self { tests, act }
    }

    /// A rule for every packet.
    pub(super) fn always(act: Act) -> Self {
        Self::new(Vec::new(), act)
    }
}

impl End {
    /// The far end of what a direction's rules are about.
    pub(super) fn far(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Source,
            Direction::Egress => Self::Destination,
        }
    }
}

/// The tests of a policy's rule, service first; `set` gives the name of a group's set.
pub(super) fn tests<'a>(
    rule: &GroupRule,
    direction: Direction,
    set: impl Fn(&crate::model::GroupName, Family) -> String,
) -> Vec<Test<'a>> {
    let far = End::far(direction);
    let peer = match &rule.peer {
        Peer::Cidr(cidr) if cidr.prefix_len() == 0 => Test::Family(rule.family),
        Peer::Cidr(cidr) => Test::Within(far, *cidr),
        Peer::Group(group) => Test::Member(far, rule.family, set(group, rule.family)),
    };
    match rule.service {
        Service::Any => vec![peer],
        Service::Protocol(_) | Service::Ports(..) | Service::Icmp(..) => {
            vec![Test::Service(rule.family, rule.service), peer]
        }
    }
}
