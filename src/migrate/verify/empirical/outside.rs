//! Packets for which a test just fails, and the last for which it holds.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "tests of what is no part of a packet make none"
)]

use std::net::IpAddr;

use super::chunk;
use super::inside::{address_of, neighbour, other, port_of};
use super::packet::{above, below};
use super::probe::{Header, Origin, Probe};
use crate::migrate::iptables::{
    Address, AddressKind, ConnectionField, Direction, Icmp, Masked, PacketType, RoutingHeader,
    Side, Span, TcpFlags, Test,
};
use crate::net::{MacAddress, PortRange};

/// Packets near a border of a test; `inside` is one for which it holds.
pub(super) fn outside(inside: &Probe, test: &Test) -> Vec<Probe> {
    let mut near = Near {
        inside,
        probes: Vec::new(),
    };
    if !near.network(test) && !near.extension(test) && !near.transport(test) {
        near.state(test);
    }
    near.probes
}

struct Near<'a> {
    inside: &'a Probe,
    probes: Vec<Probe>,
}

impl Near<'_> {
    fn change(&mut self, change: impl Fn(&mut Probe)) {
        let mut probe = self.inside.clone();
        change(&mut probe);
        self.probes.push(probe);
    }

    fn network(&mut self, test: &Test) -> bool {
        match test {
            Test::Address(side, address)
            | Test::ConnectionAddress(ConnectionField::Original, side, address) => {
                self.addresses(*side, border(address));
            }
            Test::ConnectionAddress(ConnectionField::Reply, side, address) => {
                self.addresses(other(*side), border(address));
            }
            Test::AddressRange(side, span) => self.range(*side, *span),
            Test::AddressType(side, _, kind) => self.kinds(*side, *kind),
            Test::Interface(Direction::In, _) => {
                self.change(|probe| probe.origin = Origin::Device("probe0".to_owned()));
            }
            Test::Interface(Direction::Out, _) => {
                self.change(|probe| probe.output = Some("probe1".to_owned()));
            }
            Test::Protocol(_) | Test::ConnectionProtocol(_) => {
                self.change(|probe| probe.protocol = if probe.protocol == 6 { 17 } else { 6 });
            }
            Test::Fragment => {
                self.change(|probe| probe.fragment = None);
                self.change(|probe| {
                    if let Some(part) = &mut probe.fragment {
                        (part.offset, part.more) = (0, true);
                    }
                });
            }
            Test::Length(span) => {
                for length in [
                    span.last,
                    span.first.saturating_sub(1),
                    span.last.saturating_add(1),
                ] {
                    // The device takes no more at once.
                    self.change(|probe| probe.length = Some(length.min(1500)));
                }
            }
            Test::Ttl(_, hops) | Test::HopLimit(_, hops) => {
                for hops in [hops.saturating_sub(1), *hops, hops.saturating_add(1)] {
                    self.change(|probe| probe.hops = hops);
                }
            }
            Test::Dscp(_) => {
                self.change(|probe| probe.octet ^= 0x04);
                self.change(|probe| probe.octet ^= 0x80);
                self.change(|probe| probe.octet ^= 0x01);
            }
            Test::Tos(masked) => self.octet(*masked),
            Test::Ecn(_) => {
                for bits in 0..4 {
                    self.change(|probe| probe.octet = probe.octet & 0xfc | bits);
                }
            }
            _ => return false,
        }
        true
    }

    fn extension(&mut self, test: &Test) -> bool {
        match test {
            Test::Routing(part) => self.routing(*part),
            Test::Frag6 { id, reserved, .. } => {
                self.change(|probe| probe.fragment = None);
                // The octet and each of the bits, if any is asked for.
                for bits in [1, 0x100, 0x200].into_iter().filter(|_| *reserved) {
                    self.part(|part| part.reserved = bits);
                }
                self.part(|part| part.more ^= true);
                self.part(|part| part.offset ^= 8);
                for id in id.iter().flat_map(|(_, span)| near(*span)) {
                    self.part(|part| part.id = id);
                }
            }
            Test::Options6 { .. } => {
                self.change(|probe| {
                    probe.headers.pop();
                });
                self.change(|probe| {
                    if let Some(Header::Destination(bytes) | Header::HopByHop(bytes)) =
                        probe.headers.last_mut()
                    {
                        *bytes += 8;
                    }
                });
            }
            Test::Headers { .. } => {
                self.change(|probe| probe.fragment = None);
                self.change(|probe| probe.headers.clear());
                self.change(|probe| {
                    probe.headers.pop();
                });
                self.change(|probe| probe.headers.push(Header::Destination(8)));
            }
            _ => return false,
        }
        true
    }

    fn part(&mut self, change: impl Fn(&mut super::probe::Fragment)) {
        self.change(|probe| probe.fragment.iter_mut().for_each(&change));
    }

    fn routing(&mut self, asked: RoutingHeader) {
        self.change(|probe| probe.headers.clear());
        let mut routed = |change: &dyn Fn(&mut u8, &mut u8, &mut u32)| {
            self.change(|probe| {
                for header in &mut probe.headers {
                    if let Header::Routing { kind, left, length } = header {
                        change(kind, left, length);
                    }
                }
            });
        };
        match asked {
            RoutingHeader::Kind(_) | RoutingHeader::Reserved => {
                routed(&|kind, _, _| *kind ^= 4);
            }
            RoutingHeader::SegmentsLeft(span) => {
                let last = u8::try_from(span.last).unwrap_or(u8::MAX);
                routed(&|_, left, _| *left = last);
                routed(&|_, left, _| *left = last.saturating_add(1));
            }
            RoutingHeader::Length(_) => routed(&|_, _, length| *length += 16),
        }
    }

    fn transport(&mut self, test: &Test) -> bool {
        match test {
            Test::Port(side, range)
            | Test::ConnectionPort(ConnectionField::Original, side, range) => {
                self.ports(*side, *range);
            }
            Test::ConnectionPort(ConnectionField::Reply, side, range) => {
                self.ports(other(*side), *range);
            }
            Test::Multiport(side, ranges) => {
                for range in ranges {
                    self.ports(side.unwrap_or(Side::Destination), *range);
                }
                if let (None, Some(range)) = (side, ranges.first()) {
                    self.change(|probe| {
                        probe.source_port = range.first();
                        probe.destination_port = 9;
                    });
                }
            }
            Test::TcpFlags { mask, .. } => {
                for flag in TcpFlags::all().iter() {
                    if mask.contains(flag) || flag == TcpFlags::ACK || flag == TcpFlags::PSH {
                        self.change(|probe| probe.tcp_flags ^= flag.bits());
                    }
                }
            }
            Test::TcpOption(_) => {
                self.change(|probe| {
                    probe.tcp_options.pop();
                });
                self.change(|probe| probe.tcp_options = vec![2, 4]);
                self.change(|probe| probe.tcp_options.insert(0, 2));
            }
            Test::TcpMss(Span { first, last }) => {
                for segment in [*last, first.saturating_sub(1), last.saturating_add(1)] {
                    self.change(|probe| probe.segment = segment);
                }
                self.change(|probe| probe.tcp_options.clear());
            }
            Test::EcnTcp(_) => {
                self.change(|probe| probe.tcp_flags ^= 0x80);
                self.change(|probe| probe.tcp_flags ^= 0x40);
                self.change(|probe| probe.protocol = 17);
            }
            Test::Icmp(icmp) | Test::Icmpv6(icmp) => self.messages(*icmp),
            Test::SctpChunks(_, list) => self.chunks(&chunk::numbers(list)),
            Test::DccpTypes(types) => {
                for kind in types {
                    self.change(|probe| probe.kind = *kind);
                    self.change(|probe| probe.kind = (*kind + 2) % 10);
                }
            }
            Test::MobilityType(span) => {
                self.change(|probe| probe.kind = span.last);
                self.change(|probe| probe.kind = span.last.saturating_add(1));
                self.change(|probe| probe.kind = span.first.saturating_sub(1));
            }
            Test::AhSpi(span) | Test::EspSpi(span) => {
                self.change(|probe| probe.security = span.last);
                self.change(|probe| probe.security = span.last.wrapping_add(1));
                self.change(|probe| probe.security = span.first.wrapping_sub(1));
            }
            _ => return false,
        }
        true
    }

    fn chunks(&mut self, all: &[u8]) {
        for number in all {
            self.change(|probe| probe.chunks = vec![*number]);
            self.change(|probe| probe.chunks = vec![chunk::OTHER, *number]);
            self.change(|probe| probe.chunks.retain(|one| one != number));
        }
        self.change(|probe| probe.chunks = vec![chunk::OTHER]);
        self.change(|probe| probe.chunks = [all, &[chunk::OTHER]].concat());
    }

    fn state(&mut self, test: &Test) {
        match test {
            Test::Mark(masked) => {
                for mark in flipped(*masked) {
                    self.change(|probe| probe.state.mark = mark);
                }
            }
            Test::ConnectionMark(masked) => {
                for mark in flipped(*masked) {
                    self.change(|probe| probe.state.connection_mark = mark);
                }
            }
            Test::ConnLabel { label, .. } => {
                self.change(|probe| probe.state.label = None);
                self.change(|probe| probe.state.label = Some(label ^ 1));
            }
            Test::PacketType(_) => {
                for kind in [
                    PacketType::Unicast,
                    PacketType::Broadcast,
                    PacketType::Multicast,
                ] {
                    self.change(|probe| probe.addressed = kind);
                }
            }
            Test::Mac(MacAddress(bytes)) => {
                let mut near = *bytes;
                near[5] ^= 1;
                self.change(|probe| probe.mac = MacAddress(near));
            }
            Test::User(span) => {
                for user in near(*span) {
                    self.change(|probe| probe.sender = Some((user, 0)));
                }
            }
            Test::Group(span) => {
                for group in near(*span) {
                    self.change(|probe| probe.sender = Some((0, group)));
                }
            }
            Test::DeviceGroup(Direction::In, _) => {
                self.change(|probe| probe.origin = Origin::Device("probe0".to_owned()));
            }
            Test::DeviceGroup(Direction::Out, _) => {
                self.change(|probe| probe.output = Some("probe1".to_owned()));
            }
            Test::ReversePath(_) => {
                self.change(|probe| probe.origin = Origin::Device("probe1".to_owned()));
                self.change(|probe| probe.source = above(above(probe.destination)));
                // This host's own.
                self.change(|probe| probe.source = below(below(neighbour(probe))));
            }
            Test::State(_) => {
                self.change(|probe| probe.state.untracked ^= true);
                self.change(|probe| probe.state.translated ^= true);
                // No connection begins so.
                self.change(|probe| (probe.protocol, probe.tcp_flags) = (6, 0));
            }
            _ => {}
        }
    }

    fn addresses(&mut self, side: Side, border: Vec<IpAddr>) {
        for address in border {
            self.change(|probe| *address_of(probe, side) = address);
        }
    }

    fn range(&mut self, side: Side, span: Span<IpAddr>) {
        let border = [span.last, below(span.first), above(span.last)];
        self.addresses(side, border.to_vec());
    }

    fn ports(&mut self, side: Side, range: PortRange) {
        for port in [
            range.first(),
            range.last(),
            range.first().wrapping_sub(1),
            range.last().wrapping_add(1),
        ] {
            self.change(|probe| *port_of(probe, side) = port);
        }
    }

    /// Addresses of the host, of its nets, of groups and of others, by two interfaces.
    fn kinds(&mut self, side: Side, kind: AddressKind) {
        let texts: &[&str] = match self.inside.source {
            IpAddr::V4(_) => &[
                "198.18.0.1",
                "198.18.0.2",
                "198.18.0.255",
                "198.18.1.1",
                "224.0.0.251",
                "198.51.100.8",
            ],
            IpAddr::V6(_) => &[
                "2001:db8:ff::1",
                "2001:db8:ff::2",
                "2001:db8:ff:1::1",
                "ff02::fb",
                "2001:db8:1::8",
            ],
        };
        for address in texts.iter().filter_map(|text| text.parse().ok()) {
            self.change(|probe| *address_of(probe, side) = address);
            if kind != AddressKind::Anywhere {
                self.change(|probe| {
                    *address_of(probe, side) = address;
                    probe.origin = Origin::Device("probe1".to_owned());
                });
            }
        }
    }

    fn octet(&mut self, masked: Masked) {
        for octet in flipped(masked) {
            let octet = u8::try_from(octet & 0xff).unwrap_or(0);
            self.change(|probe| probe.octet = octet);
        }
    }

    fn messages(&mut self, icmp: Icmp) {
        self.change(|probe| probe.icmp.0 = probe.icmp.0.wrapping_add(1));
        self.change(|probe| probe.icmp.0 = probe.icmp.0.wrapping_sub(1));
        self.change(|probe| probe.icmp.1 = icmp.codes.last.wrapping_add(1));
        self.change(|probe| probe.icmp.1 = icmp.codes.first.wrapping_sub(1));
        self.change(|probe| probe.protocol = 17);
    }
}

