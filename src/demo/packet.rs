//! Bytes of packets: echo requests, and whole packets whose source is not the sender's.

use std::net::IpAddr;

use crate::net::{Protocol, octets};

/// Hops that a packet may take.
const HOPS: u8 = 64;

/// An echo request, its checksum left to [`sealed`] or to the kernel.
pub(super) fn echo(protocol: Protocol, id: u16, token: &[u8]) -> Vec<u8> {
    let kind = if protocol == Protocol::ICMPV6 { 128 } else { 8 };
    let [high, low] = id.to_be_bytes();
    [&[kind, 0, 0, 0, high, low, 0, 1], token].concat()
}

/// A UDP datagram, its checksum left to [`sealed`].
pub(super) fn datagram(source: u16, destination: u16, token: &[u8]) -> Vec<u8> {
    let [s, t] = source.to_be_bytes();
    let [d, e] = destination.to_be_bytes();
    let [l, m] = length(8 + token.len());
    [&[s, t, d, e, l, m, 0, 0], token].concat()
}

/// A message with its checksum filled in (RFC 1071; the pseudo header of RFC 8200 section 8.1, which
/// adds up to that of RFC 768 for IPv4).
pub(super) fn sealed(
    protocol: Protocol,
    source: IpAddr,
    destination: IpAddr,
    mut message: Vec<u8>,
) -> Vec<u8> {
    let mut summed = Vec::new();
    if protocol != Protocol::ICMP {
        summed.extend(octets(source));
        summed.extend(octets(destination));
        summed.extend(length(message.len()));
        summed.extend([0, protocol.0]);
    }
    summed.extend(&message);
    let at = if protocol.is_icmp() { 2 } else { 6 };
    message[at..at + 2].copy_from_slice(&checksum(&summed));
    message
}

/// A whole packet. The kernel fills in the length and checksum of an IPv4 header (`raw(7)`).
pub(super) fn packet(
    protocol: Protocol,
    source: IpAddr,
    destination: IpAddr,
    message: Vec<u8>,
) -> Vec<u8> {
    let message = sealed(protocol, source, destination, message);
    let [high, low] = length(message.len());
    let head: Vec<u8> = match source {
        IpAddr::V4(_) => vec![0x45, 0, 0, 0, 0, 0, 0, 0, HOPS, protocol.0, 0, 0],
        IpAddr::V6(_) => vec![0x60, 0, 0, 0, high, low, protocol.0, HOPS],
    };
    [&head[..], &octets(source), &octets(destination), &message].concat()
}

/// What a raw socket received, without the IPv4 header that it shows and the IPv6 header that it
/// does not.
pub(super) fn payload(address: IpAddr, received: &[u8]) -> &[u8] {
    let header = match (address, received.first()) {
        (IpAddr::V4(_), Some(first)) => usize::from(first & 0xf) * 4,
        (IpAddr::V4(_) | IpAddr::V6(_), _) => 0,
    };
    received.get(header..).unwrap_or_default()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default()));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_message_adds_up_to_nothing() {
        let (a, b) = ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let message = sealed(Protocol::UDP, a, b, datagram(68, 67, b"odd"));
        let pseudo = [&octets(a)[..], &octets(b), &[0, 11, 0, 17], &message].concat();
        assert_eq!(checksum(&pseudo), [0, 0]);
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!(
            checksum(&sealed(Protocol::ICMP, a, b, echo(Protocol::ICMP, 7, b"x"))),
            [0, 0]
        );
    }

    #[test]
    fn packets_begin_with_their_addresses() {
        let (a, b) = ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let bytes = packet(Protocol::ICMPV6, a, b, echo(Protocol::ICMPV6, 1, b""));
        assert_eq!(bytes.len(), 40 + 8);
        let a = "10.0.0.1".parse().unwrap();
        let bytes = packet(
            Protocol::UDP,
            a,
            "10.0.0.2".parse().unwrap(),
            datagram(1, 2, b""),
        );
        assert_eq!(payload(a, &bytes), &bytes[20..]);
    }
}
