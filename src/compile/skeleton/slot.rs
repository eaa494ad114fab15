//! The contract between the templates and the compiler.

use std::fmt;

use crate::ruleset::render::SetHeader;
use crate::ruleset::{Datatype, Set, SetFlags, Table};

/// The set of the interfaces of this host's endpoints.
pub const ENDPOINTS: &str = "endpoints";
/// The set of what the names of workload interfaces begin with.
pub const WORKLOADS: &str = "workloads";
/// The set of the IPv4 addresses that an endpoint may send from.
pub const SOURCE_IP4: &str = "source-ip4";
/// The set of the IPv6 addresses that an endpoint may send from.
pub const SOURCE_IP6: &str = "source-ip6";
/// [`SOURCE_IP4`] for endpoints whose MAC is known.
pub const SOURCE_MAC4: &str = "source-mac4";
/// [`SOURCE_IP6`] for endpoints whose MAC is known.
pub const SOURCE_MAC6: &str = "source-mac6";
/// The set of MACs, for packets without an address.
pub const SOURCE_MACS: &str = "source-macs";
/// The set of the interfaces whose endpoints may send with any MAC.
pub const SOURCE_ANY_MAC: &str = "source-any-mac";
/// The map from an interface to the policy of what its endpoint sends.
pub const FROM: &str = "from";
/// The map from an interface to the policy of what its endpoint receives.
pub const TO: &str = "to";
/// The set of the IPv4 prefixes that an endpoint may send from besides.
pub const SOURCE_NET4: &str = "source-net4";
/// The set of the IPv6 prefixes that an endpoint may send from besides.
pub const SOURCE_NET6: &str = "source-net6";
/// The set of where the metadata service listens, IPv4.
pub const METADATA4: &str = "metadata4";
/// The set of where the metadata service listens, IPv6.
pub const METADATA6: &str = "metadata6";
/// The chain of what becomes of workload-to-host traffic that the egress policy allows.
pub const HOST_ACTION: &str = "host-action";
/// The chain of what policy denies.
pub const REFUSED: &str = "refused";
/// The chain of packets that connection tracking takes for invalid.
pub const INVALID: &str = "invalid";
/// The chain that holds the digest.
pub const STATE: &str = "state";
/// The chain where the egress policy leads what it allows.
pub const DESTINATION: &str = "destination";
/// The chain where the ingress policy leads what it allows.
pub const ALLOWED: &str = "allowed";

/// Something that the templates declare and the compiler fills or leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The name.
    pub name: &'static str,
    /// How it is declared.
    pub kind: SlotKind,
}

/// How a slot is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// A set of exact keys.
    Set(&'static [Datatype]),
    /// A set of ranges.
    IntervalSet(&'static [Datatype]),
    /// A verdict map of exact keys.
    VerdictMap(&'static [Datatype]),
    /// An empty chain without a hook, filled by the compiler.
    EmptyChain,
    /// A chain without a hook, filled by the templates.
    Target,
}

/// Every slot.
pub const SLOTS: [Slot; 20] = [
    Slot {
        name: ENDPOINTS,
        kind: SlotKind::Set(&[Datatype::IfName]),
    },
    Slot {
        name: WORKLOADS,
        kind: SlotKind::IntervalSet(&[Datatype::IfName]),
    },
    Slot {
        name: SOURCE_IP4,
        kind: SlotKind::Set(&[Datatype::IfName, Datatype::Ipv4Addr]),
    },
    Slot {
        name: SOURCE_IP6,
        kind: SlotKind::Set(&[Datatype::IfName, Datatype::Ipv6Addr]),
    },
    Slot {
        name: SOURCE_MAC4,
        kind: SlotKind::Set(&[Datatype::IfName, Datatype::Ipv4Addr, Datatype::EtherAddr]),
    },
    Slot {
        name: SOURCE_MAC6,
        kind: SlotKind::Set(&[Datatype::IfName, Datatype::Ipv6Addr, Datatype::EtherAddr]),
    },
    Slot {
        name: SOURCE_MACS,
        kind: SlotKind::Set(&[Datatype::IfName, Datatype::EtherAddr]),
    },
    Slot {
        name: SOURCE_ANY_MAC,
        kind: SlotKind::Set(&[Datatype::IfName]),
    },
    Slot {
        name: SOURCE_NET4,
        kind: SlotKind::IntervalSet(&[Datatype::IfName, Datatype::Ipv4Addr]),
    },
    Slot {
        name: SOURCE_NET6,
        kind: SlotKind::IntervalSet(&[Datatype::IfName, Datatype::Ipv6Addr]),
    },
    Slot {
        name: FROM,
        kind: SlotKind::VerdictMap(&[Datatype::IfName]),
    },
    Slot {
        name: TO,
        kind: SlotKind::VerdictMap(&[Datatype::IfName]),
    },
    Slot {
        name: METADATA4,
        kind: SlotKind::Set(&[Datatype::Ipv4Addr, Datatype::InetService]),
    },
    Slot {
        name: METADATA6,
        kind: SlotKind::Set(&[Datatype::Ipv6Addr, Datatype::InetService]),
    },
    Slot {
        name: HOST_ACTION,
        kind: SlotKind::EmptyChain,
    },
    Slot {
        name: REFUSED,
        kind: SlotKind::Target,
    },
    Slot {
        name: INVALID,
        kind: SlotKind::Target,
    },
    Slot {
        name: STATE,
        kind: SlotKind::EmptyChain,
    },
    Slot {
        name: DESTINATION,
        kind: SlotKind::Target,
    },
    Slot {
        name: ALLOWED,
        kind: SlotKind::Target,
    },
];

impl Slot {
    /// How a table declares the name, in the words of this slot's own `Display`. Whatever differs from
    /// the contract shows; size and comment are the templates' own.
    pub(super) fn declaration(&self, table: &Table) -> Option<String> {
        if let Some(set) = table.sets.get(self.name) {
            let elements = if set.elements.is_empty() {
                ""
            } else {
                " with elements"
            };
            let declared = Set {
                size: None,
                comment: None,
                ..set.clone()
            };
            return Some(format!("{}{elements}", set_text(self.name, &declared)));
        }
        let chain = table.chains.get(self.name)?;
        let filled = matches!(self.kind, SlotKind::EmptyChain) && !chain.rules.is_empty();
        Some(match (chain.hook.is_some(), filled) {
            (true, _) => format!("a chain {} with a hook", self.name),
            (false, true) => format!("a chain {} with rules", self.name),
            (false, false) => self.chain_text(),
        })
    }

    fn chain_text(&self) -> String {
        format!("chain {}", self.name)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = match self.kind {
            SlotKind::Set(key) => Set::of(key),
            SlotKind::IntervalSet(key) => Set {
                flags: SetFlags::INTERVAL,
                ..Set::of(key)
            },
            SlotKind::VerdictMap(key) => Set::verdict_map(key),
            SlotKind::EmptyChain | SlotKind::Target => return f.write_str(&self.chain_text()),
        };
        f.write_str(&set_text(self.name, &set))
    }
}

fn set_text(name: &str, set: &Set) -> String {
    let keyword = if set.data.is_some() { "map" } else { "set" };
    format!("{keyword} {name} {{ {} }}", SetHeader(set))
}
