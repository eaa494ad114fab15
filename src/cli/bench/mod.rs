//! `margay bench`: what Margay costs beside others, measured on this host.

mod compare;
mod report;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};
use super::screen::Screen;

/// Measure what Margay costs beside others on this host
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Compare),
    Report(report::Report),
}

impl Bench {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        match &self.command {
            Command::Compare(compare) => compare.run(screen),
            Command::Report(report) => report.run(screen),
        }
    }
}
