//! Ipsets: their types, their members and their text.

use super::{IpsetName, Members};
use crate::net::Family;

/// An ipset and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipset {
    /// What its members are.
    pub kind: IpsetType,
    /// The family of its addresses.
    pub family: Family,
    /// The members, in order.
    pub members: Members,
}

/// What the members of an ipset are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpsetType {
    /// `hash:ip`: addresses.
    HashIp,
    /// `hash:net`: prefixes.
    HashNet,
    /// `hash:ip,port`: addresses, each with a protocol and a port.
    HashIpPort,
    /// `hash:net,port`: prefixes, each with a protocol and a port.
    HashNetPort,
    /// `hash:net,iface`: prefixes, each at an interface.
    HashNetIface,
}

impl IpsetType {
    /// ipset's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HashIp => "hash:ip",
            Self::HashNet => "hash:net",
            Self::HashIpPort => "hash:ip,port",
            Self::HashNetPort => "hash:net,port",
            Self::HashNetIface => "hash:net,iface",
        }
    }

    /// How many sides of a packet a match names.
    pub fn dimensions(self) -> usize {
        match self {
            Self::HashIp | Self::HashNet => 1,
            Self::HashIpPort | Self::HashNetPort | Self::HashNetIface => 2,
        }
    }
}

impl Ipset {
    /// An ipset without members.
    pub fn empty(kind: IpsetType, family: Family) -> Self {
        Self {
            kind,
            family,
            members: Members::default(),
        }
    }

    /// How many members the kernel lets in: room for twice as many, and 65,536, ipset's default, at least.
    pub fn members_max(&self) -> usize {
        (2 * self.members.len()).next_power_of_two().max(65_536)
    }

    /// The line that creates it, for `ipset restore`.
    pub fn create_line(&self, name: &IpsetName) -> String {
        let kind = self.kind.as_str();
        let family = match self.family {
            Family::V4 => "inet",
            Family::V6 => "inet6",
        };
        let buckets = self.members.len().next_power_of_two().max(1024);
        let members = self.members_max();
        format!("create {name} {kind} family {family} hashsize {buckets} maxelem {members}\n")
    }
}
