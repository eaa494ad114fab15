//! The packet that a trace follows.

use std::net::IpAddr;

use super::{CtState, HookPoint};
use crate::net::{Family, InterfaceName, MacAddress, Protocol};

/// What rules can read of a packet.
///
/// Not modelled, so that a rule which reads it does not match, also negated: TCP flags, `ether daddr`,
/// `fib`, and the ports of what has none (the checksum of ICMP stands where `th dport` reads). A
/// connection's mark is taken as 0, an interface's index as unlike any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The interface it came in by; `None` is sent by this host.
    pub iif: Option<InterfaceName>,
    /// The interface it leaves by; `None` is for this host.
    pub oif: Option<InterfaceName>,
    /// The Ethernet source; `None` where the interface is not Ethernet (a TUN).
    pub ether_saddr: Option<MacAddress>,
    /// The source, of the same family as the destination.
    pub source: IpAddr,
    /// The destination.
    pub destination: IpAddr,
    /// The protocol above IP.
    pub protocol: Protocol,
    /// What begins after the IP header.
    pub transport: Transport,
    /// What conntrack says of the packet: one bit.
    pub ct_state: CtState,
    /// The mark that it has when it arrives.
    pub mark: u32,
}

/// The start of the transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Two ports.
    Ports {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
    },
    /// Type and code; the checksum behind them is not known.
    Icmp {
        /// `icmp type`.
        kind: u8,
        /// `icmp code`.
        code: u8,
    },
    /// Nothing that a rule could read.
    Other,
}

/// The way of a packet through the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// From an interface to this host.
    Input,
    /// From an interface to an interface.
    Forward,
    /// From this host to an interface.
    Output,
}

impl Route {
    /// The hooks in the order in which the packet passes them.
    pub fn hooks(self) -> &'static [HookPoint] {
        match self {
            Self::Input => &[HookPoint::Prerouting, HookPoint::Input],
            Self::Forward => &[
                HookPoint::Prerouting,
                HookPoint::Forward,
                HookPoint::Postrouting,
            ],
            Self::Output => &[HookPoint::Output, HookPoint::Postrouting],
        }
    }
}

impl Packet {
    /// The family of the addresses.
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// The way that the interfaces imply.
    pub fn route(&self) -> Route {
        match (&self.iif, &self.oif) {
            (Some(_), Some(_)) => Route::Forward,
            (Some(_), None) => Route::Input,
            (None, Some(_) | None) => Route::Output,
        }
    }
}
