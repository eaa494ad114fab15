//! Tables and chains: built-in ones hang on a hook, ours are jumped to.

use std::fmt;

use super::Rule;

/// The rules of a chain of ours, in order.
pub type Chain = Vec<Rule>;

/// The tables of xtables that we write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Before connections are tracked.
    Raw,
    /// Before and after routing.
    Mangle,
    /// Where packets are filtered.
    Filter,
}

impl TableName {
    /// Every table, in the order in which a packet meets them.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Mangle, Self::Filter];

    /// The name that iptables has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Filter => "filter",
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The built-in chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Builtin {
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

impl Builtin {
    /// The name that iptables has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

impl fmt::Display for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
