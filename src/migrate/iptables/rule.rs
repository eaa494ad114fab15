//! A rule: what a packet must be, and what becomes of it.

use super::{Counters, Match, Target};

/// One rule of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its line in the dump, from 1.
    pub line: usize,
    /// The line as it stands in the dump, without counters.
    pub text: String,
    /// What it counted, where the dump says.
    pub counters: Option<Counters>,
    /// What a packet must be: all of these, in the order of the text. Order matters where a match
    /// has a state (`limit`, `recent`): it is not asked once an earlier one failed.
    pub matches: Vec<Match>,
    /// What becomes of a packet that matches.
    pub target: Target,
}
