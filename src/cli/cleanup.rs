//! `margay cleanup`: remove what was programmed.

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output};
use super::screen::Screen;
use crate::backend::nft::Ownership;
use crate::backend::reconcile::removal;
use crate::backend::{Backend, ObserveError};
use crate::compile::skeleton;
use crate::ruleset::Table;

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
            Ok(Some(table)) => Some(Found::of(&table)),
            Err(ObserveError::Foreign { what, .. }) => Some(Found::Foreign(what.to_string())),
            Err(error) => return Err(error.into()),
        };
        let fate = match found.is_some() && !self.dry_run {
            true => Fate::Removed,
            false => Fate::Kept,
        };
        match self.output.form {
            Form::Text => screen.result(&listing(found.as_ref(), fate))?,
            Form::Json => {}
        }
        if fate == Fate::Removed {
            backend.commit(&removal(&key))?;
        }
        match self.output.form {
            Form::Text if fate == Fate::Removed => {
                screen.result(&format!("removed table {key}\n"))?
            }
            Form::Text => {}
            // One document, which can say what became of it only afterwards.
            Form::Json => screen.result(&document(found.as_ref(), fate))?,
        }
        Ok(Exit::Done)
    }
}

/// What becomes of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    /// It is listed only, or is not there.
    Kept,
}

/// What stands in the table that is to be removed.
enum Found {
    /// A table that we can read.
    Whole {
        base_chains: Vec<String>,
        counts: String,
    },
    /// What it holds that we cannot read.
    Foreign(String),
}

impl Found {
    fn of(table: &Table) -> Self {
        let chains = table.chains.iter();
        let base_chains = chains.filter(|(_, chain)| chain.hook.is_some());
        Self::Whole {
            base_chains: base_chains.map(|(name, _)| name.to_string()).collect(),
            counts: counts(table),
        }
    }

    fn base_chains(&self) -> &[String] {
        match self {
            Self::Whole { base_chains, .. } => base_chains,
            Self::Foreign(_) => &[],
        }
    }

    fn content(&self) -> String {
        match self {
            Self::Whole { counts, .. } => counts.clone(),
            Self::Foreign(what) => format!("with something foreign: {what}"),
        }
    }
}

/// Printed before anything is removed, so that it is known also if the removal fails.
fn listing(found: Option<&Found>, fate: Fate) -> String {
    let Some(found) = found else {
        return "nothing to remove\n".to_owned();
    };
    let verb = match fate {
        Fate::Removed => "removing",
        Fate::Kept => "would remove",
    };
    let mut text = format!(
        "{verb} table {}: {}\n",
        skeleton::table_key(),
        found.content()
    );
    for chain in found.base_chains() {
        text.push_str(&format!("  base chain {chain}\n"));
    }
    text
}

fn document(found: Option<&Found>, fate: Fate) -> String {
    let document = json!({
        "schema": "margay.cleanup/1",
        "table": found.map(|_| skeleton::table_key().to_string()),
        "content": found.map(Found::content),
        "base_chains": found.map(Found::base_chains),
        "removed": fate == Fate::Removed,
    });
    format!("{document:#}\n")
}

fn counts(table: &Table) -> String {
    let rules: usize = table.chains.values().map(|chain| chain.rules.len()).sum();
    let elements: usize = table.sets.values().map(|set| set.elements.len()).sum();
    let (chains, sets) = (table.chains.len(), table.sets.len());
    format!("{chains} chains, {rules} rules, {sets} sets and maps, {elements} elements")
}
