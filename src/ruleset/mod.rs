//! What the kernel should hold, in nft's own nouns; pure data with a parser and a printer that round-trip.

pub mod chain;
pub mod cost;
pub mod datatype;
pub mod diff;
pub mod digest;
pub mod expression;
#[cfg(test)]
pub(crate) mod fixture;
pub mod json;
pub mod key;
mod keyword;
mod kind;
pub mod name;
pub mod packet;
pub mod parse;
mod priority;
pub mod reach;
pub mod reference;
pub mod render;
pub mod rule;
pub mod set;
pub mod statement;
pub mod symbol;
pub mod trace;
pub mod tracked;
pub mod transaction;

use std::collections::BTreeMap;
use std::fmt;

pub use chain::{Chain, ChainPolicy, Hook, HookPoint};
pub use datatype::Datatype;
pub use expression::{CtKey, Expression, FibFlags, FibResult, MetaKey, PayloadField};
pub use key::{Bytes, Key};
pub(crate) use kind::Kind;
pub use name::{NAME_BYTES_MAX, Name};
pub use parse::{ParseError, parse};
pub use rule::Rule;
pub use set::{Data, Element, ElementBody, ElementData, Elements, ObjectKind, Set, SetFlags};
pub use statement::{
    CtState, DynamicOperation, Limit, LimitUnit, MarkSource, Match, Operand, Operator, RejectKind,
    Statement, Verdict, VmapSource,
};
pub use tracked::{Sizes, Tracked};

/// The tables of interest, by family and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The tables in the order in which they are printed.
    pub tables: BTreeMap<TableKey, Table>,
}

/// What identifies a table: its family and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey {
    /// The family whose hooks the table sees.
    pub family: TableFamily,
    /// The name, unique in its family.
    pub name: Name,
}

impl fmt::Display for TableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// Families of tables, `NFPROTO_*` (linux/netfilter.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableFamily {
    /// IPv4 and IPv6 together.
    Inet,
    /// IPv4 alone.
    Ip,
    /// IPv6 alone.
    Ip6,
    /// ARP.
    Arp,
}

impl TableFamily {
    /// Every family, with the nft keyword and the kernel's number.
    pub const ALL: [(Self, &'static str, u8); 4] = [
        (Self::Inet, "inet", 1),
        (Self::Ip, "ip", 2),
        (Self::Ip6, "ip6", 10),
        (Self::Arp, "arp", 3),
    ];

    /// The kernel's number, `NFPROTO_*`.
    pub fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Ip => 2,
            Self::Ip6 => 10,
            Self::Arp => 3,
        }
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
        })
    }
}

/// The content of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Named counters. Their values are the kernel's, not ours, so only the names are kept.
    pub counters: BTreeMap<Name, Option<String>>,
    /// Named limits.
    pub limits: BTreeMap<Name, Limit>,
    /// Named sets and maps.
    pub sets: BTreeMap<Name, Set>,
    /// Base and regular chains.
    pub chains: BTreeMap<Name, Chain>,
}

impl Table {
    /// Whether packets come to it: whether a chain of it is at a hook.
    pub fn is_reached(&self) -> bool {
        self.chains.values().any(|chain| chain.hook.is_some())
    }
}
