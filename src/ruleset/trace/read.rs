//! What expressions read from a packet, with the dependencies that nft puts before them.

use crate::net::{Family, InterfaceName, MacAddress, Protocol};
use crate::ruleset::key::interface_bytes;
use crate::ruleset::packet::{Packet, Transport};
use crate::ruleset::{
    Bytes, CtKey, CtState, Datatype, Expression, HookPoint, MetaKey, PayloadField,
};

/// The index that stands for any interface that exists: not 0, and no real one.
const SOME_INTERFACE: u32 = u32::MAX;

/// `NF_IP_PRI_CONNTRACK` (linux/netfilter_ipv4.h): where packets get their connection.
const NF_IP_PRI_CONNTRACK: i32 = -200;

/// A packet on its way, with what rules changed of it.
#[derive(Debug)]
pub(super) struct Passing<'a> {
    /// The packet as it came.
    pub(super) packet: &'a Packet,
    /// Its mark now.
    pub(super) mark: u32,
    /// The hook that it passes.
    hook: HookPoint,
    /// What `ct state` reads there.
    ct_state: CtState,
    /// Whether `notrack` was evaluated before conntrack.
    untracked: bool,
}

impl<'a> Passing<'a> {
    pub(super) fn new(packet: &'a Packet) -> Self {
        Self {
            packet,
            mark: packet.mark,
            hook: HookPoint::Prerouting,
            ct_state: CtState::INVALID,
            untracked: false,
        }
    }

    /// Enters a base chain. Before conntrack a packet has no connection, which reads as invalid.
    pub(super) fn enter(&mut self, hook: HookPoint, priority: i32) {
        let first = matches!(hook, HookPoint::Prerouting | HookPoint::Output);
        self.hook = hook;
        self.ct_state = if self.untracked {
            CtState::UNTRACKED
        } else if first && priority <= NF_IP_PRI_CONNTRACK {
            CtState::INVALID
        } else {
            self.packet.ct_state
        };
    }

    /// `notrack`: only a packet without a connection becomes untracked.
    pub(super) fn untrack(&mut self) {
        if self.ct_state == CtState::INVALID {
            self.untracked = true;
            self.ct_state = CtState::UNTRACKED;
        }
    }

    /// The key that a list of expressions reads; `None` where one of them cannot be read.
    pub(super) fn key(&self, expressions: &[Expression]) -> Option<Bytes> {
        if let [single] = expressions {
            return self.read(*single);
        }
        let mut key = Bytes::new();
        for expression in expressions {
            key.extend_from_slice(&self.read(*expression)?);
            key.resize(key.len().next_multiple_of(4), 0);
        }
        Some(key)
    }

    fn read(&self, expression: Expression) -> Option<Bytes> {
        match expression {
            Expression::Payload(field) => self.payload(field),
            Expression::Meta(key) => Some(self.meta(key)),
            Expression::Ct(CtKey::State) => Some(host_order(self.ct_state.bits())),
            Expression::Ct(CtKey::Mark) => {
                let none = CtState::INVALID | CtState::UNTRACKED;
                (!none.contains(self.ct_state)).then(|| host_order(0))
            }
            Expression::Fib(_, _) => None,
        }
    }

    fn payload(&self, field: PayloadField) -> Option<Bytes> {
        let packet = self.packet;
        if !implied(field, packet) {
            return None;
        }
        Some(match field {
            PayloadField::EtherSaddr => Bytes::from_slice(&self.ether_saddr()?.0),
            PayloadField::EtherDaddr | PayloadField::TcpFlags => return None,
            PayloadField::IpSaddr | PayloadField::Ip6Saddr => address(packet.source),
            PayloadField::IpDaddr | PayloadField::Ip6Daddr => address(packet.destination),
            PayloadField::IpProtocol | PayloadField::Ip6Nexthdr => {
                Bytes::from_slice(&[packet.protocol.0])
            }
            PayloadField::TcpSport | PayloadField::UdpSport | PayloadField::ThSport => {
                transport(packet.transport, 0..2)?
            }
            PayloadField::TcpDport | PayloadField::UdpDport | PayloadField::ThDport => {
                transport(packet.transport, 2..4)?
            }
            PayloadField::IcmpType | PayloadField::Icmpv6Type => transport(packet.transport, 0..1)?,
            PayloadField::IcmpCode | PayloadField::Icmpv6Code => transport(packet.transport, 1..2)?,
        })
    }

    fn meta(&self, key: MetaKey) -> Bytes {
        match key {
            MetaKey::IifName => interface(self.iif()),
            MetaKey::OifName => interface(self.oif()),
            MetaKey::Iif => host_order(self.iif().map_or(0, |_| SOME_INTERFACE)),
            MetaKey::Oif => host_order(self.oif().map_or(0, |_| SOME_INTERFACE)),
            MetaKey::Mark => host_order(self.mark),
            MetaKey::L4proto => Bytes::from_slice(&[self.packet.protocol.0]),
            MetaKey::Nfproto => Bytes::from_slice(&[match self.packet.family() {
                Family::V4 => 2,
                Family::V6 => 10,
            }]),
            MetaKey::Pkttype => Bytes::from_slice(&[packet_type(self.packet)]),
        }
    }

