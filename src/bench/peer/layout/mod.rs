//! Ways to lay a policy out in chains, in no dialect.

pub(super) mod felix;
pub(super) mod plain;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::line::{Act, End, Line, Port};
use crate::net::{Family, Protocol};

/// What one table, or the tables of one family, should hold.
#[derive(Debug, Default)]
pub(super) struct Layout<'a> {
    /// Chains. Those with the name of a hook are where packets come in.
    pub(super) chains: BTreeMap<Spot, Vec<Item<'a>>>,
    /// Sets of addresses by name.
    pub(super) sets: BTreeMap<String, (Family, BTreeSet<IpAddr>)>,
}

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// In which of the tables that iptables has.
    pub(super) layer: Layer,
    /// Under which name.
    pub(super) name: String,
}

/// The tables that iptables has, as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Raw,
    Filter,
}

impl Layer {
    /// The name in iptables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Filter => "filter",
        }
    }
}

/// A part of a chain.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// One rule.
    Line(Line<'a>),
    /// Interfaces, each with a chain of its own.
    Dispatch(Dispatch<'a>),
    /// Exact services of single addresses, all with the same end.
    Exact(Exact),
}

/// Interfaces, each with a chain of its own.
#[derive(Debug)]
pub(super) struct Dispatch<'a> {
    /// Which interface of a packet.
    pub(super) port: Port,
    /// What brings packets to the chain.
    pub(super) how: How,
    /// The chains by interface.
    pub(super) chains: BTreeMap<&'a str, String>,
}

/// How packets get to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Jump,
    Goto,
}

impl How {
    /// Getting to this chain.
    pub(super) fn to(self, chain: String) -> Act {
        match self {
            Self::Jump => Act::Jump(chain),
            Self::Goto => Act::Goto(chain),
        }
    }
}

/// Exact services of single addresses.
#[derive(Debug)]
pub(super) struct Exact {
    /// Of which family the addresses are.
    pub(super) family: Family,
    /// Which address of a packet.
    pub(super) end: End,
    /// Address, protocol and destination port.
    pub(super) keys: BTreeSet<(IpAddr, Protocol, u16)>,
    /// What happens to what is among them.
    pub(super) act: Act,
}

impl<'a> Layout<'a> {
    /// Puts a chain of rules at a place.
    pub(super) fn put(&mut self, layer: Layer, name: impl Into<String>, lines: Vec<Line<'a>>) {
        let items = lines.into_iter().map(Item::Line).collect();
        self.put_items(layer, name, items);
    }

    /// Puts a chain at a place.
    pub(super) fn put_items(
        &mut self,
        layer: Layer,
        name: impl Into<String>,
        items: Vec<Item<'a>>,
    ) {
        let name = name.into();
        self.chains.insert(Spot { layer, name }, items);
    }
}

/// A name that fits: itself, or the beginning of its hash.
pub(super) fn shortened(name: &str, bytes: usize) -> String {
    if name.len() <= bytes {
        return name.to_owned();
    }
    let hash = blake3::hash(name.as_bytes()).to_hex();
    let digits = hash.chars().take(bytes.saturating_sub(1));
    std::iter::once('_').chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_get_short_and_stay_apart() {
        assert_eq!(shortened("web", 8), "web");
        let [one, other] = ["a-very-long-name", "a-very-long-nama"].map(|n| shortened(n, 8));
        assert_eq!((one.len(), one.starts_with('_')), (8, true));
        assert_ne!(one, other);
    }
}
