//! `margay migrate`: from iptables to nft.

mod files;
mod inventory;
mod plan;
mod translate;
mod verify;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};
use super::screen::Screen;

/// Read an iptables host, translate it to nft, and prove the result
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inventory(inventory::Inventory),
    Plan(plan::Plan),
    Translate(translate::Translate),
    Verify(verify::Verify),
}

impl Migrate {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        match &self.command {
            Command::Inventory(inventory) => inventory.run(screen),
            Command::Plan(plan) => plan.run(screen),
            Command::Translate(translate) => translate.run(screen),
            Command::Verify(verify) => verify.run(screen),
        }
    }
}
