//! The bytes of a packet.

use std::net::IpAddr;

use super::chunk;
use super::probe::{Fragment, Header, Probe};
use crate::net::{Family, octets};

/// The flag of IPv4 that nobody uses: a packet of the experiment has it.
const RESERVED: u16 = 0x8000;

/// What the upper part of a flow label is in packets of the experiment.
const LABEL: u8 = 0x0e;

/// The number that says that a header of fragments follows.
const FRAGMENT: u8 = 44;

impl Probe {
    /// The bytes of the packet from its IP header on.
    pub(super) fn bytes(&self, identification: u16) -> Vec<u8> {
        match self.family() {
            Family::V4 => self.v4(identification),
            Family::V6 => self.v6(identification),
        }
    }

    fn v4(&self, identification: u16) -> Vec<u8> {
        let payload = self.payload(20);
        let part = self.fragment.unwrap_or_default();
        let flags = RESERVED | (u16::from(part.more) << 13) | part.offset;
        let mut header = vec![0x45, self.octet];
        header.extend(length(20 + payload.len()));
        header.extend(identification.to_be_bytes());
        header.extend(flags.to_be_bytes());
        header.extend([self.hops, self.protocol, 0, 0]);
        header.extend(octets(self.source));
        header.extend(octets(self.destination));
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum);
        [header, payload].concat()
    }

    fn v6(&self, identification: u16) -> Vec<u8> {
        let (first, rest) = self.chain();
        let mut header = vec![0x60 | (self.octet >> 4), (self.octet << 4) | LABEL];
        header.extend(identification.to_be_bytes());
        header.extend(length(rest.len()));
        header.extend([first, self.hops]);
        header.extend(octets(self.source));
        header.extend(octets(self.destination));
        [header, rest].concat()
    }

    /// The headers behind that of IPv6 with all that follows, and the number of the first.
    fn chain(&self) -> (u8, Vec<u8>) {
        let mut next = self.protocol;
        let mut before = Vec::new();
        if let Some(part) = self.fragment {
            before = fragment(next, part);
            next = FRAGMENT;
        }
        for header in self.headers.iter().rev() {
            before = [header.bytes(next), before].concat();
            next = header.number();
        }
        let payload = self.payload(40 + before.len());
        (next, [before, payload].concat())
    }

    /// The transport's header and what follows, as long as the packet is to be with so many bytes before.
    fn payload(&self, before: usize) -> Vec<u8> {
        let mut payload = self.message();
        let wanted = usize::from(self.length.unwrap_or(0)).saturating_sub(before);
        payload.resize(payload.len().max(wanted), 0);
        if self.protocol == 17 {
            let bytes = length(payload.len());
            payload[4..6].copy_from_slice(&bytes);
        }
        self.summed(payload)
    }

    fn message(&self) -> Vec<u8> {
        let [a, b] = self.source_port.to_be_bytes();
        let [c, d] = self.destination_port.to_be_bytes();
        let [e, f, g, h] = self.security.to_be_bytes();
        match self.protocol {
            1 | 58 => {
                let mut message = vec![self.icmp.0, self.icmp.1, 0, 0, a, b, 0, 1];
                match &self.quoted {
                    // The four bytes behind the sum are of no use in an error.
                    Some(quoted) => {
                        message[4..8].fill(0);
                        message.extend(quoted.bytes(0));
                    }
                    None => message.extend([0; 16]),
                }
                message
            }
            6 => self.tcp(),
            17 => vec![a, b, c, d, 0, 0, 0, 0, 1, 2, 3, 4],
            33 => vec![
                a,
                b,
                c,
                d,
                4,
                0,
                0,
                0,
                (self.kind << 1) | 1,
                0,
                0,
                1,
                0,
                0,
                0,
                1,
            ],
            50 => vec![e, f, g, h, 0, 0, 0, 1, 0, 0, 0, 0],
            51 => vec![59, 2, 0, 0, e, f, g, h, 0, 0, 0, 1, 0, 0, 0, 0],
            132 => [
                vec![a, b, c, d, 0, 0, 0, 1, 0, 0, 0, 0],
                chunk::bytes(&self.chunks),
            ]
            .concat(),
            135 => vec![59, 0, self.kind, 0, 0, 0, 0, 0],
            _ => vec![a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0],
        }
    }

    fn tcp(&self) -> Vec<u8> {
        let mut options: Vec<u8> = self
            .tcp_options
            .iter()
            .flat_map(|kind| option(*kind, self.segment))
            .collect();
        // No operation, up to whole words.
        options.resize(options.len().next_multiple_of(4), 1);
        let words = u8::try_from(5 + options.len() / 4).unwrap_or(15);
        let sequence = if self.tcp_flags & 0x02 == 0 { 2 } else { 1 };
        let acknowledged = if self.tcp_flags & 0x10 == 0 { 0 } else { 2 };
        let mut header = Vec::new();
        header.extend(self.source_port.to_be_bytes());
        header.extend(self.destination_port.to_be_bytes());
        header.extend([0, 0, 0, sequence, 0, 0, 0, acknowledged]);
        header.extend([words << 4, self.tcp_flags, 0x20, 0, 0, 0, 0, 0]);
        [header, options].concat()
    }

    /// The same with the sum that its protocol wants.
    fn summed(&self, mut payload: Vec<u8>) -> Vec<u8> {
        let at = match self.protocol {
            1 | 58 => 2,
            6 => 16,
            17 => 6,
            _ => return payload,
        };
        payload[at..at + 2].fill(0);
        let mut summed = Vec::new();
        if self.protocol != 1 {
            summed.extend(octets(self.source));
            summed.extend(octets(self.destination));
            summed.extend([0, self.protocol]);
            summed.extend(length(payload.len()));
        }
        summed.extend(&payload);
        payload[at..at + 2].copy_from_slice(&checksum(&summed));
        payload
    }
}

