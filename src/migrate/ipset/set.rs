//! A set: its type, its options, its elements.

use std::collections::BTreeMap;
use std::fmt;

use super::Element;
use crate::net::Family;

/// One set of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// The line that creates it, from 1.
    pub line: usize,
    /// What is in it.
    pub kind: Type,
    /// The options of its creation.
    pub options: Options,
    /// The elements in the order of the dump.
    pub elements: Vec<Element>,
}

/// The type of a set: how it is kept, and what an element is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// `bitmap:ip`.
    BitmapIp,
    /// `bitmap:ip,mac`.
    BitmapIpMac,
    /// `bitmap:port`.
    BitmapPort,
    /// `hash:` and these, dimension by dimension.
    Hash(Vec<Kind>),
    /// `list:set`.
    ListSet,
    /// A type that is not known here.
    Unknown(String),
}

impl Type {
    /// How many parts of a packet an element is compared with.
    pub fn dimensions(&self) -> usize {
        match self {
            Self::BitmapIp | Self::BitmapPort | Self::ListSet | Self::Unknown(_) => 1,
            Self::BitmapIpMac => 2,
            Self::Hash(kinds) => kinds.len(),
        }
    }
}

/// One dimension of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `ip`.
    Ip,
    /// `net`.
    Net,
    /// `port`: a protocol and a port.
    Port,
    /// `mac`.
    Mac,
    /// `mark`.
    Mark,
    /// `iface`.
    Interface,
}

/// The options of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `family`; absent where the type has none.
    pub family: Option<Family>,
    /// `timeout`, in seconds; 0 is for ever unless an element says otherwise.
    pub timeout: Option<u32>,
    /// `counters`.
    pub counters: bool,
    /// `comment`.
    pub comment: bool,
    /// `skbinfo`.
    pub skbinfo: bool,
    /// `forceadd`.
    pub forceadd: bool,
    /// `maxelem`.
    pub max_elements: Option<u32>,
    /// `netmask` of `hash:ip` and `bitmap:ip`: a length.
    pub netmask: Option<u8>,
    /// `bitmask`: the argument.
    pub bitmask: Option<String>,
    /// `markmask`.
    pub markmask: Option<u32>,
    /// `range` of a bitmap: the argument.
    pub range: Option<String>,
    /// What else stands there (`hashsize`, `bucketsize`, `initval`, `size`), which has no bearing on what matches.
    pub others: BTreeMap<String, String>,
    /// Options that are not known here.
    pub unknown: Vec<String>,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BitmapIp => f.write_str("bitmap:ip"),
            Self::BitmapIpMac => f.write_str("bitmap:ip,mac"),
            Self::BitmapPort => f.write_str("bitmap:port"),
            Self::Hash(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
                write!(f, "hash:{}", kinds.join(","))
            }
            Self::ListSet => f.write_str("list:set"),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

impl Kind {
    /// The word of ipset.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Net => "net",
            Self::Port => "port",
            Self::Mac => "mac",
            Self::Mark => "mark",
            Self::Interface => "iface",
        }
    }
}
