//! One packet of the experiment.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::migrate::iptables::PacketType;
use crate::net::{Family, MacAddress};

/// The source port of a packet whose rule asks for none. Each connection gets another in its place.
pub(super) const EPHEMERAL: u16 = 40_000;

/// Whoever is at the other end of an interface.
const NEIGHBOUR: MacAddress = MacAddress([0x02, 0, 0, 0, 0xee, 2]);

/// Where a packet begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// It comes in by an interface.
    Device(String),
    /// This host sends it.
    Host,
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Probe {
    pub(super) origin: Origin,
    /// The interface that it is routed to; none for this host.
    pub(super) output: Option<String>,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) tcp_flags: u8,
    /// The largest segment, where TCP names one.
    pub(super) segment: u16,
    /// The options of TCP, by their numbers.
    pub(super) tcp_options: Vec<u8>,
    pub(super) icmp: (u8, u8),
    pub(super) hops: u8,
    /// DSCP and ECN.
    pub(super) octet: u8,
    /// Of the whole packet, where a rule asks for one.
    pub(super) length: Option<u16>,
    pub(super) fragment: Option<Fragment>,
    /// The headers between that of IPv6 and the transport's.
    pub(super) headers: Vec<Header>,
    /// The index of AH and ESP.
    pub(super) security: u32,
    /// The type of a packet of DCCP, or of a mobility header.
    pub(super) kind: u8,
    /// The types of the chunks of SCTP.
    pub(super) chunks: Vec<u8>,
    /// The packet that an error of ICMP is about.
    pub(super) quoted: Option<Box<Self>>,
    /// From whom its frame comes.
    pub(super) mac: MacAddress,
    /// To whom its frame is.
    pub(super) addressed: PacketType,
    pub(super) state: State,
    /// The user and group who send it, if not root; then the kernel makes the packet, of UDP.
    pub(super) sender: Option<(u32, u32)>,
}

/// What a packet carries that is not in its bytes; the watching table gives it before any rule sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) mark: u32,
    pub(super) connection_mark: u32,
    pub(super) label: Option<u16>,
    pub(super) untracked: bool,
    /// Whether its destination was translated.
    pub(super) translated: bool,
}

/// Which part of a packet it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// In units of eight bytes.
    pub(super) offset: u16,
    /// The reserved octet and, above it, the two reserved bits.
    pub(super) reserved: u16,
    pub(super) more: bool,
}

/// A header of IPv6 before the transport's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Header {
    /// Hop-by-hop options, of so many bytes.
    HopByHop(u32),
    /// Options for the destination.
    Destination(u32),
    Routing {
        kind: u8,
        left: u8,
        length: u32,
    },
    Authentication,
}

impl Probe {
    /// What a packet is as long as no rule asks for anything.
    pub(super) fn new(family: Family) -> Self {
        let (source, destination) = match family {
            Family::V4 => (
                Ipv4Addr::new(198, 51, 100, 7).into(),
                Ipv4Addr::new(203, 0, 113, 9).into(),
            ),
            Family::V6 => (
                Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 7).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 9).into(),
            ),
        };
        Self {
            origin: Origin::Device("probe0".to_owned()),
            output: None,
            source,
            destination,
            protocol: 17,
            source_port: EPHEMERAL,
            destination_port: 40_001,
            tcp_flags: 0x02,
            segment: 8960,
            tcp_options: Vec::new(),
            icmp: match family {
                Family::V4 => (8, 0),
                Family::V6 => (128, 0),
            },
            hops: 64,
            octet: 0,
            length: None,
            fragment: None,
            headers: Vec::new(),
            security: 0x100,
            kind: 0,
            chunks: Vec::new(),
            quoted: None,
            mac: NEIGHBOUR,
            addressed: PacketType::Unicast,
            state: State::default(),
            sender: None,
        }
    }

    pub(super) fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// The interface that it comes in by.
    pub(super) fn input(&self) -> Option<&str> {
        match &self.origin {
            Origin::Device(name) => Some(name),
            Origin::Host => None,
        }
    }

    /// Sent by this host to itself.
    pub(super) fn loops(&mut self) {
        self.origin = Origin::Host;
        self.output = None;
        let loopback = match self.family() {
            Family::V4 => IpAddr::from(Ipv4Addr::LOCALHOST),
            Family::V6 => Ipv6Addr::LOCALHOST.into(),
        };
        self.source = loopback;
        self.destination = loopback;
    }

    /// A packet the other way of the same connection.
    pub(super) fn reversed(&self) -> Self {
        let mut other = self.clone();
        (other.source, other.destination) = (self.destination, self.source);
        if self.protocol != 1 && self.protocol != 58 {
            (other.source_port, other.destination_port) = (self.destination_port, self.source_port);
        }
        other.icmp.0 = match self.icmp.0 {
            8 => 0,
            0 => 8,
            128 => 129,
            129 => 128,
            kind => kind,
        };
        (other.origin, other.output) = match (&self.origin, &self.output) {
            (Origin::Device(input), None) => (Origin::Host, Some(input.clone())),
            (Origin::Device(input), Some(output)) => {
                (Origin::Device(output.clone()), Some(input.clone()))
            }
            (Origin::Host, Some(output)) => (Origin::Device(output.clone()), None),
            (Origin::Host, None) => (Origin::Host, None),
        };
        (other.mac, other.addressed) = (NEIGHBOUR, PacketType::Unicast);
        other
    }

    /// The error that the other end sends about a packet, which comes as `self` would.
    pub(super) fn complaint(&self, about: &Self) -> Self {
        let mut error = self.clone();
        (error.protocol, error.icmp) = match self.family() {
            Family::V4 => (1, (3, 3)),
            Family::V6 => (58, (1, 4)),
        };
        error.quoted = Some(Box::new(about.clone()));
        error
    }
}

/// Between which ends, by which interfaces, and whatever else rules ask of it.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self::new(self.family());
        let at = |address: IpAddr, port: u16| match self.protocol {
            6 | 17 | 33 | 132 | 136 => format!("{address} port {port}"),
            _ => address.to_string(),
        };
        let input = self.input().unwrap_or("this host");
        let output = self.output.as_deref().unwrap_or("this host");
        write!(
            f,
            "protocol {} from {} to {}, by {input} for {output}",
            self.protocol,
            at(self.source, self.source_port),
            at(self.destination, self.destination_port),
        )?;
        let mark = self.state.mark;
        let connection_mark = self.state.connection_mark;
        let more = [
            (
                self.protocol == 6,
                format!("TCP flags {:#04x}", self.tcp_flags),
            ),
            (
                [1, 58].contains(&self.protocol),
                format!("type {} code {}", self.icmp.0, self.icmp.1),
            ),
            (self.hops != plain.hops, format!("TTL {}", self.hops)),
            (
                self.octet != plain.octet,
                format!("TOS {:#04x}", self.octet),
            ),
            (
                self.length.is_some(),
                format!("{} bytes", self.length.unwrap_or(0)),
            ),
            (self.fragment.is_some(), "a fragment".to_owned()),
            (!self.headers.is_empty(), "with headers of IPv6".to_owned()),
            (mark != 0, format!("mark {mark:#x}")),
            (
                connection_mark != 0,
                format!("connection mark {connection_mark:#x}"),
            ),
            (self.state.untracked, "untracked".to_owned()),
        ];
        let mut more = more.into_iter().filter(|(is_there, _)| *is_there);
        more.try_for_each(|(_, word)| write!(f, ", {word}"))
    }
}
