//! `margay cleanup`: remove what was programmed.

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output};
use super::screen::Screen;
use crate::backend::nft::Ownership;
use crate::backend::{Backend, ObserveError};
use crate::compile::skeleton;
use crate::ruleset::Table;
use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};

/// Remove what margay programmed, after listing it
#[derive(Debug, Args)]
pub(super) struct Cleanup {
    /// List it only
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    output: Output,
}

impl Cleanup {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let key = skeleton::table_key();
        let mut backend = self.kernel.open(Ownership::None)?;
        // A table that was tampered with is removed like any other: whatever is in it is ours.
        let found = match backend.observe(&key) {
            Ok(None) => None,
            Ok(Some(table)) => Some(summary(&table)),
            Err(ObserveError::Foreign { what, .. }) => {
                Some(format!("with something foreign: {what}"))
            }
            Err(error) => return Err(error.into()),
        };
        let removes = found.is_some() && !self.dry_run;
        if removes {
            backend.commit(&removal())?;
        }
        screen.result(&match self.output.form {
            Form::Text => match &found {
                None => "nothing to remove\n".to_owned(),
                Some(found) if removes => format!("removed table {key}: {found}\n"),
                Some(found) => format!("would remove table {key}: {found}\n"),
            },
            Form::Json => format!(
                "{:#}\n",
                json!({
                    "schema": "margay.cleanup/1",
                    "table": found.is_some().then(|| key.to_string()),
                    "content": found,
                    "removed": removes,
                })
            ),
        })?;
        Ok(Exit::Done)
    }
}

fn removal() -> Commit {
    Commit {
        table: skeleton::table_key(),
        steps: vec![Step {
            phase: Phase::Switch,
            wait: Wait::None,
            operations: vec![Operation::DeleteTable],
        }],
    }
}

fn summary(table: &Table) -> String {
    let rules: usize = table.chains.values().map(|chain| chain.rules.len()).sum();
    let elements: usize = table.sets.values().map(|set| set.elements.len()).sum();
    let (chains, sets) = (table.chains.len(), table.sets.len());
    format!("{chains} chains, {rules} rules, {sets} sets and maps, {elements} elements")
}
