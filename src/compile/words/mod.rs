//! What a commit changes, in words of policies and endpoints.

mod blame;
mod book;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::compile::decider::Decider;
use crate::model::{Direction, State};
use crate::ruleset::transaction::Commit;

pub use blame::{blamed, suspects};
use book::Book;

/// Something that operators wrote, and that a change of the table concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// The table as a whole.
    Table,
    /// What stands in the settings.
    Settings,
    /// One direction of the rules of a group, a policy or a profile.
    Policy(Decider, Direction),
    /// The members of a group.
    Members(String),
    /// What a selector means.
    Selected(String),
    /// The endpoint of an interface, with its name where one is known.
    Endpoint(String, Option<String>),
    /// An ordered list of policies that several endpoints share.
    Bundle(Vec<String>),
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("the table itself"),
            Self::Settings => f.write_str("the settings"),
            Self::Policy(group, direction) => write!(f, "policy {group} {direction}"),
            Self::Selected(text) => write!(f, "what {text} means"),
            Self::Members(group) => write!(f, "members of group {group}"),
            Self::Endpoint(interface, Some(name)) => write!(f, "endpoint {name} ({interface})"),
            Self::Endpoint(interface, None) => write!(f, "interface {interface}"),
            Self::Bundle(groups) => write!(f, "endpoints with {}", groups.join(", ")),
        }
    }
}

/// Whether something comes, goes or becomes something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It comes.
    Comes,
    /// It goes.
    Goes,
    /// It was there and is there, otherwise.
    Changes,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comes => "+",
            Self::Goes => "-",
            Self::Changes => "~",
        })
    }
}

/// What a commit changes for operators, each concern once, in order.
pub fn words(commit: &Commit, state: &State, host: &str) -> BTreeMap<Concern, Change> {
    let book = Book::of(state, host);
    let mut seen: BTreeMap<Concern, BTreeSet<Change>> = BTreeMap::new();
    for operation in commit.steps.iter().flat_map(|step| &step.operations) {
        for (concern, change) in book.concerns(operation) {
            seen.entry(concern).or_default().insert(change);
        }
    }
    let summed = |changes: BTreeSet<Change>| match (
        changes.contains(&Change::Comes),
        changes.contains(&Change::Goes),
    ) {
        (true, false) => Change::Comes,
        (false, true) => Change::Goes,
        (true, true) | (false, false) => Change::Changes,
    };
    seen.into_iter()
        .map(|(concern, changes)| (concern, summed(changes)))
        .collect()
}
