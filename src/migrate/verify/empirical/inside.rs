//! What a packet must be for a test to hold.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "tests of what is no part of a packet make none"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::chunk;
use super::probe::{Fragment, Header, Origin, Probe};
use crate::migrate::iptables::{
    Address, AddressTypes, Bound, ConnectionField, ConnectionStates, Direction, ExtensionHeaders,
    InterfacePattern, Match, RoutingHeader, Sense, Side, Test,
};

/// The packet that is as all of these want it.
pub(super) fn inside(start: &Probe, matches: &[Match]) -> Probe {
    let mut probe = start.clone();
    for found in matches.iter().filter(|found| found.sense == Sense::Is) {
        satisfy(&mut probe, &found.test);
    }
    probe
}

/// Makes a packet such that a test holds, if that is a thing of packets.
pub(super) fn satisfy(probe: &mut Probe, test: &Test) {
    if !of_network(probe, test) && !of_transport(probe, test) {
        of_state(probe, test);
    }
}

fn of_network(probe: &mut Probe, test: &Test) -> bool {
    match test {
        Test::Address(side, address)
        | Test::ConnectionAddress(ConnectionField::Original, side, address) => {
            *address_of(probe, *side) = first(address);
        }
        Test::ConnectionAddress(ConnectionField::Reply, side, address) => {
            *address_of(probe, other(*side)) = first(address);
        }
        Test::AddressRange(side, span) => *address_of(probe, *side) = span.first,
        Test::AddressType(side, types, _) => {
            if let Some(address) = typed(probe, *types) {
                *address_of(probe, *side) = address;
            }
        }
        Test::Interface(direction, pattern) => pass(probe, *direction, pattern),
        Test::Protocol(protocol) | Test::ConnectionProtocol(protocol) => {
            probe.protocol = protocol.0
        }
        Test::Fragment => {
            probe.fragment = Some(Fragment {
                offset: 8,
                ..Fragment::default()
            });
        }
        Test::Length(span) => probe.length = Some(span.first),
        Test::Ttl(bound, hops) | Test::HopLimit(bound, hops) => {
            probe.hops = match bound {
                Bound::Equal => *hops,
                Bound::Less => hops.saturating_sub(1),
                Bound::Greater => hops.saturating_add(1),
            };
        }
        Test::Dscp(value) => probe.octet = value << 2 | probe.octet & 3,
        Test::Tos(masked) => {
            probe.octet = u8::try_from(masked.value & 0xff).unwrap_or(0);
        }
        Test::Ecn(bits) => probe.octet = probe.octet & 0xfc | bits,
        _ => return before_transport(probe, test),
    }
    true
}

/// The headers of IPv6 between its own and the transport's.
fn before_transport(probe: &mut Probe, test: &Test) -> bool {
    match test {
        Test::Routing(header) => {
            let (mut kind, mut left, mut length) = probe
                .headers
                .iter()
                .find_map(|header| match header {
                    Header::Routing { kind, left, length } => Some((*kind, *left, *length)),
                    _ => None,
                })
                .unwrap_or((0, 0, 24));
            match header {
                RoutingHeader::Kind(number) => kind = u8::try_from(*number).unwrap_or(0),
                RoutingHeader::SegmentsLeft(span) => left = u8::try_from(span.first).unwrap_or(0),
                RoutingHeader::Length(bytes) => length = *bytes,
                RoutingHeader::Reserved => {}
            }
            probe
                .headers
                .retain(|header| !matches!(header, Header::Routing { .. }));
            probe.headers.push(Header::Routing { kind, left, length });
        }
        Test::Frag6 {
            id, first, more, ..
        } => {
            probe.fragment = Some(Fragment {
                id: id.map_or(7, |(_, span)| span.first),
                offset: if *first == Some(true) { 0 } else { 8 },
                more: more.unwrap_or(false),
                reserved: 0,
            });
        }
        Test::Options6 {
            destination,
            length,
            ..
        } => {
            let bytes = length.map_or(8, |(_, bytes)| bytes);
            probe.headers.push(match destination {
                true => Header::Destination(bytes),
                false => Header::HopByHop(bytes),
            });
        }
        Test::Headers { headers, .. } => extend(probe, *headers),
        _ => return false,
    }
    true
}

fn extend(probe: &mut Probe, wanted: ExtensionHeaders) {
    let routing = Header::Routing {
        kind: 0,
        left: 0,
        length: 24,
    };
    for (flag, header) in [
        (ExtensionHeaders::HOP, Header::HopByHop(8)),
        (ExtensionHeaders::DST, Header::Destination(8)),
        (ExtensionHeaders::ROUTE, routing),
        (ExtensionHeaders::AUTH, Header::Authentication),
    ] {
        if wanted.contains(flag) {
            probe.headers.push(header);
        }
    }
    if wanted.contains(ExtensionHeaders::FRAG) {
        probe.fragment = Some(Fragment {
            more: true,
            ..Fragment::default()
        });
    }
}

