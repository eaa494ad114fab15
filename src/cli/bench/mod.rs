//! `margay bench`: what Margay costs beside others, measured on this host.

mod compare;
mod doctor;
mod list;
mod report;
mod run;

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
    List(list::List),
    Run(run::Run),
    Compare(compare::Compare),
    Report(report::Report),
    Doctor(doctor::Doctor),
}

impl Bench {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        match &self.command {
            Command::List(list) => list.run(screen),
            Command::Run(run) => run.run(screen),
            Command::Compare(compare) => compare.run(screen),
            Command::Report(report) => report.run(screen),
            Command::Doctor(doctor) => doctor.run(screen),
        }
    }
}