    /// After routing the link header is gone (measured on 6.18, from a TAP to a TUN).
    fn ether_saddr(&self) -> Option<MacAddress> {
        match self.hook {
            HookPoint::Prerouting | HookPoint::Input | HookPoint::Forward => {
                self.packet.ether_saddr
            }
            HookPoint::Output | HookPoint::Postrouting => None,
        }
    }

    fn iif(&self) -> Option<&'a InterfaceName> {
        self.packet.iif.as_ref()
    }

    /// Before routing there is no way out yet.
    fn oif(&self) -> Option<&'a InterfaceName> {
        match self.hook {
            HookPoint::Prerouting | HookPoint::Input => None,
            HookPoint::Forward | HookPoint::Output | HookPoint::Postrouting => {
                self.packet.oif.as_ref()
            }
        }
    }
}

/// The protocol that a field implies.
pub(in crate::ruleset) fn implied_protocol(field: PayloadField) -> Option<Protocol> {
    match field {
        PayloadField::TcpSport | PayloadField::TcpDport | PayloadField::TcpFlags => {
            Some(Protocol::TCP)
        }
        PayloadField::UdpSport | PayloadField::UdpDport => Some(Protocol::UDP),
        PayloadField::IcmpType | PayloadField::IcmpCode => Some(Protocol::ICMP),
        PayloadField::Icmpv6Type | PayloadField::Icmpv6Code => Some(Protocol::ICMPV6),
        PayloadField::EtherSaddr
        | PayloadField::EtherDaddr
        | PayloadField::IpSaddr
        | PayloadField::IpDaddr
        | PayloadField::IpProtocol
        | PayloadField::Ip6Saddr
        | PayloadField::Ip6Daddr
        | PayloadField::Ip6Nexthdr
        | PayloadField::ThSport
        | PayloadField::ThDport => None,
    }
}

/// The family that a field implies.
pub(in crate::ruleset) fn implied_family(field: PayloadField) -> Option<Family> {
    match field {
        PayloadField::IpSaddr | PayloadField::IpDaddr | PayloadField::IpProtocol => {
            Some(Family::V4)
        }
        PayloadField::Ip6Saddr | PayloadField::Ip6Daddr | PayloadField::Ip6Nexthdr => {
            Some(Family::V6)
        }
        PayloadField::EtherSaddr
        | PayloadField::EtherDaddr
        | PayloadField::TcpSport
        | PayloadField::TcpDport
        | PayloadField::TcpFlags
        | PayloadField::UdpSport
        | PayloadField::UdpDport
        | PayloadField::ThSport
        | PayloadField::ThDport
        | PayloadField::IcmpType
        | PayloadField::IcmpCode
        | PayloadField::Icmpv6Type
        | PayloadField::Icmpv6Code => None,
    }
}

fn implied(field: PayloadField, packet: &Packet) -> bool {
    implied_protocol(field).is_none_or(|protocol| protocol == packet.protocol)
        && implied_family(field).is_none_or(|family| family == packet.family())
}

fn address(address: std::net::IpAddr) -> Bytes {
    match address {
        std::net::IpAddr::V4(v4) => Bytes::from_slice(&v4.octets()),
        std::net::IpAddr::V6(v6) => Bytes::from_slice(&v6.octets()),
    }
}

/// Bytes of the transport header, as far as they are known.
fn transport(transport: Transport, range: std::ops::Range<usize>) -> Option<Bytes> {
    let mut header = Bytes::new();
    match transport {
        Transport::Ports {
            source,
            destination,
        } => {
            header.extend(source.to_be_bytes());
            header.extend(destination.to_be_bytes());
        }
        Transport::Icmp { kind, code } => header.extend([kind, code]),
        Transport::Other => {}
    }
    header.get(range).map(Bytes::from_slice)
}

fn host_order(number: u32) -> Bytes {
    Bytes::from_slice(&number.to_ne_bytes())
}

/// No interface reads as an empty name.
fn interface(name: Option<&InterfaceName>) -> Bytes {
    Bytes::from_slice(&interface_bytes(name.map_or("", InterfaceName::as_str)))
}

/// `PACKET_*` (linux/if_packet.h), by the destination where there is Ethernet; a TUN's are to the host.
fn packet_type(packet: &Packet) -> u8 {
    let broadcast = packet.destination == std::net::IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    match (packet.ether_saddr, packet.destination.is_multicast()) {
        (Some(_), true) => 2,
        (Some(_), false) if broadcast => 1,
        (Some(_), false) | (None, _) => 0,
    }
}

/// The types of a list of expressions.
pub(super) fn types(expressions: &[Expression]) -> Vec<Datatype> {
    expressions.iter().map(|e| e.datatype()).collect()
}
