//! Packets as bytes, with right checksums.

use margay::net::{Family, MacAddress, Protocol, octets};
use margay::scenario::{Packet, Transport};

/// The Ethernet address of every TAP of a test, the one that frames are sent to.
pub(crate) const HOST_MAC: MacAddress = MacAddress([0x02, 0, 0, 0, 0xff, 0xfe]);

/// Which part of a conversation a TCP or SCTP packet plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first packet: SYN, INIT.
    Opening,
    /// The answer to the opening with the same serial: SYN-ACK.
    Answer,
}

/// The transport header and what follows it; `serial` makes it unlike any other.
pub(crate) fn transport(packet: &Packet, serial: u32, part: Part) -> Vec<u8> {
    match packet.transport {
        Transport::Ports {
            protocol,
            source,
            destination,
        } => {
            let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
            with_ports(packet, protocol, &ports, serial, part)
        }
        Transport::Icmp { kind, code } => {
            let mut message = vec![kind, code, 0, 0];
            // The identifier comes first: to conntrack it is what a port is.
            message.extend(serial.rotate_left(16).to_be_bytes());
            // As long as a message of neighbour discovery, which has an address here.
            message.extend([0; 16]);
            let pseudo = match packet.family() {
                Family::V4 => Vec::new(),
                Family::V6 => pseudo_header(packet, &message),
            };
            summed(message, 2, &pseudo)
        }
        Transport::Other(_) => [&serial.to_be_bytes()[..], b"margay probe"].concat(),
        // Nothing tells one from another but that no other packet is so short.
        Transport::Cut(_) => Vec::new(),
    }
}

/// An IP packet around a transport header.
pub(crate) fn ip(packet: &Packet, transport: &[u8]) -> Vec<u8> {
    let Protocol(protocol) = packet.protocol();
    let length = u16::try_from(transport.len()).unwrap();
    let addresses = [octets(packet.source), octets(packet.destination)].concat();
    let header = match packet.family() {
        Family::V4 => {
            let [high, low] = (length + 20).to_be_bytes();
            let mut header = vec![0x45, 0, high, low, 0, 1, 0x40, 0, 64, protocol, 0, 0];
            header.extend(addresses);
            summed(header, 10, &[])
        }
        Family::V6 => {
            let [high, low] = length.to_be_bytes();
            // A hop limit of 255 is what neighbour discovery asks for.
            let mut header = vec![0x60, 0, 0, 0, high, low, protocol, 255];
            header.extend(addresses);
            header
        }
    };
    [&header, transport].concat()
}

/// An Ethernet frame around an IP packet.
pub(crate) fn ethernet(source: MacAddress, packet: &[u8]) -> Vec<u8> {
    let ethertype: [u8; 2] = if packet[0] >> 4 == 6 {
        [0x86, 0xdd]
    } else {
        [0x08, 0x00]
    };
    [&HOST_MAC.0[..], &source.0, &ethertype, packet].concat()
}

fn with_ports(
    packet: &Packet,
    protocol: Protocol,
    ports: &[u8],
    serial: u32,
    part: Part,
) -> Vec<u8> {
    let payload = [&serial.to_be_bytes()[..], b"margay probe"].concat();
    let mut header = ports.to_vec();
    match protocol {
        Protocol::TCP => {
            let (sequence, acknowledged, flags) = match part {
                Part::Opening => (serial, 0, 0x02),
                Part::Answer => (!serial, serial.wrapping_add(1), 0x12),
            };
            header.extend(sequence.to_be_bytes());
            header.extend(acknowledged.to_be_bytes());
            header.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
            let pseudo = pseudo_header(packet, &header);
            summed(header, 16, &pseudo)
        }
        Protocol::SCTP => {
            // Verification tag 0 and one INIT chunk, whose initiate tag is the serial.
            header.extend([0; 8]);
            header.extend([1, 0, 0, 20]);
            header.extend((serial | 1).to_be_bytes());
            header.extend([0, 0, 0xff, 0xff, 0, 10, 0, 10]);
            header.extend(serial.to_be_bytes());
            let sum = crc32c(&header).to_le_bytes();
            header[8..12].copy_from_slice(&sum);
            header
        }
        // UDP, and UDPLite whose checksum covers all.
        _ => {
            let length = u16::try_from(8 + payload.len()).unwrap();
            header.extend(length.to_be_bytes());
            header.extend([0, 0]);
            header.extend(payload);
            let pseudo = pseudo_header(packet, &header);
            summed(header, 6, &pseudo)
        }
    }
}

/// RFC 9293 section 3.1, RFC 8200 section 8.1: the sums are the same for both families.
fn pseudo_header(packet: &Packet, transport: &[u8]) -> Vec<u8> {
    let length = u32::try_from(transport.len()).unwrap();
    let mut header = [octets(packet.source), octets(packet.destination)].concat();
    header.extend(length.to_be_bytes());
    header.extend([0, 0, 0, packet.protocol().0]);
    header
}

/// The bytes with the Internet checksum (RFC 1071) of them and the pseudo header at an offset.
fn summed(mut bytes: Vec<u8>, offset: usize, pseudo: &[u8]) -> Vec<u8> {
    let words = |part: &[u8]| -> u32 {
        part.chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low)))
            .sum()
    };
    let mut sum = words(&bytes) + words(pseudo);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    // Zero would say that there is no checksum (RFC 768).
    let sum = match !u16::try_from(sum).unwrap() {
        0 => 0xffff,
        sum => sum,
    };
    bytes[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// CRC32c (RFC 9260 appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}
