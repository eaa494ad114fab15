//! Rules: statements evaluated from left to right.

use super::Statement;

/// One rule of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The statements, in the order in which the kernel evaluates them.
    pub statements: Vec<Statement>,
    /// A comment, at most 128 bytes (`NFTNL_UDATA_COMMENT_MAXLEN`).
    pub comment: Option<String>,
}

impl Rule {
    /// A rule without a comment.
    pub fn new(statements: Vec<Statement>) -> Self {
        Self {
            statements,
            comment: None,
        }
    }
}
