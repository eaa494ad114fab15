//! Lanes: the parts of a policy between which packets are told apart by protocol.
//!
//! A policy of many rules sends TCP, UDP and ICMP to chains of their own. A packet then passes by what can
//! never match it, and lookups there need not mention the protocol.

use super::service::{Numbered, Shape, icmp, numbered};
use crate::model::Service;
use crate::net::{Family, Protocol};

/// Which packets come to a chain of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Every packet: the policy is small.
    Whole,
    /// TCP packets.
    Tcp,
    /// UDP packets.
    Udp,
    /// Packets of the family's ICMP.
    Icmp,
    /// What is none of these.
    Rest,
}

/// The words that stand in the names of sets of prefixes that match all packets of every lane.
pub(super) const WHOLE_WORDS: [&str; 2] = ["host", "net"];

/// What a service is among the packets of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    Everything,
    /// Some of them.
    Some(Numbered),
    /// None of them.
    Nothing,
}

impl Lane {
    /// Every lane.
    pub(super) const ALL: [Self; 5] = [Self::Whole, Self::Tcp, Self::Udp, Self::Icmp, Self::Rest];
    /// The lanes with a chain of their own, in the order in which packets are told apart.
    pub(super) const OWN: [Self; 3] = [Self::Tcp, Self::Udp, Self::Icmp];

    /// The protocol of all its packets, where they have one in common.
    pub(super) fn protocol(self, family: Family) -> Option<Protocol> {
        match self {
            Self::Tcp => Some(Protocol::TCP),
            Self::Udp => Some(Protocol::UDP),
            Self::Icmp => Some(icmp(family)),
            Self::Whole | Self::Rest => None,
        }
    }

    /// All its packets as numbers of one shape, where there is one that they all have.
    pub(super) fn everything(self) -> Option<Numbered> {
        let ports = |shape, protocol: Protocol| {
            let base = u32::from(protocol.0) << 16;
            Some((shape, base, base + 0xffff))
        };
        match self {
            Self::Tcp => ports(Shape::Tcp, Protocol::TCP),
            Self::Udp => ports(Shape::Udp, Protocol::UDP),
            Self::Icmp => Some((Shape::Icmp, 0, 0xffff)),
            Self::Rest => Some((Shape::Protocol, 0, 0xff)),
            Self::Whole => None,
        }
    }

    /// The words that stand in the names of sets of prefixes that match all its packets and not all of
    /// other lanes: exact ones, and others.
    pub(super) fn whole_words(self) -> [&'static str; 2] {
        match self {
            Self::Tcp => ["tcp-host", "tcp-net"],
            Self::Udp => ["udp-host", "udp-net"],
            Self::Icmp => ["icmp-host", "icmp-net"],
            Self::Whole | Self::Rest => WHOLE_WORDS,
        }
    }

    /// The shapes of rules that its packets can meet, the most frequent first.
    pub(super) fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Tcp => &[Shape::Tcp],
            Self::Udp => &[Shape::Udp],
            Self::Icmp => &[Shape::Icmp],
            Self::Rest => &[Shape::Port, Shape::Protocol],
            Self::Whole => &[Shape::Port, Shape::Icmp, Shape::Protocol],
        }
    }

    /// Whether its packets can have a protocol; none is any.
    pub(super) fn may_have(self, family: Family, protocol: Option<Protocol>) -> bool {
        match (self, protocol) {
            (Self::Whole, _) | (_, None) => true,
            (lane, Some(protocol)) => lane == Self::of(family, protocol),
        }
    }

    /// The only lane with packets of a service, where they are told apart; none where every lane has some.
    pub(super) fn home(family: Family, service: Service) -> Option<Self> {
        match service {
            Service::Any => None,
            Service::Protocol(protocol) => Some(Self::of(family, protocol)),
            Service::Ports(..) | Service::Icmp(..) => {
                numbered(service).map(|(shape, first, _)| shape.lane(first))
            }
        }
    }

    /// Where the packets of a protocol are, where they are told apart.
    fn of(family: Family, protocol: Protocol) -> Self {
        match protocol {
            Protocol::TCP => Self::Tcp,
            Protocol::UDP => Self::Udp,
            own if own == icmp(family) => Self::Icmp,
            _ => Self::Rest,
        }
    }

    /// What a service is here.
    pub(super) fn part(self, family: Family, service: Service) -> Part {
        if let Service::Protocol(protocol) = service {
            if self.protocol(family) == Some(protocol) {
                return Part::Everything;
            }
            if !self.may_have(family, Some(protocol)) {
                return Part::Nothing;
            }
        }
        let Some((shape, first, last)) = numbered(service) else {
            return Part::Everything;
        };
        match (self, shape.lane(first)) {
            (Self::Whole, _) | (Self::Icmp, Self::Icmp) | (Self::Rest, Self::Rest) => {
                Part::Some((shape, first, last))
            }
            (Self::Tcp, Self::Tcp) => Part::Some((Shape::Tcp, first, last)),
            (Self::Udp, Self::Udp) => Part::Some((Shape::Udp, first, last)),
            (Self::Tcp | Self::Udp | Self::Icmp | Self::Rest, _) => Part::Nothing,
        }
    }
}
