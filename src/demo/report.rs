//! What was expected and what was seen.

use std::fmt;
use std::time::Duration;

use super::flow::Seen;
use super::matrix::{Flow, Verdict};

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The flows in the order of the matrix, under the policy.
    pub rows: Vec<Row>,
    /// The flows that did not pass while there was no table; none, or the world itself is broken.
    pub open: Vec<Row>,
    /// The flows that were not stopped by the skeleton alone; none should be here.
    pub closed: Vec<Row>,
    /// How long it all took.
    pub took: Duration,
}

/// A flow and what became of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The flow, with what was expected.
    pub flow: Flow,
    /// What was seen.
    pub seen: Seen,
}

impl Row {
    /// Whether what was seen is what was expected.
    pub fn is_right(&self) -> bool {
        match self.flow.expected {
            Verdict::Allow => self.seen == Seen::Allow,
            Verdict::Deny => self.seen == Seen::Deny,
        }
    }
}

impl Report {
    /// How many flows fared as expected under the policy.
    pub fn right(&self) -> usize {
        self.rows.iter().filter(|row| row.is_right()).count()
    }

    /// Whether all three rounds went as they should.
    pub fn is_as_expected(&self) -> bool {
        self.right() == self.rows.len() && self.open.is_empty() && self.closed.is_empty()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny => f.write_str("deny"),
            Self::Unanswered => f.write_str("unanswered"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}
