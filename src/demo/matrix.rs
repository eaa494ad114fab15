//! The matrix of the demo: who is there, what is sent, and what should become of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::net::{Family, InterfaceName, MacAddress};

/// What a file of expectations says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The parties that no document names.
    pub places: Vec<Place>,
    /// The workloads of several endpoints.
    pub workloads: Vec<Workload>,
    /// The flows, in the order of the file.
    pub flows: Vec<Flow>,
}

/// A party that no document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The host's interface to it; `None` for the host itself and for `outside`.
    pub interface: Option<InterfaceName>,
}

/// Endpoints that are interfaces of one network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// The names of its endpoints.
    pub endpoints: Vec<String>,
}

/// One packet, and what should become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The line of the file, from 1.
    pub line: usize,
    /// The headline above the flow.
    pub section: String,
    /// Who sends: an endpoint or a place.
    pub from: String,
    /// Who should receive: an endpoint, a place or `metadata`.
    pub to: String,
    /// What is sent.
    pub service: Service,
    /// The family of the addresses.
    pub family: Family,
    /// Whether the sender pretends.
    pub disguise: Disguise,
    /// What should become of it.
    pub expected: Verdict,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A connection to a port.
    Tcp(u16),
    /// A datagram to a port, from a port of its own where that matters.
    Udp {
        /// The source port; `None` for any.
        source: Option<u16>,
        /// The destination port.
        destination: u16,
    },
    /// An echo request.
    Echo,
}

/// Whether the sender pretends to be somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disguise {
    /// It does not.
    None,
    /// It sends from an address that is not its own.
    Address(IpAddr),
    /// It has no address yet, and asks everybody: 0.0.0.0 to 255.255.255.255.
    Unnumbered,
    /// It sends from an Ethernet address that is not its own.
    Mac(MacAddress),
}

/// What should become of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives, and its answer too.
    Allow,
    /// It does not arrive.
    Deny,
}

impl fmt::Display for Flow {
    /// The flow as the file says it, its verdict left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            Family::V4 => "v4",
            Family::V6 => "v6",
        };
        write!(f, "{} -> {} ", self.from, self.to)?;
        match (self.service, self.family) {
            (Service::Tcp(port), _) => write!(f, "tcp {port}")?,
            (
                Service::Udp {
                    source: None,
                    destination,
                },
                _,
            ) => write!(f, "udp {destination}")?,
            (
                Service::Udp {
                    source: Some(source),
                    destination,
                },
                _,
            ) => {
                write!(f, "udp {source}>{destination}")?;
            }
            (Service::Echo, Family::V4) => f.write_str("icmp 8/0")?,
            (Service::Echo, Family::V6) => f.write_str("icmpv6 128/0")?,
        }
        write!(f, " {family}")?;
        match self.disguise {
            Disguise::None => Ok(()),
            Disguise::Address(address) => write!(f, " as {address}"),
            Disguise::Unnumbered => write!(f, " as {}", Ipv4Addr::UNSPECIFIED),
            Disguise::Mac(mac) => write!(f, " mac {mac}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}
