//! `margay doctor`: can this host run margay.

use clap::Args;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output};
use super::screen::{Paint, Screen, Tint};
use crate::doctor::{Check, Outcome, examine, worst};

/// Say whether this host can run margay. Exit 0 if it can, also with warnings, and 3 if it cannot
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    output: Output,
}

impl Doctor {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        self.kernel.enter()?;
        let checks = examine();
        screen.result(&match self.output.form {
            Form::Text => text(&checks, screen.result),
            Form::Json => json(&checks),
        })?;
        Ok(match worst(&checks) {
            Outcome::Fine | Outcome::Warning => Exit::Done,
            Outcome::Failure => Exit::NotReady,
        })
    }
}

fn text(checks: &[Check], paint: Paint) -> String {
    let mut text = String::new();
    for check in checks {
        let tint = match check.outcome {
            Outcome::Fine => Tint::Good,
            Outcome::Warning => Tint::Warning,
            Outcome::Failure => Tint::Error,
        };
        let word = paint.tinted(tint, &format!("{:<4}", check.outcome.to_string()));
        text.push_str(&format!("{word}  {}: {}\n", check.name, check.what));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("      {remedy}\n"));
        }
    }
    text.push_str(match worst(checks) {
        Outcome::Fine => "this host can run margay\n",
        Outcome::Warning => "this host can run margay; see the warnings\n",
        Outcome::Failure => "this host cannot run margay as it is\n",
    });
    text
}

fn json(checks: &[Check]) -> String {
    let list = checks.iter().map(|check| {
        json!({
            "name": check.name,
            "outcome": check.outcome.to_string(),
            "what": check.what,
            "remedy": check.remedy,
        })
    });
    let list: Vec<Value> = list.collect();
    let document = json!({
        "schema": "margay.doctor/1",
        "outcome": worst(checks).to_string(),
        "checks": list,
    });
    format!("{document:#}\n")
}
