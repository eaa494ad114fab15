//! Where policy comes from: what each store says, in one form.
//!
//! A store runs for ever and speaks through one channel. It tells of keys and values as they are, and
//! judges none of them. Its loss is no change: what it said last holds, and no key is said to be gone
//! but where a complete listing did not have it.

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod folder;

/// What a store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Keys, in the order of their changes. After the first `InSync` this is one step: what stands
    /// between its changes need never have been.
    Keys(Vec<KeyChange>),
    /// All that the store holds is being read, at first or anew.
    Listing,
    /// Everything that the store holds has been said.
    InSync,
    /// The store can be read, at first or again.
    Connected,
    /// The store cannot be read; it will be tried again until it can.
    Lost {
        /// Why, for people.
        why: String,
    },
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The key.
    pub key: String,
    /// What it says now.
    pub content: Content,
}

impl KeyChange {
    /// A key that has a value.
    pub fn value(key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            content: Content::Value(value.into()),
        }
    }

    /// A key that is gone.
    pub fn gone(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            content: Content::Gone,
        }
    }
}

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A value.
    Value(Vec<u8>),
    /// It is there, and cannot be read, for this reason.
    Unreadable(String),
    /// It is gone.
    Gone,
}
