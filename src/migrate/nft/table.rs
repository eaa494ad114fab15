//! Tables, chains and rules.

use crate::ruleset::Name;

use super::{Object, Set, Statement};

/// Tables in the order in which they are printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The tables.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Whose hooks it sees.
    pub family: Family,
    /// The name.
    pub name: Name,
    /// A text for people.
    pub comment: Option<String>,
    /// Objects that rules refer to.
    pub objects: Vec<Object>,
    /// Sets and maps.
    pub sets: Vec<Set>,
    /// The chains.
    pub chains: Vec<Chain>,
}

/// The families of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
    /// ARP.
    Arp,
    /// What passes a bridge.
    Bridge,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The name.
    pub name: Name,
    /// Where packets come in; without it, only jumps lead here.
    pub base: Option<Base>,
    /// A text for people.
    pub comment: Option<String>,
    /// The rules in their order.
    pub rules: Vec<Rule>,
}

/// How a chain hangs in the kernel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Base {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// The hook.
    pub hook: HookPoint,
    /// Lower ones go first.
    pub priority: i32,
    /// What becomes of packets that no rule decides.
    pub policy: Policy,
}

/// The hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookPoint {
    /// Before routing.
    Prerouting,
    /// To the host itself.
    Input,
    /// Through the host.
    Forward,
    /// From the host itself.
    Output,
    /// After routing.
    Postrouting,
}

/// The last word of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Packets pass.
    Accept,
    /// Packets are gone.
    Drop,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it tests and does, in this order.
    pub statements: Vec<Statement>,
    /// A text for people, at most 128 bytes.
    pub comment: Option<String>,
}

impl Family {
    /// Every family with its word.
    pub const WORDS: [(Self, &str); 5] = [
        (Self::Ip, "ip"),
        (Self::Ip6, "ip6"),
        (Self::Inet, "inet"),
        (Self::Arp, "arp"),
        (Self::Bridge, "bridge"),
    ];

    /// nft's word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
        }
    }
}

impl HookPoint {
    /// Every hook.
    pub const ALL: [Self; 5] = [
        Self::Prerouting,
        Self::Input,
        Self::Forward,
        Self::Output,
        Self::Postrouting,
    ];

    /// nft's word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new(family: Family, name: Name) -> Self {
        Self {
            family,
            name,
            comment: None,
            objects: Vec::new(),
            sets: Vec::new(),
            chains: Vec::new(),
        }
    }

    /// The chain of that name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name.as_str() == name)
    }

    /// The set of that name.
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|set| set.name.as_str() == name)
    }
}

impl Chain {
    /// A chain without rules that only jumps lead to.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            base: None,
            comment: None,
            rules: Vec::new(),
        }
    }
}