fn of_transport(probe: &mut Probe, test: &Test) -> bool {
    match test {
        Test::Port(side, range) | Test::ConnectionPort(ConnectionField::Original, side, range) => {
            *port_of(probe, *side) = range.first();
        }
        Test::ConnectionPort(ConnectionField::Reply, side, range) => {
            *port_of(probe, other(*side)) = range.first();
        }
        Test::Multiport(side, ranges) => {
            if let Some(range) = ranges.first() {
                *port_of(probe, side.unwrap_or(Side::Destination)) = range.first();
            }
        }
        Test::TcpFlags { set, .. } => probe.tcp_flags = set.bits(),
        Test::TcpOption(kind) => probe.tcp_options.push(*kind),
        Test::TcpMss(span) => {
            probe.tcp_options.push(2);
            probe.segment = span.first;
        }
        Test::EcnTcp(reduced) => probe.tcp_flags |= if *reduced { 0x80 } else { 0x40 },
        Test::Icmp(icmp) => {
            probe.protocol = 1;
            probe.icmp = (icmp.kind.unwrap_or(8), icmp.codes.first);
        }
        Test::Icmpv6(icmp) => {
            probe.protocol = 58;
            probe.icmp = (icmp.kind.unwrap_or(128), icmp.codes.first);
        }
        Test::SctpChunks(_, list) => probe.chunks = chunk::numbers(list),
        Test::DccpTypes(types) => probe.kind = types.first().copied().unwrap_or(0),
        Test::MobilityType(span) => probe.kind = span.first,
        Test::AhSpi(span) | Test::EspSpi(span) => probe.security = span.first,
        _ => return false,
    }
    true
}

fn of_state(probe: &mut Probe, test: &Test) {
    match test {
        Test::Mark(masked) => probe.state.mark = masked.value,
        Test::ConnectionMark(masked) => probe.state.connection_mark = masked.value,
        Test::ConnLabel { label, .. } => probe.state.label = Some(*label),
        Test::PacketType(addressed) => probe.addressed = *addressed,
        Test::Mac(mac) => probe.mac = *mac,
        Test::User(span) => probe.sender = Some((span.first, 0)),
        Test::Group(span) => probe.sender = Some((0, span.first)),
        Test::DeviceGroup(Direction::In, masked) => {
            probe.origin = Origin::Device(grouped(masked.value));
        }
        Test::DeviceGroup(Direction::Out, masked) => probe.output = Some(grouped(masked.value)),
        Test::ReversePath(_) => probe.source = neighbour(probe),
        Test::State(states) if *states == ConnectionStates::UNTRACKED => {
            probe.state.untracked = true;
        }
        Test::State(states) if *states == ConnectionStates::DNAT => probe.state.translated = true,
        _ => {}
    }
}

fn pass(probe: &mut Probe, direction: Direction, pattern: &InterfacePattern) {
    match (direction, device(pattern)) {
        (_, name) if name == "lo" => probe.loops(),
        (Direction::In, name) => probe.origin = Origin::Device(name),
        (Direction::Out, name) => probe.output = Some(name),
    }
}

/// The interface of a group.
pub(super) fn grouped(group: u32) -> String {
    format!("group{group}")
}

/// Somebody in the net of the first interface.
pub(super) fn neighbour(probe: &Probe) -> IpAddr {
    match probe.source {
        IpAddr::V4(_) => Ipv4Addr::new(198, 18, 0, 9).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 9).into(),
    }
}

/// The interface that a pattern stands for.
pub(super) fn device(pattern: &InterfacePattern) -> String {
    match pattern {
        InterfacePattern::Name(name) => name.clone(),
        InterfacePattern::Prefix(prefix) if prefix.is_empty() => "probe0".to_owned(),
        InterfacePattern::Prefix(prefix) => format!("{prefix}7"),
    }
}

/// An address that is of the first of these types that is here.
fn typed(probe: &Probe, types: AddressTypes) -> Option<IpAddr> {
    let v4 = probe.source.is_ipv4();
    let text = if types.contains(AddressTypes::LOCAL) {
        if v4 { "198.18.0.1" } else { "2001:db8:ff::1" }
    } else if types.contains(AddressTypes::BROADCAST) {
        "198.18.0.255"
    } else if types.contains(AddressTypes::MULTICAST) {
        if v4 { "224.0.0.251" } else { "ff02::fb" }
    } else {
        return None;
    };
    text.parse().ok()
}

/// The first address of those that are meant.
pub(super) fn first(address: &Address) -> IpAddr {
    match address {
        Address::Prefix(prefix) => prefix.network(),
        Address::Masked { address, .. } => *address,
    }
}

pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Source => Side::Destination,
        Side::Destination => Side::Source,
    }
}

pub(super) fn address_of(probe: &mut Probe, side: Side) -> &mut IpAddr {
    match side {
        Side::Source => &mut probe.source,
        Side::Destination => &mut probe.destination,
    }
}

pub(super) fn port_of(probe: &mut Probe, side: Side) -> &mut u16 {
    match side {
        Side::Source => &mut probe.source_port,
        Side::Destination => &mut probe.destination_port,
    }
}
