//! What was said of a store, by the revisions of its keys.

use std::collections::BTreeMap;

/// A key as etcd has it: bytes.
pub(super) type Key = Box<[u8]>;

/// What was said of a store.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The revision of the last change of each key.
    keys: BTreeMap<Key, i64>,
    /// The revision up to which everything was said.
    revision: i64,
    /// The revision at which what was said was last seen to be what the store holds.
    verified: i64,
    lineage: Option<Lineage>,
    witness: Option<Witness>,
    completeness: Completeness,
}

/// The last value that was said. A store whose history has it is the one that was read, if not by a
/// chance that needs the same key to get the same value at the same revision of another history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Witness {
    /// The key.
    pub(super) key: Key,
    /// The revision that gave it the value.
    pub(super) revision: i64,
    digest: blake3::Hash,
}

impl Witness {
    /// Whether a value is the one that was said.
    pub(super) fn saw(&self, revision: i64, value: &[u8]) -> bool {
        self.revision == revision && self.digest == blake3::hash(value)
    }
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Whose history it is.
    pub(super) lineage: Lineage,
    /// The revision of the store.
    pub(super) revision: i64,
}

/// Whose history revisions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lineage {
    /// The cluster.
    pub(super) cluster: u64,
    /// The term of its consensus, which never falls but where the members began anew.
    pub(super) term: u64,
}

/// Whether everything that the store holds was said.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completeness {
    /// Not yet.
    #[default]
    Partial,
    /// It was, and changes follow.
    Complete,
    /// It was, and may be otherwise now.
    Doubtful,
}

/// A change of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has a value.
    Set,
    /// It is gone.
    Gone,
}

impl Known {
    /// The revision up to which everything was said.
    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    /// The revision at which what was said was last seen to be what the store holds.
    pub(super) fn verified(&self) -> i64 {
        self.verified
    }

    /// Whether everything was said.
    pub(super) fn completeness(&self) -> Completeness {
        self.completeness
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The revision of the last change of a key.
    pub(super) fn revision_of(&self, key: &[u8]) -> Option<i64> {
        self.keys.get(key).copied()
    }

    /// What was said may not be what the store holds.
    pub(super) fn doubt(&mut self) {
        if self.completeness == Completeness::Complete {
            self.completeness = Completeness::Doubtful;
        }
    }

    /// Sees where an answer comes from. Where the history is another one, revisions say nothing: a
    /// backup was restored, or another store stands in the place.
    pub(super) fn meet(&mut self, head: Head) {
        let same = self
            .lineage
            .is_none_or(|old| old.cluster == head.lineage.cluster && old.term <= head.lineage.term);
        let witness = self.witness.as_ref().map_or(0, |witness| witness.revision);
        if !same || head.revision < self.revision.max(witness) {
            self.forget_revisions();
        }
        self.lineage = Some(head.lineage);
    }

    /// The history is another one.
    pub(super) fn forget_revisions(&mut self) {
        self.keys.values_mut().for_each(|revision| *revision = 0);
        (self.revision, self.verified) = (0, 0);
        self.witness = None;
        self.doubt();
    }

    /// The last value that was said, by which a history can be known.
    pub(super) fn witness(&self) -> Option<&Witness> {
        self.witness.as_ref()
    }

    /// Keeps the value of the highest revision in mind.
    pub(super) fn remember(&mut self, key: &[u8], revision: i64, value: &[u8]) {
        if self
            .witness
            .as_ref()
            .is_none_or(|old| old.revision < revision)
        {
            self.witness = Some(Witness {
                key: key.into(),
                revision,
                digest: blake3::hash(value),
            });
        }
    }

    /// All keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.keys()
    }

    /// Some keys of a listing were said, but not all.
    pub(super) fn said(&mut self, revisions: impl IntoIterator<Item = (Key, i64)>) {
        self.keys.extend(revisions);
    }

    /// Everything that a complete listing showed at a revision was said.
    pub(super) fn complete(&mut self, revision: i64, listed: BTreeMap<Key, i64>) {
        self.keys = listed;
        self.completeness = Completeness::Complete;
        (self.revision, self.verified) = (revision, revision);
    }

    /// Takes a change in that was watched; whether there is one key more or less.
    pub(super) fn turn(&mut self, key: &[u8], turn: Turn, revision: i64) -> i64 {
        match turn {
            Turn::Set => i64::from(self.keys.insert(key.into(), revision).is_none()),
            Turn::Gone => -i64::from(self.keys.remove(key).is_some()),
        }
    }

    /// Everything up to a revision was said.
    pub(super) fn reached(&mut self, revision: i64) {
        self.revision = self.revision.max(revision);
    }

    /// What was said is what the store held at a revision.
    pub(super) fn verify(&mut self, revision: i64) {
        self.verified = revision;
        self.reached(revision);
    }
}