/// The last address that is meant, and those next to the border.
fn border(address: &Address) -> Vec<IpAddr> {
    match address {
        Address::Prefix(prefix) => {
            let (first, last) = (prefix.network(), prefix.last());
            vec![last, below(first), above(last)]
        }
        Address::Masked { address, mask } => {
            let mut border = vec![];
            let flips = crate::net::octets(*mask).into_iter().enumerate();
            for (at, octet) in flips {
                if octet != 0xff {
                    border.push(toggled(*address, at, !octet));
                }
                if octet != 0 {
                    border.push(toggled(*address, at, octet & octet.wrapping_neg()));
                }
            }
            border.dedup();
            border
        }
    }
}

/// An address with bits of one octet changed.
fn toggled(address: IpAddr, at: usize, bits: u8) -> IpAddr {
    let change = |octets: &mut [u8]| {
        if let Some(octet) = octets.get_mut(at) {
            *octet ^= bits;
        }
    };
    match address {
        IpAddr::V4(address) => {
            let mut octets = address.octets();
            change(&mut octets);
            IpAddr::from(octets)
        }
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            change(&mut octets);
            IpAddr::from(octets)
        }
    }
}

/// The last of a range, and what is next to it.
fn near(span: Span<u32>) -> [u32; 3] {
    let Span { first, last } = span;
    [last, first.saturating_sub(1), last.saturating_add(1)]
}

/// Numbers that differ from what is asked: in a bit that counts, the lowest and the highest, and in one that does not.
fn flipped(masked: Masked) -> Vec<u32> {
    let Masked { value, mask } = masked;
    let lowest = mask & mask.wrapping_neg();
    let highest = mask.checked_ilog2().map_or(0, |bit| 1 << bit);
    let beside = !mask & (!mask).wrapping_neg();
    vec![value ^ lowest, value ^ highest, value ^ beside]
}
