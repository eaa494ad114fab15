//! A rule: what a packet must be, and what becomes of it.

use super::{Counters, Match, RecentAction, Target, Test};

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

impl Rule {
    /// Whether it does nothing but change how large a segment may be: no list or limit takes note of its packets.
    pub fn changes_segment_size(&self) -> bool {
        let notes = |one: &Match| {
            matches!(&one.test, Test::Recent(recent) if recent.action != RecentAction::Check)
                || matches!(
                    one.test,
                    Test::Limit { .. }
                        | Test::HashLimit(_)
                        | Test::ConnLimit { .. }
                        | Test::ConnLabel { set: true, .. }
                        | Test::Quota(_)
                        | Test::Statistic(_)
                )
        };
        matches!(self.target, Target::TcpMss(_)) && !self.matches.iter().any(notes)
    }
}
