//! What became of a plan.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::IpAddr;

use super::sysctl::Setting;
use crate::net::{Family, InterfaceName};

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Report {
    /// How much was changed: settings, routes and neighbours. The same plan again changes nothing.
    pub writes: usize,
    /// How many connections were forgotten because an address went.
    pub forgotten: usize,
    /// The interfaces that are not there, or not up; they get what they need when they are.
    pub waiting: BTreeSet<InterfaceName>,
    /// What did not work, while everything else did.
    pub failures: Vec<Failure>,
    /// The interfaces that lack their IPv6 addresses because IPv6 is off there. That is as somebody
    /// wanted it, so it is no failure.
    pub without_ipv6: BTreeSet<InterfaceName>,
    /// The interfaces that were looked at: of others nothing is said.
    pub interfaces: BTreeSet<InterfaceName>,
    /// How often an interface was not as it had been listed.
    pub(super) surprises: usize,
}

impl Report {
    /// Whether the kernel was as it was thought to be.
    pub(super) fn is_expected(&self) -> bool {
        self.surprises == 0
    }
}

/// Something that did not work.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {reason}")]
pub struct Failure {
    /// What it was about.
    pub subject: Subject,
    /// The kernel's reason.
    pub reason: io::Error,
}

/// Something that is programmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A file under `/proc/sys`.
    Setting(InterfaceName, Setting),
    /// The route to an address.
    Route(InterfaceName, IpAddr),
    /// The neighbour with an address.
    Neighbour(InterfaceName, IpAddr),
    /// The answer to neighbour discovery for an address that is not the host's.
    Proxy(InterfaceName, IpAddr),
    /// The connections of addresses that went; it is tried again the next time.
    Connections(BTreeSet<IpAddr>),
}

impl Subject {
    /// The interface that it is about, if it is one.
    pub fn interface(&self) -> Option<&InterfaceName> {
        match self {
            Self::Setting(interface, _)
            | Self::Route(interface, _)
            | Self::Neighbour(interface, _)
            | Self::Proxy(interface, _) => Some(interface),
            Self::Connections(_) => None,
        }
    }

    /// The family of the address that it is about, if it is one.
    pub(super) fn family(&self) -> Option<Family> {
        match self {
            Self::Route(_, address) | Self::Neighbour(_, address) | Self::Proxy(_, address) => {
                Some(Family::of(*address))
            }
            Self::Setting(..) | Self::Connections(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(interface, Setting { tree, key, value }) => {
                write!(f, "{interface}: {tree}.{interface}.{key} = {value}")
            }
            Self::Route(interface, address) => write!(f, "{interface}: route to {address}"),
            Self::Neighbour(interface, address) => write!(f, "{interface}: neighbour {address}"),
            Self::Proxy(interface, address) => write!(f, "{interface}: answering for {address}"),
            Self::Connections(addresses) => {
                let all: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
                write!(f, "connections of {}", all.join(", "))
            }
        }
    }
}

/// Nothing could be programmed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {error}")]
pub struct HostError {
    /// What was being done.
    pub doing: &'static str,
    /// Why it failed.
    pub error: io::Error,
}
