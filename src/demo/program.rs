//! The policy on its way into the kernel of the demo's host.

use std::io;

use super::layout::HOST;
use super::namespace::within;
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::{Backend, CommitError};
use crate::compile::compile;
use crate::compile::skeleton::{Skeleton, SkeletonError, table_key};
use crate::model::State;
use crate::ruleset::Tracked;
use crate::ruleset::diff::diff;

/// Why the kernel does not hold the policy.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The skeleton that is built in cannot be read.
    #[error(transparent)]
    Skeleton(#[from] SkeletonError),
    /// The namespace cannot be entered, or netlink cannot be reached.
    #[error(transparent)]
    Unreachable(#[from] io::Error),
    /// The commit failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What the host holds, and the way to change it.
#[derive(Debug)]
pub(super) struct Program {
    backend: NftBackend,
    skeleton: Skeleton,
    applied: Option<Tracked>,
}

impl Program {
    /// A netlink socket belongs to the namespace in which it was opened, whoever uses it later.
    pub(super) fn new(host: &str) -> Result<Self, ProgramError> {
        Ok(Self {
            backend: within(host, || NftBackend::new(Ownership::None))?,
            skeleton: Skeleton::builtin()?,
            applied: None,
        })
    }

    /// Commits what holds before any policy is known: the settings alone.
    pub(super) fn skeleton(&mut self, state: &State) -> Result<(), ProgramError> {
        let settings = state.settings_of(HOST);
        self.policy(&State {
            settings,
            ..State::default()
        })
    }

    /// Commits a policy.
    pub(super) fn policy(&mut self, state: &State) -> Result<(), ProgramError> {
        let key = table_key();
        let mut ruleset = compile(state, HOST, &self.skeleton);
        let desired = ruleset.tables.remove(&key).unwrap_or_default().into();
        let commit = diff(self.applied.as_ref(), &desired, &key);
        self.backend.commit(&commit)?;
        self.applied.get_or_insert_default().apply(&commit);
        Ok(())
    }
}
