//! Where policy comes from, and how much of it is known.

use crate::agent::moment::Moment;

/// Where policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// In words: `etcd https://10.0.0.1:2379`.
    pub what: String,
    /// Whether it answers.
    pub link: StoreLink,
}

/// Whether the store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLink {
    /// It was not heard of yet.
    Unknown,
    /// It does.
    Connected,
    /// It does not; what was in force stays.
    Lost {
        /// What went wrong.
        why: String,
        /// Since when.
        since: Moment,
    },
}

/// How much of the store is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Nothing: the store was not reached yet.
    Waiting,
    /// A part: a listing is under way.
    Listing,
    /// All.
    InSync,
    /// The store says that it is not fit to be read (`datastoreReady: false`).
    NotReady,
}
