//! `margay rollback`: undo the last apply.

use clap::Args;

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::RunDir;
use super::owner;
use super::screen::Screen;
use crate::backend::nft::Ownership;
use crate::compile::skeleton;
use crate::undo::{Place, roll_back};

/// Undo the last apply at once
#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    run_dir: RunDir,
}

impl Rollback {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let mut backend = self.kernel.open(Ownership::Persist)?;
        let key = skeleton::table_key();
        owner::nobody(&mut backend, &key, &self.run_dir.path)?;
        let told = roll_back(&Place::of(&self.run_dir.path)?, &key, &mut backend)?;
        screen.result(&format!("{told}\n"))?;
        Ok(Exit::Done)
    }
}
