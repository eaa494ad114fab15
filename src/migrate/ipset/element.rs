//! An element of a set.

use std::net::IpAddr;

use crate::migrate::iptables::Span;
use crate::net::{Cidr, MacAddress, PortRange, Protocol};

/// One element, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The line that adds it, from 1.
    pub line: usize,
    /// Its fields, dimension by dimension; one set's name for `list:set`.
    pub fields: Vec<Field>,
    /// `nomatch`: an exception from what a shorter prefix matches.
    pub nomatch: bool,
    /// `timeout`: seconds left.
    pub timeout: Option<u32>,
    /// `packets`.
    pub packets: Option<u64>,
    /// `bytes`.
    pub bytes: Option<u64>,
    /// `comment`.
    pub comment: Option<String>,
    /// `skbmark`, `skbprio`, `skbqueue`: as they stand.
    pub skbinfo: Vec<(String, String)>,
    /// Options that are not known here.
    pub unknown: Vec<String>,
}

/// One dimension of an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// An address or a prefix.
    Prefix(Cidr),
    /// Addresses from one to another.
    Range(Span<IpAddr>),
    /// A protocol and a range of ports.
    Port(PortProtocol),
    /// A range of ports without a protocol, in `bitmap:port`.
    PlainPort(PortRange),
    /// A MAC address; an element of `bitmap:ip,mac` may have none.
    Mac(MacAddress),
    /// A mark.
    Mark(u32),
    /// An interface; `physdev` looks at ports of bridges.
    Interface {
        /// Its name, perhaps with a trailing `+`.
        name: String,
        /// `physdev:`.
        physical: bool,
    },
    /// Another set.
    Set(String),
}

/// A protocol and what there is in its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortProtocol {
    /// The protocol.
    pub protocol: Protocol,
    /// Ports; for ICMP the type in the upper byte and the code in the lower.
    pub ports: PortRange,
}