impl Header {
    fn number(self) -> u8 {
        match self {
            Self::HopByHop(_) => 0,
            Self::Destination(_) => 60,
            Self::Routing { .. } => 43,
            Self::Authentication => 51,
        }
    }

    fn bytes(self, next: u8) -> Vec<u8> {
        match self {
            Self::HopByHop(bytes) | Self::Destination(bytes) => {
                let length = u8::try_from(bytes.saturating_sub(4)).unwrap_or(4);
                // An option of experiments, which is skipped (RFC 4727): of padding Linux takes seven bytes.
                let mut header = vec![next, units(bytes), 0x1e, length];
                header.resize(4 + usize::from(length), 0);
                header
            }
            Self::Routing { kind, left, length } => {
                let mut header = vec![next, units(length), kind, left];
                header.resize(usize::try_from(length).unwrap_or(8), 0);
                header
            }
            Self::Authentication => vec![next, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        }
    }
}

/// Units of eight bytes beyond the first.
fn units(bytes: u32) -> u8 {
    u8::try_from((bytes / 8).saturating_sub(1)).unwrap_or(0)
}

fn fragment(next: u8, part: Fragment) -> Vec<u8> {
    let [bits, octet] = part.reserved.to_be_bytes();
    let place = (part.offset << 3) | u16::from(bits & 3) << 1 | u16::from(part.more);
    let mut header = vec![next, octet];
    header.extend(place.to_be_bytes());
    header.extend(part.id.to_be_bytes());
    header
}

/// An option of TCP.
fn option(kind: u8, segment: u16) -> Vec<u8> {
    let [high, low] = segment.to_be_bytes();
    match kind {
        0 | 1 => vec![kind],
        2 => vec![kind, 4, high, low],
        3 => vec![kind, 3, 7],
        4 => vec![kind, 2],
        8 => vec![kind, 10, 0, 0, 0, 1, 0, 0, 0, 0],
        _ => vec![kind, 4, 0, 0],
    }
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

/// The sum of RFC 1071.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

/// The next address.
pub(super) fn above(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(u32::from(address).wrapping_add(1).into()),
        IpAddr::V6(address) => IpAddr::V6(u128::from(address).wrapping_add(1).into()),
    }
}

/// The address before.
pub(super) fn below(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(u32::from(address).wrapping_sub(1).into()),
        IpAddr::V6(address) => IpAddr::V6(u128::from(address).wrapping_sub(1).into()),
    }
}
