//! What xtables cannot say.

use crate::ruleset::Name;

/// A construct that xtables or ipset has no words for, and where it stands. `docs/xtables.md` lists them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{place}: xtables cannot say {what}")]
pub struct Refusal {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

/// Everything in a table that cannot be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// The first.
    pub first: Refusal,
    /// All others.
    pub more: Vec<Refusal>,
}

impl Refusals {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Refusal> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// An object of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Place {
    /// A rule of a chain, counted from 1.
    #[error("rule {1} of chain \"{0}\"")]
    Rule(Name, usize),
    /// A base chain.
    #[error("chain \"{0}\"")]
    Chain(Name),
}

impl Place {
    /// The chain.
    pub fn chain(&self) -> &Name {
        match self {
            Self::Rule(chain, _) | Self::Chain(chain) => chain,
        }
    }
}

/// What cannot be said, before it is known where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(String);

impl Refused {
    /// In fixed words.
    pub(super) fn new(what: &str) -> Self {
        Self(what.to_owned())
    }

    /// In words that name something.
    pub(super) fn owned(what: String) -> Self {
        Self(what)
    }

    /// Two objects that got one name.
    pub(super) fn namesakes(kind: &str, name: &str) -> Self {
        Self(format!("two {kind} of the name {name}"))
    }

    /// The refusal of a place.
    pub(super) fn at(self, place: Place) -> Refusal {
        Refusal {
            place,
            what: self.0,
        }
    }
}

impl From<&str> for Refused {
    fn from(what: &str) -> Self {
        Self::new(what)
    }
}
