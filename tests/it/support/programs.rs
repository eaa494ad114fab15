//! The engine from state to rules of iptables, in process.

use std::path::Path;

use margay::backend::reconcile::removal;
use margay::backend::xtables::{Placement, Provider, Variant, XtablesBackend};
use margay::backend::{Backend, CommitError};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::ruleset::diff::{diff, normalised};
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Ruleset, Table, Tracked};
use margay::scenario::place::HOST;
use tempfile::TempDir;

/// Rules in the calling thread's namespace, and the table that they were made of.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) backend: XtablesBackend,
    provider: Provider,
    applied: Option<Tracked>,
    skeleton: Skeleton,
    run_dir: TempDir,
}

impl Programs {
    /// A host that has nothing of ours yet.
    pub(crate) fn new(variant: Variant) -> Self {
        let provider = Provider::find(Some(variant)).unwrap();
        let run_dir = tempfile::tempdir().unwrap();
        Self {
            backend: opened(&provider, run_dir.path()),
            provider,
            applied: None,
            skeleton: Skeleton::builtin().unwrap(),
            run_dir,
        }
    }

    /// What should be in force for a state.
    pub(crate) fn compiled(&self, state: &State) -> Ruleset {
        compile(state, HOST, &self.skeleton)
    }

    /// Puts a ruleset in force.
    pub(crate) fn update(&mut self, ruleset: &Ruleset) -> Commit {
        self.bring(&mut Tracked::from(ruleset.tables[&table_key()].clone()))
    }

    /// Puts a table in force of which it is known what changed.
    pub(crate) fn bring(&mut self, desired: &mut Tracked) -> Commit {
        self.try_to_bring(desired).unwrap()
    }

    /// The same, unless it is refused, and then nothing changes.
    pub(crate) fn try_to_bring(&mut self, desired: &mut Tracked) -> Result<Commit, CommitError> {
        let commit = diff(self.applied.as_ref(), desired, &table_key());
        self.backend.commit(&commit)?;
        let applied = self.applied.get_or_insert_default();
        applied.apply(&commit);
        applied.settle();
        desired.settle();
        Ok(commit)
    }

    /// The same after everything was taken out: what no update may do.
    pub(crate) fn update_from_nothing(&mut self, ruleset: &Ruleset) {
        self.backend.commit(&removal(&table_key())).unwrap();
        self.applied = None;
        self.update(ruleset);
    }

    /// Whether somebody who comes after us, and knows nothing but what is written down, finds that just
    /// this is in force. It is lowered from nothing for that.
    pub(crate) fn holds(&self, table: &Table) -> bool {
        let found = opened(&self.provider, self.run_dir.path()).observe(&table_key());
        found.unwrap().as_ref().map(normalised) == Some(normalised(table))
    }
}

fn opened(provider: &Provider, run_dir: &Path) -> XtablesBackend {
    XtablesBackend::new(provider.clone(), Placement::Insert, run_dir).unwrap()
}
