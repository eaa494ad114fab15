//! How well a rule can be said in nft.

use std::fmt;

/// How well a rule can be said in nft; the worst of its parts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// nft has the same construct.
    Native,
    /// nft says it in another way, which means the same.
    Equivalent,
    /// nft says something near it; the reason names the difference.
    Approximate,
    /// nft cannot say it.
    Unsupported,
}

impl Class {
    /// Every class, from the best.
    pub const ALL: [Self; 4] = [
        Self::Native,
        Self::Equivalent,
        Self::Approximate,
        Self::Unsupported,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Equivalent => "equivalent",
            Self::Approximate => "approximate",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What stands in the way of a translation, and what a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) reason: String,
    pub(super) suggestion: String,
}

impl Obstacle {
    pub(super) fn new(reason: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            suggestion: suggestion.into(),
        }
    }

    /// A match or a target that was not understood.
    pub(super) fn unknown(text: &str, reason: &str) -> Self {
        Self::new(format!("{text}: {reason}"), instead(text, reason))
    }
}

/// What can be done where a match or a target was not understood.
fn instead(text: &str, reason: &str) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        (
            "geoip",
            "put the prefixes of the countries into a set, and look that up",
        ),
        ("helper", "write a rule for each helper"),
        (
            "string",
            "take the rule out, or let a program look into the packets (NFQUEUE)",
        ),
        (
            "u32",
            "compare the bits by hand, as `@nh,OFFSET,LENGTH` or `@th,OFFSET,LENGTH`",
        ),
    ];
    let name = text.split_whitespace().nth(1);
    let known = KNOWN.iter().find(|(known, _)| name == Some(*known));
    match known {
        Some((_, suggestion)) => suggestion,
        None if reason.contains("nft has no words") || reason.contains("the dump is of") => {
            "take the rule out"
        }
        None => "say it in nft by hand, or take the rule out",
    }
}
