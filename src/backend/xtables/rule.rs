//! Rules: matches that must all hold, and a target.

use super::name::hash;
use super::{Match, Target};
use crate::net::Family;

/// What the comment of every rule of ours begins with.
pub const COMMENT_PREFIX: &str = "mgy:";

/// Hexadecimal digits of the hash in a comment.
pub const HASH_DIGITS: usize = 16;

/// One rule, for one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What must hold, in the order in which it is tested.
    pub matches: Vec<Match>,
    /// What is done then.
    pub target: Target,
}

impl Rule {
    /// A rule that always holds.
    pub fn always(target: Target) -> Self {
        Self {
            matches: Vec::new(),
            target,
        }
    }

    /// The rule as arguments of iptables, without its comment.
    pub fn text(&self, family: Family) -> String {
        self.words(family, None)
    }

    /// The rule as arguments of iptables, and the hash in its comment, which is of what was before too.
    /// What does not match a rule is not asked for its comment.
    pub fn line(&self, family: Family, before: &str) -> (String, String) {
        let hash = hash(&format!("{before} {}", self.text(family)), HASH_DIGITS);
        let comment = format!("-m comment --comment {COMMENT_PREFIX}{hash}");
        (self.words(family, Some(comment)), hash)
    }

    fn words(&self, family: Family, comment: Option<String>) -> String {
        let words = self.matches.iter().map(|test| test.text(family));
        let words = words.chain(comment).chain(self.target.text(family));
        words.collect::<Vec<_>>().join(" ")
    }
}
