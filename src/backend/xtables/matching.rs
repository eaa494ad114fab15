//! Matches: what a rule tests of a packet.

use std::fmt;
use std::net::IpAddr;

use super::IpsetName;
use crate::net::{Cidr, Family, InterfaceName, MacAddress, PortRange, Protocol};
use crate::ruleset::{CtState, Limit, LimitUnit, Operator};

/// One test; under [`Operator::Ne`] it must not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// `-i`: the interface that a packet came in by.
    In(Operator, InterfacePattern),
    /// `-o`: the interface that it leaves by.
    Out(Operator, InterfacePattern),
    /// `-s` or `-d`: an address in a prefix.
    Address(AddressSide, Operator, Cidr),
    /// `-m iprange`: an address in a range.
    AddressRange(AddressSide, Operator, IpAddr, IpAddr),
    /// `-p`.
    Protocol(Operator, Protocol),
    /// Ports of a protocol that a `Protocol` before it named.
    Ports {
        /// The protocol that has them.
        protocol: Protocol,
        /// Which of the two.
        side: AddressSide,
        /// In or not.
        operator: Operator,
        /// The range.
        ports: PortRange,
    },
    /// `-m icmp` or `-m icmp6`: a type and perhaps a code; a `Protocol` comes before it.
    Icmp(Operator, u8, Option<u8>),
    /// `-m conntrack`: any of these states.
    State(Operator, CtState),
    /// `-m mark`: these bits of the packet's mark.
    Mark {
        /// Equal or not.
        operator: Operator,
        /// What they are.
        value: u32,
        /// Which.
        mask: u32,
    },
    /// `-m connmark`: the same of the connection's mark.
    ConnectionMark {
        /// Equal or not.
        operator: Operator,
        /// What they are.
        value: u32,
        /// Which.
        mask: u32,
    },
    /// `-m set`: a member of an ipset, by one side of the packet for each of its dimensions.
    Member(Operator, IpsetName, Vec<AddressSide>),
    /// `-m mac`: the Ethernet source.
    Mac(Operator, MacAddress),
    /// `-m limit`: no more than so many packets.
    Limit(Limit),
}

impl Match {
    /// The arguments of iptables.
    pub fn text(&self, family: Family) -> String {
        match self {
            Self::In(operator, pattern) => format!("{}-i {pattern}", not(*operator)),
            Self::Out(operator, pattern) => format!("{}-o {pattern}", not(*operator)),
            Self::Address(side, operator, cidr) => {
                format!("{}{} {cidr}", not(*operator), side.option())
            }
            Self::AddressRange(side, operator, first, last) => {
                let not = not(*operator);
                format!("-m iprange {not}--{}-range {first}-{last}", side.as_str())
            }
            Self::Protocol(operator, protocol) => {
                format!("{}-p {}", not(*operator), protocol.0)
            }
            Self::Ports {
                protocol,
                side,
                operator,
                ports,
            } => port_text(*protocol, *side, *operator, *ports),
            Self::Icmp(operator, kind, code) => icmp_text(family, *operator, *kind, *code),
            Self::State(operator, states) => {
                format!(
                    "-m conntrack {}--ctstate {}",
                    not(*operator),
                    state_text(*states)
                )
            }
            Self::Mark {
                operator,
                value,
                mask,
            } => format!("-m mark {}--mark {value:#x}/{mask:#x}", not(*operator)),
            Self::ConnectionMark {
                operator,
                value,
                mask,
            } => format!("-m connmark {}--mark {value:#x}/{mask:#x}", not(*operator)),
            Self::Member(operator, ipset, sides) => {
                let sides: Vec<_> = sides.iter().map(|side| side.as_str()).collect();
                let not = not(*operator);
                format!("-m set {not}--match-set {ipset} {}", sides.join(","))
            }
            Self::Mac(operator, mac) => format!("-m mac {}--mac-source {mac}", not(*operator)),
            Self::Limit(limit) => limit_text(limit),
        }
    }

    /// The ipset that is looked up.
    pub fn ipset(&self) -> Option<&IpsetName> {
        match self {
            Self::Member(_, ipset, _) => Some(ipset),
            Self::In(..)
            | Self::Out(..)
            | Self::Address(..)
            | Self::AddressRange(..)
            | Self::Protocol(..)
            | Self::Ports { .. }
            | Self::Icmp(..)
            | Self::State(..)
            | Self::Mark { .. }
            | Self::ConnectionMark { .. }
            | Self::Mac(..)
            | Self::Limit(_) => None,
        }
    }
}

/// Which of two addresses, ports or interfaces of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressSide {
    /// Where it comes from.
    Source,
    /// Where it goes to.
    Destination,
}

impl AddressSide {
    /// iptables' and ipset's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "src",
            Self::Destination => "dst",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Source => "-s",
            Self::Destination => "-d",
        }
    }
}

/// One interface, or all whose names begin so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfacePattern {
    /// The whole name.
    Exact(InterfaceName),
    /// The beginning of a name.
    Prefix(InterfaceName),
}

impl InterfacePattern {
    /// Whether every interface of another pattern is one of this.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(own), Self::Exact(name)) => own == name,
            (Self::Exact(_), Self::Prefix(_)) => false,
            (Self::Prefix(own), Self::Exact(name) | Self::Prefix(name)) => {
                name.as_str().starts_with(own.as_str())
            }
        }
    }
}

impl fmt::Display for InterfacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Prefix(name) => write!(f, "{name}+"),
        }
    }
}

fn not(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "",
        Operator::Ne => "! ",
    }
}

fn port_text(
    protocol: Protocol,
    side: AddressSide,
    operator: Operator,
    ports: PortRange,
) -> String {
    let range = if ports.first() == ports.last() {
        ports.first().to_string()
    } else {
        format!("{}:{}", ports.first(), ports.last())
    };
    let letter = match side {
        AddressSide::Source => 's',
        AddressSide::Destination => 'd',
    };
    let not = not(operator);
    match protocol {
        // udplite has no match of its own.
        Protocol::UDPLITE => format!("-m multiport {not}--{letter}ports {range}"),
        named => format!("-m {named} {not}--{letter}port {range}"),
    }
}

fn icmp_text(family: Family, operator: Operator, kind: u8, code: Option<u8>) -> String {
    let (module, option) = match family {
        Family::V4 => ("icmp", "icmp-type"),
        Family::V6 => ("icmp6", "icmpv6-type"),
    };
    let not = not(operator);
    let code = code.map(|code| format!("/{code}")).unwrap_or_default();
    format!("-m {module} {not}--{option} {kind}{code}")
}

fn state_text(states: CtState) -> String {
    let words = [
        (CtState::INVALID, "INVALID"),
        (CtState::NEW, "NEW"),
        (CtState::RELATED, "RELATED"),
        (CtState::ESTABLISHED, "ESTABLISHED"),
        (CtState::UNTRACKED, "UNTRACKED"),
    ];
    let words = words.into_iter().filter(|(bit, _)| states.contains(*bit));
    words.map(|(_, word)| word).collect::<Vec<_>>().join(",")
}

fn limit_text(limit: &Limit) -> String {
    let unit = match limit.unit {
        LimitUnit::Second => "second",
        LimitUnit::Minute => "minute",
        LimitUnit::Hour => "hour",
        LimitUnit::Day => "day",
    };
    let Limit { rate, burst, .. } = limit;
    format!("-m limit --limit {rate}/{unit} --limit-burst {burst}")
}
