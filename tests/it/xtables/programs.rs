//! The engine from state to rules of iptables, in process.

use std::path::Path;

use margay::backend::Backend;
use margay::backend::xtables::{Placement, Provider, Variant, XtablesBackend};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::ruleset::diff::diff;
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Ruleset, Tracked};
use margay::scenario::place::HOST;

/// Rules in the calling thread's namespace, and the table that they were made of.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) backend: XtablesBackend,
    applied: Option<Tracked>,
    skeleton: Skeleton,
}

impl Programs {
    pub(super) fn new(variant: Variant, run_dir: &Path) -> Self {
        let provider = Provider::find(Some(variant)).unwrap();
        Self {
            backend: XtablesBackend::new(provider, Placement::Insert, run_dir).unwrap(),
            applied: None,
            skeleton: Skeleton::builtin().unwrap(),
        }
    }

    /// What should be in force for a state.
    pub(super) fn compiled(&self, state: &State) -> Ruleset {
        compile(state, HOST, &self.skeleton)
    }

    /// Puts a ruleset in force.
    pub(super) fn update(&mut self, ruleset: &Ruleset) -> Commit {
        let desired = Tracked::from(ruleset.tables[&table_key()].clone());
        let commit = diff(self.applied.as_ref(), &desired, &table_key());
        self.backend.commit(&commit).unwrap();
        self.applied.get_or_insert_default().apply(&commit);
        commit
    }
}
