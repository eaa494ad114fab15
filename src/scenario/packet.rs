//! What a packet is to a policy: where it comes in, what its headers say, where routes lead it.

use std::net::IpAddr;

use crate::net::{Family, InterfaceName, MacAddress, Protocol};

/// The headers of a packet, as far as a policy can see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    /// Who sends it, or says so.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What follows the addresses.
    pub transport: Transport,
}

/// The transport header of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP, UDP, SCTP or UDPLite.
    Ports {
        /// Which of them.
        protocol: Protocol,
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
    },
    /// ICMP or ICMPv6, by the family of the addresses.
    Icmp {
        /// The type of the message.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Any other protocol.
    Other(Protocol),
    /// One that has ports or messages, in a packet that ends before them.
    Cut(Protocol),
}

/// A packet on its way: the world's routes decide where it would go if nothing stopped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The interface it comes in by.
    pub from: InterfaceName,
    /// The interface it would leave by; `None` is the host itself.
    pub to: Option<InterfaceName>,
    /// The sender's Ethernet address, where the interface has such.
    pub mac: Option<MacAddress>,
    /// Its headers.
    pub packet: Packet,
}

impl Packet {
    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        match (self.transport, self.family()) {
            (
                Transport::Ports { protocol, .. }
                | Transport::Other(protocol)
                | Transport::Cut(protocol),
                _,
            ) => protocol,
            (Transport::Icmp { .. }, Family::V4) => Protocol::ICMP,
            (Transport::Icmp { .. }, Family::V6) => Protocol::ICMPV6,
        }
    }

    /// The port of its receiver, where the protocol has ports.
    pub fn destination_port(&self) -> Option<u16> {
        match self.transport {
            Transport::Ports { destination, .. } => Some(destination),
            Transport::Icmp { .. } | Transport::Other(_) | Transport::Cut(_) => None,
        }
    }

    /// The packet with another source port; the same where it has none.
    #[must_use]
    pub fn with_source_port(self, port: u16) -> Self {
        let transport = match self.transport {
            Transport::Ports {
                protocol,
                destination,
                ..
            } => Transport::Ports {
                protocol,
                source: port,
                destination,
            },
            Transport::Icmp { .. } | Transport::Other(_) | Transport::Cut(_) => self.transport,
        };
        Self { transport, ..self }
    }

    /// What its receiver would send back; the transport is the same where it has no ports.
    #[must_use]
    pub fn reply(self) -> Self {
        let transport = match self.transport {
            Transport::Ports {
                protocol,
                source,
                destination,
            } => Transport::Ports {
                protocol,
                source: destination,
                destination: source,
            },
            Transport::Icmp { .. } | Transport::Other(_) | Transport::Cut(_) => self.transport,
        };
        Self {
            source: self.destination,
            destination: self.source,
            transport,
        }
    }
}
