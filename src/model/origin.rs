//! Where something was written.

use std::fmt;
use std::sync::Arc;

/// Where something was written. It is no part of what it means: two values that differ in their
/// origin alone are equal.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file or key, if it came from one.
    pub source: Option<Arc<str>>,
    /// The line, from 1; 0 where unknown.
    pub line: u32,
}

impl Origin {
    /// Whether it is the same place.
    pub(super) fn is_there(&self, other: &Self) -> bool {
        (self.line, &self.source) == (other.line, &other.source)
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}:{}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}
