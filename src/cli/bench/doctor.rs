//! `margay bench doctor`: whether figures of this host can be defended.

use clap::Args;
use serde_json::{Value, json};

use crate::bench::doctor::{Finding, Weight, examine};
use crate::cli::exit::{Exit, Failure};
use crate::cli::options::{Form, Output};
use crate::cli::screen::{Paint, Screen, Tint};

/// Say what on this host makes figures worse or impossible. Exit 0 if it can measure, also with warnings,
/// and 3 if it cannot
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    output: Output,
}

impl Doctor {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let findings = examine();
        screen.result(&match self.output.form {
            Form::Text => text(&findings, screen.result),
            Form::Json => json(&findings),
        })?;
        let hindered = findings.iter().any(|found| found.weight == Weight::Hinders);
        Ok(match hindered {
            true => Exit::NotReady,
            false => Exit::Done,
        })
    }
}

fn text(findings: &[Finding], paint: Paint) -> String {
    let lines = findings.iter().map(|found| {
        let tint = match found.weight {
            Weight::Fine => Tint::Good,
            Weight::Warns => Tint::Warning,
            Weight::Hinders => Tint::Error,
        };
        let word = paint.tinted(tint, &format!("{:<4}", found.weight.word()));
        format!("{word}  {}: {}\n", found.name, found.what)
    });
    lines.collect()
}

fn json(findings: &[Finding]) -> String {
    let list = findings.iter().map(
        |found| json!({ "name": found.name, "outcome": found.weight.word(), "what": found.what }),
    );
    let document = json!({
        "schema": "margay.bench.doctor/1",
        "checks": list.collect::<Vec<Value>>(),
    });
    format!("{document:#}\n")
}
