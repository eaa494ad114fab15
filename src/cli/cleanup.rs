//! `margay cleanup`: remove what was programmed.

use clap::Args;
use serde_json::json;

use super::carrier::Backend;
use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output, RunDir};
use super::screen::Screen;
use super::through;
use crate::agent::control::Request;
use crate::backend::Backend as _;
use crate::backend::ObserveError;
use crate::backend::carrier::Carrier;
use crate::backend::nft::Ownership;
use crate::backend::xtables::Counts;
use crate::compile::skeleton;
use crate::ruleset::{Table, TableKey};

/// Remove what margay programmed, on either backend, after listing it
#[derive(Debug, Args)]
pub(super) struct Cleanup {
    /// List it only
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    run_dir: RunDir,
    #[command(flatten)]
    output: Output,
}

impl Cleanup {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let key = skeleton::table_key();
        let (kernel, run_dir) = (&self.kernel, &self.run_dir.path);
        let mut host = Backend::AUTO.open(kernel, Ownership::None, run_dir)?;
        let mut found = Vec::new();
        for carrier in host.all() {
            let what = Found::of(carrier, &key)?;
            found.extend(what.map(|what| (carrier, what)));
        }
        let fate = match !found.is_empty() && !self.dry_run {
            true => Fate::Removed,
            false => Fate::Kept,
        };
        if self.output.form == Form::Text {
            let what = found.iter().map(|(_, what)| what.listing(fate));
            let listing: String = what.collect();
            screen.result(match &*listing {
                "" => "nothing to remove\n",
                listing => listing,
            })?;
        }
        if fate == Fate::Removed {
            let rules = found
                .iter()
                .any(|(_, what)| matches!(what, Found::Rules(..)));
            // The kernel protects an agent's table of nf_tables; nobody else would its rules of iptables.
            if rules && through::agent(run_dir, &Request::Status)?.is_some() {
                return Err(Failure::Unsafe(
                    "an agent works here, and would put them back: stop it first".to_owned(),
                ));
            }
            for (carrier, what) in &mut found {
                carrier.remove(&key)?;
                if self.output.form == Form::Text {
                    screen.result(&format!("removed {}\n", what.name()))?;
                }
            }
        }
        if self.output.form == Form::Json {
            // One document, which can say what became of it only afterwards.
            let found: Vec<&Found> = found.iter().map(|(_, what)| what).collect();
            screen.result(&document(&found, fate))?;
        }
        Ok(Exit::Done)
    }
}

/// What becomes of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    /// It is listed only, or is not there.
    Kept,
}

/// What is to be removed.
enum Found {
    /// A table that we can read.
    Whole {
        base_chains: Vec<String>,
        counts: String,
    },
    /// What it holds that we cannot read. A table that was tampered with is removed like any other:
    /// whatever is in it is ours.
    Foreign(String),
    /// Rules of iptables, and ipsets.
    Rules(&'static str, Counts),
}

impl Found {
    fn of(carrier: &mut Carrier, key: &TableKey) -> Result<Option<Self>, Failure> {
        let name = carrier.name();
        match carrier {
            Carrier::Nft(backend) => match backend.observe(key) {
                Ok(table) => Ok(table.as_ref().map(Self::of_table)),
                Err(ObserveError::Foreign { what, .. }) => Ok(Some(Self::Foreign(what))),
                Err(error @ ObserveError::Unreachable(_)) => Err(error.into()),
            },
            Carrier::Xtables(backend) => {
                let counts = backend.counts().map_err(ObserveError::Unreachable)?;
                Ok((counts != Counts::default()).then_some(Self::Rules(name, counts)))
            }
        }
    }

    fn of_table(table: &Table) -> Self {
        let chains = table.chains.iter();
        let base_chains = chains.filter(|(_, chain)| chain.hook.is_some());
        Self::Whole {
            base_chains: base_chains.map(|(name, _)| name.to_string()).collect(),
            counts: counts(table),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Whole { .. } | Self::Foreign(_) => format!("table {}", skeleton::table_key()),
            Self::Rules(name, _) => format!("rules of {name}"),
        }
    }

    fn base_chains(&self) -> &[String] {
        match self {
            Self::Whole { base_chains, .. } => base_chains,
            Self::Foreign(_) | Self::Rules(..) => &[],
        }
    }

    fn content(&self) -> String {
        match self {
            Self::Whole { counts, .. } => counts.clone(),
            Self::Foreign(what) => format!("with something foreign: {what}"),
            Self::Rules(_, counts) => {
                let Counts {
                    chains,
                    rules,
                    sets,
                    members,
                } = counts;
                format!("{chains} chains, {rules} rules, {sets} ipsets, {members} members")
            }
        }
    }

    /// Printed before anything is removed, so that it is known also if the removal fails.
    fn listing(&self, fate: Fate) -> String {
        let verb = match fate {
            Fate::Removed => "removing",
            Fate::Kept => "would remove",
        };
        let mut text = format!("{verb} {}: {}\n", self.name(), self.content());
        for chain in self.base_chains() {
            text.push_str(&format!("  base chain {chain}\n"));
        }
        text
    }
}

fn document(found: &[&Found], fate: Fate) -> String {
    let tables = found.iter().copied();
    let (rules, table): (Vec<_>, Vec<_>) =
        tables.partition(|found| matches!(found, Found::Rules(..)));
    let table = table.first().copied();
    let rules = rules.into_iter();
    let rules: Vec<_> = rules
        .map(|rules| format!("{}: {}", rules.name(), rules.content()))
        .collect();
    let document = json!({
        "schema": "margay.cleanup/1",
        "table": table.map(|_| skeleton::table_key().to_string()),
        "content": table.map(Found::content),
        "base_chains": table.map(Found::base_chains),
        "xtables": rules,
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
