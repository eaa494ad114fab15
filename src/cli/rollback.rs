//! `margay rollback`: undo the last apply.

use clap::Args;

use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::RunDir;
use super::screen::Screen;
use super::{owner, through};
use crate::agent::control::Request;
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
        let told = match through::told(&self.run_dir.path, &Request::Rollback)? {
            Some(told) => told,
            None => {
                owner::nobody(&mut backend, &key, &self.run_dir.path)?;
                roll_back(&Place::of(&self.run_dir.path)?, &key, &mut backend)?
            }
        };
        screen.result(&format!("{told}\n"))?;
        Ok(Exit::Done)
    }
}
