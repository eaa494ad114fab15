//! `margay confirm`: keep what the last apply did.

use clap::Args;

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::RunDir;
use super::screen::Screen;
use super::through;
use crate::agent::control::Request;
use crate::undo::Place;
use crate::undo::keeper::{Wish, ask};

/// Keep what the last apply did, before its time is up
#[derive(Debug, Args)]
pub(super) struct Confirm {
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    run_dir: RunDir,
}

impl Confirm {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        self.kernel.enter()?;
        let told = match through::told(&self.run_dir.path, &Request::Confirm)? {
            Some(told) => told,
            None => ask(&Place::of(&self.run_dir.path)?, Wish::Confirm)?,
        };
        screen.result(&format!("{told}\n"))?;
        Ok(Exit::Done)
    }
}
