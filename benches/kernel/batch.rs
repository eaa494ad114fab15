//! What a commit sends: transactions, messages, bytes.

use margay::backend::nft::{Catalog, Encoded, Ownership, encode};
use margay::compile::skeleton::table_key;
use margay::ruleset::Table;
use margay::ruleset::diff::between;
use margay::ruleset::transaction::{Commit, Phase};

/// The batches of a commit, one a transaction.
#[derive(Debug)]
pub(crate) struct Batches {
    encoded: Vec<Encoded>,
}

impl Batches {
    /// Encodes a commit that changes a table in force.
    pub(crate) fn of(commit: &Commit, applied: Option<&Table>) -> Self {
        let mut catalog = Catalog::default();
        if let Some(applied) = applied {
            let load = between(None, applied, &table_key());
            Self::after(&load, &mut catalog);
        }
        Self::after(commit, &mut catalog)
    }

    /// Encodes a commit that comes after those that the catalog knows.
    pub(crate) fn after(commit: &Commit, catalog: &mut Catalog) -> Self {
        let steps = commit.steps.iter();
        let encoded = steps
            .map(|step| encode(&commit.table, Ownership::None, catalog, &step.operations).unwrap());
        Self {
            encoded: encoded.collect(),
        }
    }

    /// The bytes of each batch.
    pub(crate) fn bytes(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.encoded.iter().map(Encoded::bytes)
    }

    /// Bytes of all batches.
    pub(crate) fn length(&self) -> usize {
        self.bytes().map(<[u8]>::len).sum()
    }
}

/// The transactions until the change is in force, and those that only clear away.
pub(crate) fn without_collect(commit: &Commit) -> (Commit, Commit) {
    let (collect, rest) = commit
        .steps
        .iter()
        .cloned()
        .partition(|step| step.phase == Phase::Collect);
    let with = |steps| Commit {
        table: commit.table.clone(),
        steps,
    };
    (with(rest), with(collect))
}
