//! Packets as bytes.

use std::net::IpAddr;

use crate::net::{Protocol, octets};

/// The smallest packet, headers included, that every kind fits in.
pub const FRAME_BYTES_MIN: usize = 64;
/// The largest: what a device without settings carries.
pub const FRAME_BYTES_MAX: usize = 1_500;

/// The headers of a packet that opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Who sends it.
    pub(crate) source: IpAddr,
    /// To whom.
    pub(crate) destination: IpAddr,
    /// TCP or UDP.
    pub(crate) protocol: Protocol,
    /// The sender's port.
    pub(crate) from: u16,
    /// The receiver's port.
    pub(crate) to: u16,
}

impl Opening {
    /// What the receiver sends back.
    pub(crate) fn reply(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            protocol: self.protocol,
            from: self.to,
            to: self.from,
        }
    }

    /// The packet, of a length in bytes.
    pub(crate) fn bytes(&self, length: usize) -> Vec<u8> {
        let length = length.clamp(FRAME_BYTES_MIN, FRAME_BYTES_MAX);
        let header = match self.source {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40,
        };
        let transport = self.transport(length - header);
        let mut packet = self.header(transport.len());
        packet.extend(transport);
        packet
    }

    fn header(&self, payload: usize) -> Vec<u8> {
        let addresses = [octets(self.source), octets(self.destination)].concat();
        let mut header = match self.source {
            IpAddr::V4(_) => {
                let [high, low] = short(payload + 20);
                vec![0x45, 0, high, low, 0, 1, 0x40, 0, 64, self.protocol.0, 0, 0]
            }
            IpAddr::V6(_) => {
                let [high, low] = short(payload);
                vec![0x60, 0, 0, 0, high, low, self.protocol.0, 64]
            }
        };
        header.extend(addresses);
        match self.source {
            IpAddr::V4(_) => summed(header, 10, &[]),
            IpAddr::V6(_) => header,
        }
    }

    fn transport(&self, length: usize) -> Vec<u8> {
        let mut header = [self.from.to_be_bytes(), self.to.to_be_bytes()].concat();
        let sum_at = match self.protocol {
            // A SYN: RFC 9293.
            Protocol::TCP => {
                header.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 2, 0xff, 0xff, 0, 0, 0, 0]);
                16
            }
            _ => {
                header.extend(short(length));
                header.extend([0, 0]);
                6
            }
        };
        header.resize(length, 0);
        let mut pseudo = [octets(self.source), octets(self.destination)].concat();
        pseudo.extend([0, 0]);
        pseudo.extend(short(length));
        pseudo.extend([0, 0, 0, self.protocol.0]);
        summed(header, sum_at, &pseudo)
    }
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// The bytes with the Internet checksum (RFC 1071) of them and the pseudo header at an offset.
fn summed(mut bytes: Vec<u8>, offset: usize, pseudo: &[u8]) -> Vec<u8> {
    let words = |part: &[u8]| -> u32 {
        let pairs = part.chunks(2);
        let word = |pair: &[u8]| {
            pair.iter()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        };
        pairs.map(|pair| word(pair) << (8 * (2 - pair.len()))).sum()
    };
    let mut sum = words(&bytes) + words(pseudo);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    // Zero would say that there is no checksum (RFC 768).
    let sum = match !u16::try_from(sum).unwrap_or(0) {
        0 => 0xffff,
        sum => sum,
    };
    if let Some(place) = bytes.get_mut(offset..offset + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}
