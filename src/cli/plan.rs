//! `margay plan`: what an apply would change.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::carrier::Backend;
use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output, RunDir};
use super::policy::Policy;
use super::screen::Screen;
use crate::backend::carrier::Carrier;
use crate::backend::nft::Ownership;
use crate::backend::reconcile::planned;
use crate::compile::words::{Change, Concern, words};
use crate::ruleset::render::script;
use crate::ruleset::{Table, Tracked};

/// Show what apply would change: in words of policies and endpoints, then of nft. Exit 2 for changes
#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    backend: Backend,
    #[command(flatten)]
    run_dir: RunDir,
    #[command(flatten)]
    output: Output,
}

impl Plan {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let state = self.policy.state(screen)?;
        let (key, desired) = self.policy.table(&state)?;
        let (kernel, run_dir) = (&self.kernel, &self.run_dir.path);
        let mut backend = self.backend.open(kernel, Ownership::None, run_dir)?;
        let (applied, commit) = planned(&mut backend, &key, &desired)?;
        let script = match backend.current() {
            Carrier::Nft(_) => {
                let tables = applied.iter().chain([&desired]).map(Tracked::table);
                script(&commit, &tables.collect::<Vec<&Table>>())
            }
            Carrier::Xtables(xtables) => xtables.planned(&commit)?,
        };
        let removed = backend.previous().iter().map(|carrier| carrier.name());
        let removed: Vec<&str> = removed.collect();
        let changes = words(&commit, &state, &self.policy.host);
        let text = match self.output.form {
            Form::Text if commit.is_empty() && removed.is_empty() => {
                "nothing to change\n".to_owned()
            }
            Form::Text => {
                let lines = changes
                    .iter()
                    .fold(String::new(), |mut lines, (concern, change)| {
                        // Writing to a String cannot fail.
                        let _ok = writeln!(lines, "{change} {concern}");
                        lines
                    });
                let removed = removed.iter().map(|name| format!("remove {name}\n"));
                format!("{lines}{}\n{script}", removed.collect::<String>())
            }
            Form::Json => {
                let change = |(concern, change): (&Concern, &Change)| -> Value {
                    json!({ "change": change.to_string(), "what": concern.to_string() })
                };
                format!(
                    "{:#}\n",
                    json!({
                        "schema": "margay.plan/1",
                        "changes": changes.iter().map(change).collect::<Vec<_>>(),
                        "transactions": commit.steps.len(),
                        "backend": backend.chosen().name(),
                        "removed": removed,
                        "script": script,
                    })
                )
            }
        };
        screen.result(&text)?;
        Ok(if commit.is_empty() && removed.is_empty() {
            Exit::Done
        } else {
            Exit::Changes
        })
    }
}
