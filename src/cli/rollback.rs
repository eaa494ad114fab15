//! `margay rollback`: undo the last apply.

use clap::Args;

use super::carrier::Backend;
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
        self.kernel.enter()?;
        let key = skeleton::table_key();
        let told = match through::told(&self.run_dir.path, &Request::Rollback)? {
            Some(told) => told,
            None => {
                let run_dir = &self.run_dir.path;
                let mut host = Backend::AUTO.open(&self.kernel, Ownership::Persist, run_dir)?;
                let carrier = host.in_force(&key)?;
                owner::nobody(carrier, &key, run_dir)?;
                roll_back(&Place::of(run_dir)?, &key, carrier.backend())?
            }
        };
        screen.result(&format!("{told}\n"))?;
        Ok(Exit::Done)
    }
}
