//! `margay agent`: the daemon.

use std::path::PathBuf;

use clap::Args;

use super::config::surroundings;
use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::screen::Screen;
use crate::agent::logging::Logging;
use crate::agent::run::Ended;
use crate::agent::start::{give_up_rights, start};
use crate::config;

/// Keep the kernel at what a store says, until told to stop
#[derive(Debug, Args)]
pub(super) struct Agent {
    /// The configuration file; it need not exist
    #[arg(long, short, alias = "config-file", value_name = "FILE", default_value = config::PATH)]
    config: PathBuf,
    #[command(flatten)]
    kernel: Kernel,
}

impl Agent {
    pub(super) fn run(&self, _: &Screen) -> Result<Exit, Failure> {
        let resolved = surroundings(&self.config)?.resolve()?;
        self.kernel.enter()?;
        give_up_rights()?;
        let logging = Logging::start(&resolved.config);
        Ok(match start(&resolved, logging)? {
            Ended::Stopped => Exit::Done,
            Ended::Restart => Exit::Restart,
        })
    }
}
