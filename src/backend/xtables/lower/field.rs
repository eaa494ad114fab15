//! What a lookup reads, in the words of iptables.

use super::environment::{Environment, Outgoing};
use crate::backend::xtables::AddressSide;
use crate::net::{Family, Protocol};
use crate::ruleset::{CtKey, Expression, MetaKey, PayloadField};

/// One field of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    /// An address of the environment's family.
    Address(AddressSide),
    /// The protocol.
    Protocol,
    /// A port; of a protocol if the field has one.
    Port(AddressSide, Option<Protocol>),
    /// The type of a message of the family's ICMP.
    IcmpType,
    /// The code of one.
    IcmpCode,
    /// The name of an interface.
    Interface(Direction),
    /// The Ethernet source.
    Mac,
}

/// Which of two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Direction {
    /// Where a packet came in.
    In,
    /// Where it leaves.
    Out,
}

impl Direction {
    /// ipset's word for it.
    pub(super) fn side(self) -> AddressSide {
        match self {
            Self::In => AddressSide::Source,
            Self::Out => AddressSide::Destination,
        }
    }
}

/// What is known of a field before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readable {
    /// It may be there.
    Maybe(Field),
    /// No packet of the environment has it.
    Never,
    /// iptables cannot read it.
    Unsayable(&'static str),
}

/// A field in an environment.
pub(super) fn field(expression: Expression, environment: Environment) -> Readable {
    use AddressSide::{Destination, Source};
    let of_family = |family, field| match environment.family == family {
        true => Readable::Maybe(field),
        false => Readable::Never,
    };
    let of_protocol = |protocol, field| match environment.protocol {
        Some(known) if known != protocol => Readable::Never,
        Some(_) | None => Readable::Maybe(field),
    };
    let icmp = |family, field| match environment.protocol {
        Some(known) if !known.is_icmp() => Readable::Never,
        Some(_) | None => of_family(family, field),
    };
    match expression {
        Expression::Payload(payload) => match payload {
            PayloadField::IpSaddr => of_family(Family::V4, Field::Address(Source)),
            PayloadField::IpDaddr => of_family(Family::V4, Field::Address(Destination)),
            PayloadField::Ip6Saddr => of_family(Family::V6, Field::Address(Source)),
            PayloadField::Ip6Daddr => of_family(Family::V6, Field::Address(Destination)),
            PayloadField::IpProtocol => of_family(Family::V4, Field::Protocol),
            PayloadField::TcpSport => of_protocol(Protocol::TCP, tcp(Source)),
            PayloadField::TcpDport => of_protocol(Protocol::TCP, tcp(Destination)),
            PayloadField::UdpSport => of_protocol(Protocol::UDP, udp(Source)),
            PayloadField::UdpDport => of_protocol(Protocol::UDP, udp(Destination)),
            PayloadField::ThSport => Readable::Maybe(Field::Port(Source, environment.protocol)),
            PayloadField::ThDport => {
                Readable::Maybe(Field::Port(Destination, environment.protocol))
            }
            PayloadField::IcmpType => icmp(Family::V4, Field::IcmpType),
            PayloadField::IcmpCode => icmp(Family::V4, Field::IcmpCode),
            PayloadField::Icmpv6Type => icmp(Family::V6, Field::IcmpType),
            PayloadField::Icmpv6Code => icmp(Family::V6, Field::IcmpCode),
            PayloadField::EtherSaddr => Readable::Maybe(Field::Mac),
            PayloadField::EtherDaddr => Readable::Unsayable("`ether daddr`"),
            PayloadField::Ip6Nexthdr => Readable::Unsayable("`ip6 nexthdr`"),
            PayloadField::TcpFlags => Readable::Unsayable("`tcp flags`"),
        },
        Expression::Meta(key) => match key {
            MetaKey::IifName => Readable::Maybe(Field::Interface(Direction::In)),
            MetaKey::OifName => match environment.outgoing {
                Outgoing::Known => Readable::Maybe(Field::Interface(Direction::Out)),
                Outgoing::Absent => Readable::Never,
            },
            MetaKey::L4proto => Readable::Maybe(Field::Protocol),
            MetaKey::Iif | MetaKey::Oif => Readable::Unsayable("the index of an interface"),
            MetaKey::Mark => Readable::Unsayable("a mark in a set"),
            MetaKey::Nfproto => Readable::Unsayable("`meta nfproto` in a set"),
            MetaKey::Pkttype => Readable::Unsayable("`meta pkttype`"),
        },
        Expression::Ct(CtKey::State | CtKey::Mark) => Readable::Unsayable("`ct` in a set"),
        Expression::Fib(..) => Readable::Unsayable("`fib`"),
    }
}

fn tcp(side: AddressSide) -> Field {
    Field::Port(side, Some(Protocol::TCP))
}

fn udp(side: AddressSide) -> Field {
    Field::Port(side, Some(Protocol::UDP))
}
