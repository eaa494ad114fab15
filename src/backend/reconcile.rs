//! One table brought to what it should be: look, compare, commit, and again if somebody came between.

use super::{Backend, CommitError, ObserveError};
use crate::ruleset::diff::diff;
use crate::ruleset::transaction::Commit;
use crate::ruleset::{Table, TableKey};

/// How often somebody else may come between before it is given up.
const ATTEMPTS_MAX: usize = 10;

/// Why a table is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// What is in force could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A commit did not go through.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Makes the table what is desired, and gives what had to be committed.
///
/// # Errors
/// The kernel cannot be read, refuses, or somebody else keeps changing the table.
pub fn reconcile(
    backend: &mut dyn Backend,
    key: &TableKey,
    desired: &Table,
) -> Result<Commit, ReconcileError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let applied = backend.observe(key)?;
        let commit = diff(applied.as_ref(), desired, key);
        match backend.commit(&commit) {
            Ok(()) => return Ok(commit),
            Err(CommitError::Contended) if attempts < ATTEMPTS_MAX => {}
            Err(error) => return Err(error.into()),
        }
    }
}
