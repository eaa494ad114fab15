//! The endpoints of this host.

use std::fmt;

use crate::net::InterfaceName;

/// An endpoint of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointStatus {
    /// The host's side of its interface.
    pub interface: InterfaceName,
    /// Whether packets pass.
    pub state: EndpointState,
}

/// Whether packets pass an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointState {
    /// Its interface is up and its policy in force.
    Up,
    /// Its interface is not there or not up, or nothing was programmed for it yet.
    Down,
    /// The kernel does not take what it needs, or another endpoint has its interface or an address.
    Error,
}

impl fmt::Display for EndpointState {
    /// Felix's words, which Neutron reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Error => "error",
        })
    }
}
