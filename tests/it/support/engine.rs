//! The engine from state to kernel, in process.

use margay::backend::Backend;
use margay::backend::nft::{Moment, NftBackend, Ownership};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::ruleset::diff::{diff, normalised};
use margay::ruleset::transaction::{Commit, Phase, Step, Wait};
use margay::ruleset::{Ruleset, Table, Tracked};
use margay::scenario::place::HOST;

/// A table in the calling thread's namespace, and what is in force of it.
#[derive(Debug)]
pub(crate) struct Engine {
    backend: NftBackend,
    applied: Option<Tracked>,
    skeleton: Skeleton,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            backend: NftBackend::new(Ownership::Persist).unwrap(),
            applied: None,
            skeleton: Skeleton::builtin().unwrap(),
        }
    }

    /// What the kernel should hold for a state.
    pub(crate) fn compiled(&self, state: &State) -> Ruleset {
        compile(state, HOST, &self.skeleton)
    }

    /// Takes what the kernel holds as what is in force: another process may have changed it.
    pub(crate) fn look(&mut self) {
        self.applied = self.observed().map(Tracked::from);
    }

    /// What the kernel holds.
    pub(crate) fn observed(&mut self) -> Option<Table> {
        self.backend.observe(&table_key()).unwrap()
    }

    /// Whether the kernel holds just this, generations aside.
    pub(crate) fn holds(&mut self, ruleset: &Ruleset) -> bool {
        let observed = self.observed().map(|table| normalised(&table));
        observed == ruleset.tables.get(&table_key()).map(normalised)
    }

    fn commit_to(&self, ruleset: &Ruleset) -> Commit {
        let desired = Tracked::from(ruleset.tables[&table_key()].clone());
        diff(self.applied.as_ref(), &desired, &table_key())
    }

    /// Puts a ruleset in force in one transaction: what no commit may do.
    pub(crate) fn update_squashed(&mut self, ruleset: &Ruleset, watch: &mut dyn FnMut(Moment)) {
        let commit = self.commit_to(ruleset);
        let all = commit.steps.iter().flat_map(|step| step.operations.clone());
        let squashed = Commit {
            steps: vec![Step {
                phase: Phase::Switch,
                wait: Wait::None,
                operations: all.collect(),
            }],
            ..commit.clone()
        };
        self.backend.commit_watched(&squashed, watch).unwrap();
        self.applied.get_or_insert_default().apply(&commit);
    }

    /// Puts a ruleset in force.
    pub(crate) fn update(&mut self, ruleset: &Ruleset) -> Commit {
        self.update_watched(ruleset, &mut |_| {})
    }

    /// Puts a ruleset in force, and tells when the kernel is at work.
    pub(crate) fn update_watched(
        &mut self,
        ruleset: &Ruleset,
        watch: &mut dyn FnMut(Moment),
    ) -> Commit {
        let commit = self.commit_to(ruleset);
        self.backend.commit_watched(&commit, watch).unwrap();
        self.applied.get_or_insert_default().apply(&commit);
        commit
    }
}
