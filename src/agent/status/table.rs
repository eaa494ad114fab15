//! What the kernel holds of the table.

use crate::ruleset::Sizes;

/// What the kernel holds of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStatus {
    /// What carries it: `nft`, or which iptables.
    pub backend: &'static str,
    /// Who may change it.
    pub hold: TableHold,
    /// Chains.
    pub chains: usize,
    /// Rules of all chains.
    pub rules: usize,
    /// Sets, anonymous ones not counted.
    pub sets: usize,
    /// Maps, verdict maps among them.
    pub maps: usize,
}

/// Who may change the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableHold {
    /// The agent alone.
    Owned,
    /// Whoever has the right to change tables.
    #[default]
    Shared,
}

impl TableStatus {
    /// What a table holds.
    pub fn of(backend: &'static str, sizes: Sizes, hold: TableHold) -> Self {
        let Sizes {
            chains,
            rules,
            sets,
            maps,
        } = sizes;
        Self {
            backend,
            hold,
            chains,
            rules,
            sets,
            maps,
        }
    }
}
