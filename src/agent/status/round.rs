//! What rounds of programming did.

use std::time::Duration;

use crate::agent::moment::Moment;
use crate::ruleset::transaction::Commit;

/// Something that happens again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeated {
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Option<Moment>,
}

/// The commits so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commits {
    /// How many.
    pub count: u64,
    /// The last round that changed anything.
    pub last: Option<LastRound>,
}

/// A round that changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRound {
    /// When it ended.
    pub at: Moment,
    /// Netlink batches.
    pub transactions: usize,
    /// Messages in them.
    pub operations: usize,
    /// Elements that came or went.
    pub elements: usize,
    /// From the first look at what changed to the last acknowledgement.
    pub took: Duration,
}

/// A round that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundFailure {
    /// What went wrong.
    pub why: String,
    /// Since when rounds fail.
    pub since: Moment,
}

impl LastRound {
    /// What commits did together; `None` where there was nothing to do.
    pub fn of(commits: &[Commit], took: Duration, at: Moment) -> Option<Self> {
        let steps = || commits.iter().flat_map(|commit| &commit.steps);
        let operations = || steps().flat_map(|step| &step.operations);
        (steps().count() > 0).then(|| Self {
            at,
            transactions: steps().count(),
            operations: operations().count(),
            elements: operations().map(|operation| operation.keys().count()).sum(),
            took,
        })
    }
}
