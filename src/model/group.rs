//! Security groups: deny by default, rules that allow.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use smol_str::SmolStr;

use super::{GroupRules, Origin};
use crate::net::{Cidr, Family, InvalidValue, PortRange, Protocol};

/// Longest name of a group or an endpoint, in bytes.
pub const OBJECT_NAME_BYTES_MAX: usize = 253;

/// The name of a security group: `[A-Za-z0-9._-]{1,253}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(SmolStr);

impl GroupName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GroupName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        object_name("group name", text).map(Self)
    }
}

/// A name of a group or endpoint, checked.
pub(super) fn object_name(what: &'static str, text: &str) -> Result<SmolStr, InvalidValue> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if (1..=OBJECT_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal) {
        return Ok(text.into());
    }
    Err(InvalidValue::new(what, text, "1-253 of A-Z a-z 0-9 . _ -"))
}

/// Which way traffic goes, seen from the endpoint that the policy protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the endpoint.
    Ingress,
    /// From the endpoint.
    Egress,
}

impl Direction {
    /// Both, in the order of documents.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// A named list of rules; what no rule allows is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The name, which is also the name of the set of its members.
    pub name: GroupName,
    /// What may reach the members.
    pub ingress: GroupRules,
    /// What the members may reach.
    pub egress: GroupRules,
}

impl SecurityGroup {
    /// The rules of one direction.
    pub fn rules(&self, direction: Direction) -> &GroupRules {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// The same, its rules those of another one as far as they are the same.
    #[must_use]
    pub fn sharing(self, other: &Self) -> Self {
        Self {
            ingress: self.ingress.sharing(&other.ingress),
            egress: self.egress.sharing(&other.egress),
            ..self
        }
    }

    /// Whether another one says the same and each rule of it was written in the same place.
    pub fn is_twin(&self, other: &Self) -> bool {
        let mut both = Direction::ALL.into_iter();
        let is_twin = |direction| self.rules(direction).is_twin(other.rules(direction));
        self.name == other.name && both.all(is_twin)
    }
}

/// `allow IPv4 tcp 80-443 from 10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    /// The family it speaks of; `peer` is a prefix of the same family or a group.
    pub family: Family,
    /// Which protocols, ports and ICMP messages.
    pub service: Service,
    /// The other end.
    pub peer: Peer,
    /// Where the rule was written.
    pub origin: Origin,
}

/// What a rule allows of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Everything. It is the first in order: whoever looks for all rules about a prefix begins here.
    Any,
    /// One protocol, whatever its ports or types.
    Protocol(Protocol),
    /// Destination ports of a protocol that has ports.
    Ports(Protocol, PortRange),
    /// ICMP or ICMPv6 messages, by the rule's family: a type, and a code where one was given.
    Icmp(u8, Option<u8>),
}

/// The other end of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Addresses in a prefix.
    Cidr(Cidr),
    /// Addresses of the members of a group.
    Group(GroupName),
}

impl Peer {
    /// Whether the peer is a prefix that holds the address; a group's members are known to the state only.
    pub fn cidr_contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Cidr(cidr) => cidr.contains(address),
            Self::Group(_) => false,
        }
    }
}

impl GroupRule {
    /// Whether another one says the same and was written in the same place.
    pub(super) fn is_twin(&self, other: &Self) -> bool {
        self == other && self.origin.is_there(&other.origin)
    }

    /// The rule in the grammar of the documents, as it stands in the list of a direction.
    pub fn text(&self, direction: Direction) -> String {
        let preposition = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let (family, service, peer) = (self.family, self.said_service(), &self.peer);
        format!("allow {family}{service} {preposition} {peer}")
    }

    /// The service as the grammar has it. Under IPv6 the word icmp means ICMPv6, so there ICMP is a
    /// number.
    fn said_service(&self) -> String {
        match (self.family, self.service) {
            (Family::V6, Service::Protocol(Protocol::ICMP)) => format!(" {}", Protocol::ICMP.0),
            (
                Family::V4 | Family::V6,
                Service::Any | Service::Protocol(_) | Service::Ports(..) | Service::Icmp(..),
            ) => self.service.to_string(),
        }
    }
}

impl fmt::Display for GroupRule {
    /// The rule in the grammar of the documents, direction word left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, service, peer) = (self.family, self.said_service(), &self.peer);
        write!(f, "allow {family}{service} {peer}")
    }
}

impl fmt::Display for Service {
    /// What stands between the family and the peer, with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Protocol(protocol) => write!(f, " {protocol}"),
            Self::Ports(protocol, ports) => write!(f, " {protocol} {ports}"),
            Self::Icmp(kind, None) => write!(f, " icmp {kind}"),
            Self::Icmp(kind, Some(code)) => write!(f, " icmp {kind}/{code}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::Group(group) => write!(f, "group {group}"),
        }
    }
}
