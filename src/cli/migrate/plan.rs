//! `margay migrate plan`: what can be said in nft, before anything is done.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::files::{Ack, Files};
use crate::cli::exit::{Exit, Failure};
use crate::cli::options::{Form, Output};
use crate::cli::screen::Screen;
use crate::migrate::plan;
use crate::migrate::translate::translate_known;

/// Say how well each rule can be translated, and why; exit 4 while one stands in the way
#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    ack: Ack,
    #[command(flatten)]
    output: Output,
    /// Write the plan as a page, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Plan {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let acknowledged = self.ack.read()?;
        let translation = translate_known(&self.files.host(screen)?, self.ack.known());
        let plan = plan::Plan::new(&translation, &acknowledged);
        if let Some(path) = &self.html {
            fs::write(path, plan.html()).map_err(|error| {
                Failure::Refused(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        screen.result(&match self.output.form {
            Form::Text => plan.text(),
            Form::Json => plan.json(),
        })?;
        Ok(match plan.open().is_empty() {
            true => Exit::Done,
            false => Exit::Refused,
        })
    }
}
