//! A dump, its tables and chains.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Missing, Rule, Target, Test};
use crate::net::Family;

/// Everything that one `iptables-save` or `ip6tables-save` printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// Whose packets the rules see.
    pub family: Family,
    /// The tables in the order of the dump.
    pub tables: Vec<Table>,
    /// Tables of which it does not say the rules.
    pub missing: Vec<Missing>,
}

impl Dump {
    /// Every rule with its table and chain, in the order of the dump.
    pub fn rules(&self) -> impl Iterator<Item = (&Table, &Chain, &Rule)> {
        self.tables.iter().flat_map(|table| {
            let chains = table.chains.iter();
            chains.flat_map(move |chain| chain.rules.iter().map(move |rule| (table, chain, rule)))
        })
    }
}

/// One table of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which one.
    pub name: TableName,
    /// The line of `*name`, from 1.
    pub line: usize,
    /// The chains in the order in which they are declared.
    pub chains: Vec<Chain>,
}

impl Table {
    /// The chain of a name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// The sets that rules look up or change.
    pub fn sets(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for rule in self.chains.iter().flat_map(|chain| &chain.rules) {
            for one in &rule.matches {
                if let Test::Set(set) = &one.test {
                    names.insert(set.name.as_str());
                }
            }
            if let Target::Set(target) = &rule.target {
                names.extend(target.actions.iter().map(|(_, name, _)| name.as_str()));
            }
        }
        names
    }

    /// The chains by name.
    pub fn by_name(&self) -> BTreeMap<&str, &Chain> {
        let named = self.chains.iter().map(|chain| (chain.name.as_str(), chain));
        named.collect()
    }
}

/// The tables that the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Before connection tracking.
    Raw,
    /// Changes of packets.
    Mangle,
    /// Address translation.
    Nat,
    /// What may pass.
    Filter,
    /// Mandatory access control.
    Security,
}

impl TableName {
    /// Every table, in the order in which a packet meets them.
    pub const ALL: [Self; 5] = [
        Self::Raw,
        Self::Mangle,
        Self::Nat,
        Self::Filter,
        Self::Security,
    ];

    /// The name in iptables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
            Self::Filter => "filter",
            Self::Security => "security",
        }
    }

    /// The hooks at which the table has a chain.
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Raw => &[Hook::Prerouting, Hook::Output],
            Self::Mangle => &Hook::ALL,
            Self::Nat => &[
                Hook::Prerouting,
                Hook::Input,
                Hook::Output,
                Hook::Postrouting,
            ],
            Self::Filter | Self::Security => &[Hook::Input, Hook::Forward, Hook::Output],
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the kernel hands packets to a built-in chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// As it came in.
    Prerouting,
    /// To this host.
    Input,
    /// Through this host.
    Forward,
    /// From this host.
    Output,
    /// As it goes out.
    Postrouting,
}

impl Hook {
    /// Every hook, in the order in which a packet meets them.
    pub const ALL: [Self; 5] = [
        Self::Prerouting,
        Self::Input,
        Self::Forward,
        Self::Output,
        Self::Postrouting,
    ];

    /// The name of the built-in chain, and in lower case of the hook in nft.
    pub fn chain(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

/// A chain with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// The line that declares it, from 1.
    pub line: usize,
    /// Where the kernel calls it; a chain of the user's has no hook.
    pub hook: Option<Hook>,
    /// What becomes of a packet at its end; a chain of the user's returns.
    pub policy: Policy,
    /// What was counted at its end.
    pub counters: Counters,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

impl Chain {
    /// Whether one of its rules stands before another one, which `-I` puts elsewhere than in the order of the text.
    pub fn has_before(&self, first: &Rule, second: &Rule) -> bool {
        let lines = [first.line, second.line];
        let met = self.rules.iter().find(|rule| lines.contains(&rule.line));
        first.line != second.line && met.is_some_and(|rule| rule.line == first.line)
    }
}

/// What becomes of a packet at the end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It is dropped.
    Drop,
    /// It goes back to where the chain was called.
    Return,
}

/// Packets and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counters {
    /// Packets seen.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}
