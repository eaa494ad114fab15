//! How much a table holds.

use super::Turn;
use crate::ruleset::{Chain, Set, Table};

/// How much a table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Chains.
    pub chains: usize,
    /// Rules of all chains.
    pub rules: usize,
    /// Sets, anonymous ones not counted.
    pub sets: usize,
    /// Maps, verdict maps among them.
    pub maps: usize,
}

impl Sizes {
    /// Counts what a table holds.
    pub(super) fn of(table: &Table) -> Self {
        let mut sizes = Self::default();
        let chains = table.chains.values();
        chains.for_each(|chain| sizes.chain(chain, Turn::Comes));
        let sets = table.sets.values();
        sets.for_each(|set| sizes.set(set, Turn::Comes));
        sizes
    }

    /// A chain comes or goes with its rules.
    pub(super) fn chain(&mut self, chain: &Chain, turn: Turn) {
        turned(&mut self.chains, 1, turn);
        turned(&mut self.rules, chain.rules.len(), turn);
    }

    /// A rule comes or goes.
    pub(super) fn rule(&mut self, turn: Turn) {
        turned(&mut self.rules, 1, turn);
    }

    /// A set comes or goes.
    pub(super) fn set(&mut self, set: &Set, turn: Turn) {
        match set.data {
            Some(_) => turned(&mut self.maps, 1, turn),
            None => turned(&mut self.sets, 1, turn),
        }
    }
}

fn turned(count: &mut usize, by: usize, turn: Turn) {
    *count = match turn {
        Turn::Comes => count.saturating_add(by),
        Turn::Goes => count.saturating_sub(by),
    };
}
