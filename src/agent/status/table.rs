//! What the kernel holds of the table.

use crate::ruleset::Table;

/// What the kernel holds of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStatus {
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
    pub fn of(table: &Table, hold: TableHold) -> Self {
        let maps = table.sets.values().filter(|set| set.data.is_some()).count();
        Self {
            hold,
            chains: table.chains.len(),
            rules: table.chains.values().map(|chain| chain.rules.len()).sum(),
            sets: table.sets.len() - maps,
            maps,
        }
    }
}
