//! A question about a packet, put in names, made into the packet that a ruleset would see.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::endpoints;
use crate::model::{Endpoint, EndpointName, State};
use crate::net::{Family, InterfaceName, InvalidValue, Protocol};
use crate::ruleset::CtState;
use crate::ruleset::packet::{Packet, Transport};

/// One end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The host itself.
    Host,
    /// An address, of an endpoint or of none.
    Address(IpAddr),
    /// An endpoint, of this host or of another.
    Endpoint(EndpointName),
}

impl FromStr for Who {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text == "host" {
            return Ok(Self::Host);
        }
        let address = text.parse().map(Self::Address).ok();
        let endpoint = || text.parse().map(Self::Endpoint).ok();
        address.or_else(endpoint).ok_or_else(|| {
            InvalidValue::new(
                "end",
                text,
                "the name of an endpoint, the word host or an address",
            )
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Address(address) => address.fmt(f),
            Self::Endpoint(name) => name.fmt(f),
        }
    }
}

/// Who talks to whom, how.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// The sender.
    pub from: Who,
    /// The receiver.
    pub to: Who,
    /// The protocol; `icmp` means the ICMP of the family.
    pub protocol: Protocol,
    /// The source port.
    pub source_port: u16,
    /// The destination port.
    pub destination_port: u16,
    /// ICMP type and code; `None` is an echo request.
    pub message: Option<(u8, u8)>,
    /// What conntrack says of the packet.
    pub state: CtState,
    /// Where packets from outside come in.
    pub outside_in: InterfaceName,
    /// Where packets to the outside leave.
    pub outside_out: InterfaceName,
    /// The addresses that the host is taken to have.
    pub host_addresses: Vec<IpAddr>,
}

/// The addresses of a host that nobody told: for documentation, RFC 5737 and RFC 3849.
pub const HOST_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Why an inquiry describes no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InquiryError {
    /// No document declares the endpoint.
    #[error("there is no endpoint {0}")]
    NoEndpoint(EndpointName),
    /// Another endpoint has its interface.
    #[error("endpoint {0} carries nothing: endpoint {1} has its interface")]
    NoInterface(EndpointName, EndpointName),
    /// The two ends have no family in common, or not the one of the protocol.
    #[error("{from} and {to} have no addresses of one family for {protocol}")]
    NoFamily {
        /// The sender.
        from: Who,
        /// The receiver.
        to: Who,
        /// The protocol.
        protocol: Protocol,
    },
    /// The host talks to itself.
    #[error("a packet from the host to itself passes no policy")]
    Loopback,
}

/// An end with its addresses and, where it is not the host, its interface.
struct End<'s> {
    addresses: Vec<IpAddr>,
    interface: Option<InterfaceName>,
    endpoint: Option<&'s Endpoint>,
}

impl End<'_> {
    fn address(&self, family: Family) -> Option<IpAddr> {
        self.addresses
            .iter()
            .copied()
            .find(|address| Family::of(*address) == family)
    }
}

/// The packet that an inquiry describes, as host `host` sees it.
///
/// # Errors
/// An end that no document knows, or two ends that cannot talk.
pub fn packet(state: &State, host: &str, inquiry: &Inquiry) -> Result<Packet, InquiryError> {
    if inquiry.from == Who::Host && inquiry.to == Who::Host {
        return Err(InquiryError::Loopback);
    }
    let from = end(state, host, inquiry, &inquiry.from, &inquiry.outside_in)?;
    let to = end(state, host, inquiry, &inquiry.to, &inquiry.outside_out)?;
    let ends = families(inquiry.protocol)
        .iter()
        .find_map(|family| Some((from.address(*family)?, to.address(*family)?)));
    let Some((source, destination)) = ends else {
        return Err(InquiryError::NoFamily {
            from: inquiry.from.clone(),
            to: inquiry.to.clone(),
            protocol: inquiry.protocol,
        });
    };
    let protocol = match (inquiry.protocol, Family::of(source)) {
        (Protocol::ICMP, Family::V6) => Protocol::ICMPV6,
        (protocol, _) => protocol,
    };
    Ok(Packet {
        ether_saddr: from.endpoint.and_then(|endpoint| endpoint.mac),
        iif: from.interface,
        oif: to.interface,
        source,
        destination,
        protocol,
        transport: transport(inquiry, protocol),
        ct_state: inquiry.state,
        mark: 0,
    })
}

/// The families in which a protocol is tried, the preferred one first.
fn families(protocol: Protocol) -> &'static [Family] {
    match protocol {
        Protocol::ICMPV6 => &[Family::V6],
        _ => &Family::ALL,
    }
}

fn transport(inquiry: &Inquiry, protocol: Protocol) -> Transport {
    if protocol.has_ports() {
        return Transport::Ports {
            source: inquiry.source_port,
            destination: inquiry.destination_port,
        };
    }
    let echo_request = match protocol {
        Protocol::ICMP => (8, 0),
        Protocol::ICMPV6 => (128, 0),
        _ => return Transport::Other,
    };
    let (kind, code) = inquiry.message.unwrap_or(echo_request);
    Transport::Icmp { kind, code }
}

fn end<'s>(
    state: &'s State,
    host: &str,
    inquiry: &Inquiry,
    who: &Who,
    outside: &InterfaceName,
) -> Result<End<'s>, InquiryError> {
    match who {
        Who::Host => Ok(End {
            addresses: inquiry.host_addresses.clone(),
            interface: None,
            endpoint: None,
        }),
        Who::Address(address) => {
            let endpoint = owner(state, host, *address);
            let interface = endpoint.map_or(outside, |endpoint| &endpoint.interface);
            Ok(End {
                addresses: vec![*address],
                interface: Some(interface.clone()),
                endpoint,
            })
        }
        Who::Endpoint(name) => named(state, host, name, outside),
    }
}

/// The endpoint of this host that has an address and its interface.
fn owner<'s>(state: &'s State, host: &str, address: IpAddr) -> Option<&'s Endpoint> {
    let mut local = endpoints::local(state, host).into_values();
    local.find(|endpoint| endpoint.addresses.contains(&address))
}

/// An endpoint of another host is outside, with its addresses known.
fn named<'s>(
    state: &'s State,
    host: &str,
    name: &EndpointName,
    outside: &InterfaceName,
) -> Result<End<'s>, InquiryError> {
    let endpoint = state
        .endpoints
        .get(name)
        .ok_or_else(|| InquiryError::NoEndpoint(name.clone()))?;
    let addresses = endpoint.addresses.iter().copied().collect();
    if endpoint.host != host {
        return Ok(End {
            addresses,
            interface: Some(outside.clone()),
            endpoint: None,
        });
    }
    match endpoints::local(state, host).get(&endpoint.interface) {
        Some(holder) if holder.name != *name => {
            Err(InquiryError::NoInterface(name.clone(), holder.name.clone()))
        }
        Some(_) | None => Ok(End {
            addresses,
            interface: Some(endpoint.interface.clone()),
            endpoint: Some(endpoint),
        }),
    }
}
