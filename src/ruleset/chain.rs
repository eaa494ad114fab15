//! Chains: base chains hang on a hook, regular ones are jumped to.

use super::Rule;

/// A chain and its rules in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// The hook of a base chain.
    pub hook: Option<Hook>,
    /// A comment.
    pub comment: Option<String>,
    /// The rules, evaluated from the first.
    pub rules: Vec<Rule>,
}

/// Where a base chain hangs: `type filter hook ... priority ...; policy ...;`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// The point of the packet's path.
    pub point: HookPoint,
    /// Lower runs first. Printed relative to a standard priority where nft does so.
    pub priority: i32,
    /// What happens to a packet that no rule decides.
    pub policy: ChainPolicy,
}

/// The points of a packet's path, `NF_INET_*` (linux/netfilter.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookPoint {
    /// Before routing.
    Prerouting,
    /// To a local socket.
    Input,
    /// From one interface to another.
    Forward,
    /// From a local socket.
    Output,
    /// After routing.
    Postrouting,
}

impl HookPoint {
    /// Every point, in the kernel's numbering.
    pub const ALL: [Self; 5] = [
        Self::Prerouting,
        Self::Input,
        Self::Forward,
        Self::Output,
        Self::Postrouting,
    ];

    /// The kernel's number, `NF_INET_*`.
    pub fn number(self) -> u32 {
        match self {
            Self::Prerouting => 0,
            Self::Input => 1,
            Self::Forward => 2,
            Self::Output => 3,
            Self::Postrouting => 4,
        }
    }

    /// The nft keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }
}

/// What a base chain does with a packet that no rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainPolicy {
    /// Let it pass to the next hook.
    Accept,
    /// Drop it.
    Drop,
}
