//! `margay apply`: bring the kernel to what the documents say, once.

use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output};
use super::policy::Policy;
use super::refusal;
use super::screen::Screen;
use crate::backend::Backend;
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::reconcile::{ReconcileError, reconcile};
use crate::model::State;
use crate::ruleset::transaction::Commit;

/// Bring the kernel to what the documents say, without a gap
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    kernel: Kernel,
    /// What programs the kernel
    #[arg(long, value_enum, default_value = "auto")]
    backend: Kind,
    /// Whether the table outlives the flush of a foreign owner
    #[arg(long, value_enum, default_value = "persist")]
    ownership: Keep,
    #[command(flatten)]
    output: Output,
}

/// What programs the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The best that this host has
    Auto,
    /// `nf_tables` over netlink
    Nft,
}

/// The flags of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// None
    None,
    /// persist, where the kernel has it
    Persist,
}

impl Apply {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let state = self.policy.state(screen)?;
        let begin = Instant::now();
        let mut backend = match self.backend {
            Kind::Auto | Kind::Nft => self.kernel.open(match self.ownership {
                Keep::None => Ownership::None,
                Keep::Persist => Ownership::Persist,
            })?,
        };
        let commits = self.commit(&mut backend, &state)?;
        let told = Told::of(&commits, begin);
        screen.result(&match self.output.form {
            Form::Text => told.text(),
            Form::Json => told.json(),
        })?;
        Ok(Exit::Done)
    }

    /// Where nothing is in force the skeleton comes first: a large policy takes a while to load.
    fn commit(&self, backend: &mut NftBackend, state: &State) -> Result<Vec<Commit>, Failure> {
        let (key, desired) = self.policy.table(state)?;
        let mut commits = Vec::new();
        let blame = |error: ReconcileError| {
            Failure::Refused(refusal::told(&error, state, &self.policy.host))
        };
        if matches!(backend.observe(&key), Ok(None)) {
            let nothing = State {
                settings: state.settings_of(&self.policy.host),
                ..State::default()
            };
            let (_, skeleton) = self.policy.table(&nothing)?;
            commits.push(reconcile(backend, &key, &skeleton).map_err(blame)?);
        }
        commits.push(reconcile(backend, &key, &desired).map_err(blame)?);
        Ok(commits)
    }
}

/// What was done.
struct Told {
    transactions: usize,
    operations: usize,
    elements: usize,
    milliseconds: f64,
}

impl Told {
    fn of(commits: &[Commit], begin: Instant) -> Self {
        let steps = || commits.iter().flat_map(|commit| &commit.steps);
        let operations = || steps().flat_map(|step| &step.operations);
        Self {
            transactions: steps().count(),
            operations: operations().count(),
            elements: operations().map(|operation| operation.keys().count()).sum(),
            milliseconds: begin.elapsed().as_secs_f64() * 1000.0,
        }
    }

    fn text(&self) -> String {
        if self.transactions == 0 {
            return "nothing to change\n".to_owned();
        }
        format!(
            "applied: {} transactions, {} operations, {} elements, {:.1} ms\n",
            self.transactions, self.operations, self.elements, self.milliseconds
        )
    }

    fn json(&self) -> String {
        let value = json!({
            "schema": "margay.apply/1",
            "changed": self.transactions > 0,
            "transactions": self.transactions,
            "operations": self.operations,
            "elements": self.elements,
            "milliseconds": self.milliseconds,
        });
        format!("{value:#}\n")
    }
}
