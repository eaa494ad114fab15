//! The process that `apply --confirm-within` leaves behind; not for people.

use std::env;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::Args;

use super::carrier::Backend;
use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::RunDir;
use super::screen::Screen;
use crate::backend::nft::Ownership;
use crate::compile::skeleton;
use crate::undo::Place;
use crate::undo::keeper::keep;

/// The name of this command.
const NAME: &str = "keep-until-confirmed";

/// Roll back what apply does, unless it is confirmed; apply starts this
#[derive(Debug, Args)]
#[command(name = NAME, hide = true)]
pub(super) struct KeepUntilConfirmed {
    /// In how many seconds
    #[arg(long, value_name = "SECS")]
    within: u32,
    #[command(flatten)]
    backend: Backend,
    #[command(flatten)]
    run_dir: RunDir,
}

/// The command line of this command, in the calling thread's network namespace.
pub(super) fn command(run_dir: &Path, within: u32, backend: Backend) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    let run_dir = std::path::absolute(run_dir)?;
    command.arg(NAME).arg("--within").arg(within.to_string());
    command.arg("--run-dir").arg(run_dir);
    command.args(backend.arguments());
    Ok(command)
}

impl KeepUntilConfirmed {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let place = Place::of(&self.run_dir.path)?;
        let (kernel, run_dir) = (Kernel::HERE, &self.run_dir.path);
        let mut backend = self.backend.open(&kernel, Ownership::Persist, run_dir)?;
        let within = Duration::from_secs(self.within.into());
        let told = keep(&place, &skeleton::table_key(), within, &mut backend)?;
        screen.diagnostic(&format!("{told}\n"));
        Ok(Exit::Done)
    }
}
