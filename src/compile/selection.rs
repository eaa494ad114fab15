//! Selections: whose addresses a rule compares with, and the sets that hold them.

use std::net::IpAddr;

use super::names;
use crate::model::{GroupName, PortName, Selector};
use crate::net::{Family, Protocol, octets};
use crate::ruleset::key::KeyBuilder;
use crate::ruleset::{Datatype, Key, Name, Set, SetFlags};

/// Things that rules mean without naming their addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Selection {
    /// The members of a group.
    Group(GroupName),
    /// What a selector matches.
    Labels(Selector),
    /// The ports that go by a name, of whatever the selector matches; of a protocol, or of any.
    Port(Option<Selector>, Option<Protocol>, PortName),
}

/// The sets that hold a selection, one or two a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// Addresses of full length, in a hash set.
    Addresses,
    /// Shorter prefixes, in an interval set; it exists while there are any.
    Prefixes,
    /// `address . protocol . port`, in a hash set.
    Ports,
}

impl Selection {
    /// The set of a kind and family.
    pub(super) fn set(&self, holder: Holder, family: Family) -> Name {
        match self {
            Self::Group(group) => names::members(group, family),
            Self::Labels(_) | Self::Port(..) => names::selected(&self.text(), holder, family),
        }
    }

    /// What the set says of itself.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Group(group) => format!("group {group}"),
            Self::Labels(selector) => selector.to_string(),
            Self::Port(selector, protocol, port) => {
                let of = protocol.map_or("any".to_owned(), |protocol| protocol.to_string());
                let whose = selector.as_ref().map(|s| format!(" of {s}"));
                format!("port {port}/{of}{}", whose.unwrap_or_default())
            }
        }
    }

    /// Every kind of set that it can have.
    pub(super) fn holders(&self) -> &'static [Holder] {
        match self {
            Self::Group(_) => &[Holder::Addresses],
            Self::Labels(_) => &[Holder::Addresses, Holder::Prefixes],
            Self::Port(..) => &[Holder::Ports],
        }
    }

    /// The kind of set that it has as soon as rules name it.
    pub(super) fn holder(&self) -> Holder {
        match self {
            Self::Group(_) | Self::Labels(_) => Holder::Addresses,
            Self::Port(..) => Holder::Ports,
        }
    }

    /// The declaration of one of its sets.
    pub(super) fn declaration(&self, holder: Holder, family: Family) -> Set {
        let address = match family {
            Family::V4 => Datatype::Ipv4Addr,
            Family::V6 => Datatype::Ipv6Addr,
        };
        let set = match holder {
            Holder::Addresses => Set::of(&[address]),
            Holder::Prefixes => Set {
                flags: SetFlags::INTERVAL,
                ..Set::of(&[address])
            },
            Holder::Ports => Set::of(&[address, Datatype::InetProto, Datatype::InetService]),
        };
        let comment = match self {
            Self::Group(_) => None,
            Self::Labels(_) | Self::Port(..) => quotable(&self.text()),
        };
        Set { comment, ..set }
    }
}

/// Longest comment of a set, in bytes: `NFTNL_UDATA_COMMENT_MAXLEN` of libnftnl, less the ending 0.
const COMMENT_BYTES_MAX: usize = 127;

/// A text as a comment, which nft writes in double quotes without escapes; none where it is too long
/// or cannot be printed.
fn quotable(text: &str) -> Option<String> {
    let text = text.replace('"', "'");
    let printable = text
        .bytes()
        .all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
    (printable && text.len() <= COMMENT_BYTES_MAX).then_some(text)
}

/// The element of an address.
pub(super) fn address_key(address: IpAddr) -> Key {
    Key::value(&octets(address))
}

/// The element of a port of an address.
pub(super) fn port_key(address: IpAddr, protocol: Protocol, port: u16) -> Key {
    KeyBuilder::default()
        .exact(&octets(address))
        .exact(&[protocol.0])
        .exact(&port.to_be_bytes())
        .build()
}
