//! One table brought to what it should be: look, compare, commit, and again if somebody came between.

use super::{Backend, CommitError, ObserveError};
use crate::ruleset::diff::{diff, rebuilt};
use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use crate::ruleset::{TableKey, Tracked};

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

/// What is in force, where it can be understood, and the commit that makes of it what is desired.
///
/// A table of ours that holds what we never write is replaced whole, in one transaction: whatever it
/// is that somebody put there, it may let packets pass, and nothing of ours can be trusted around it.
///
/// # Errors
/// The kernel cannot be read.
pub fn planned(
    backend: &mut dyn Backend,
    key: &TableKey,
    desired: &Tracked,
) -> Result<(Option<Tracked>, Commit), ObserveError> {
    match backend.observe(key) {
        Ok(applied) => {
            let applied = applied.map(Tracked::from);
            let commit = diff(applied.as_ref(), desired, key);
            Ok((applied, commit))
        }
        Err(ObserveError::Foreign { .. }) => Ok((None, rebuilt(desired, key))),
        Err(error) => Err(error),
    }
}

/// Makes the table what is desired, and gives what had to be committed.
///
/// # Errors
/// The kernel cannot be read, refuses, or somebody else keeps changing the table.
pub fn reconcile(
    backend: &mut dyn Backend,
    key: &TableKey,
    desired: &Tracked,
) -> Result<Commit, ReconcileError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (_, commit) = planned(backend, key, desired)?;
        match backend.commit(&commit) {
            Ok(()) => return Ok(commit),
            Err(error) if error.is_passing() && attempts < ATTEMPTS_MAX => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The commit after which there is no table.
pub fn removal(key: &TableKey) -> Commit {
    Commit {
        table: key.clone(),
        steps: vec![Step {
            phase: Phase::Switch,
            wait: Wait::None,
            operations: vec![Operation::DeleteTable],
        }],
    }
}
