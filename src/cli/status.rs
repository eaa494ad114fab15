//! `margay status`: how the agent is.

use clap::Args;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::options::{Form, Output, RunDir};
use super::screen::{Paint, Screen, Tint};
use crate::agent::control::Request;
use crate::agent::control::client::{AskError, ask};

/// Show how the agent is. Exit 0 healthy, 1 failed, 3 not ready or not running, 5 drift found
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    run_dir: RunDir,
    #[command(flatten)]
    output: Output,
}

impl Status {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let reply = match ask(&self.run_dir.path, &Request::Status) {
            Err(error @ AskError::NoAgent(_)) => {
                let word = screen.diagnostic.tinted(Tint::Error, "error");
                screen.diagnostic(&format!("{word}: {error}\n"));
                return Ok(Exit::NotReady);
            }
            reply => reply?,
        };
        let status = part(&reply, "/status")?;
        let (exit, tint) = health(part(status, "/health")?)?;
        let text = match self.output.form {
            Form::Text => tinted(text(part(&reply, "/screen")?)?, tint, screen.result),
            Form::Json => format!("{status:#}\n"),
        };
        screen.result(&text)?;
        Ok(exit)
    }
}

fn part<'v>(value: &'v Value, pointer: &str) -> Result<&'v Value, AskError> {
    let found = value.pointer(pointer);
    found.ok_or_else(|| AskError::Malformed(format!("there is no {pointer}")))
}

fn text(value: &Value) -> Result<&str, AskError> {
    let text = value.as_str();
    text.ok_or_else(|| AskError::Malformed(format!("{value} is no text")))
}

fn health(value: &Value) -> Result<(Exit, Tint), AskError> {
    match text(value)? {
        "healthy" => Ok((Exit::Done, Tint::Good)),
        "drifted" => Ok((Exit::Drift, Tint::Warning)),
        "not-ready" => Ok((Exit::NotReady, Tint::Warning)),
        "failed" => Ok((Exit::Failed, Tint::Error)),
        other => Err(AskError::Malformed(format!("unknown health {other:?}"))),
    }
}

/// The screen with its first word, the verdict, in a colour.
fn tinted(screen: &str, tint: Tint, paint: Paint) -> String {
    match screen.split_once(',') {
        Some((verdict, rest)) => format!("{},{rest}", paint.tinted(tint, verdict)),
        None => screen.to_owned(),
    }
}
