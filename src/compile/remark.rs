//! Remarks: what a reader of the ruleset should know about a policy whose rules stay in order.

use std::collections::BTreeSet;
use std::fmt;

use crate::ruleset::Name;

/// Rules of a policy that packets meet one after the other, because no one map can answer for them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The chain that holds them.
    pub chain: Name,
    /// How many steps there are, each a run of rules with one outcome.
    pub steps: usize,
    /// What keeps them apart.
    pub why: BTreeSet<Why>,
}

/// Why runs of rules are not one verdict map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Members of what a selector or a group means come and go by themselves.
    Selects,
    /// A rule compares more than the peer's address and a service, or negates.
    Compares,
    /// A rule logs, and the packet goes on.
    Logs,
    /// Every rule counts by itself.
    Counts,
    /// Ports of some protocols stand beside whole protocols, which no one key can hold.
    Differs,
    /// The boxes would fall into more than four times as many.
    Grows,
    /// So many of the boxes overlap that to find out which comes first would take seconds.
    Overlaps,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Selects => "selectors or groups say whom rules mean",
            Self::Compares => "rules compare more than the peer's address and the service",
            Self::Logs => "rules log",
            Self::Counts => "each rule is counted",
            Self::Differs => {
                "rules name ports of other protocols than TCP and UDP beside protocols"
            }
            Self::Grows => "they would fall into more than 4 times as many boxes",
            Self::Overlaps => "too many of them overlap",
        })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why: Vec<String> = self.why.iter().map(Why::to_string).collect();
        write!(
            f,
            "{}: {} steps in order, because {}",
            self.chain,
            self.steps,
            why.join("; ")
        )
    }
}
