//! `margay check`: validate documents.

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::options::{Documents, Form, Output};
use super::problems;
use super::screen::Screen;
use crate::codec::{Loaded, Severity};

/// Validate policy documents: every error with file, line, column, field and what is allowed
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    documents: Documents,
    #[command(flatten)]
    output: Output,
}

impl Check {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let loaded = self.documents.read();
        let text = match self.output.form {
            Form::Text => problems::text(&loaded, screen.result),
            Form::Json => json(&loaded),
        };
        screen.result(&text)?;
        Ok(if loaded.has_errors() {
            Exit::Failed
        } else {
            Exit::Done
        })
    }
}

fn json(loaded: &Loaded) -> String {
    let value = json!({
        "schema": "margay.check/1",
        "documents": loaded.documents,
        "errors": loaded.count(Severity::Error),
        "warnings": loaded.count(Severity::Warning),
        "problems": problems::json(&loaded.problems),
    });
    format!("{value:#}\n")
}
