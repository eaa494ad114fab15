//! `margay man`: manual pages.

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::Arguments;
use super::exit::{Exit, Failure};
use super::screen::Screen;

/// Print a manual page: of margay, or of one of its commands
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The command
    #[arg(value_name = "COMMAND")]
    of: Option<String>,
}

impl Man {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let mut command = Arguments::command();
        command.build();
        if let Some(name) = &self.of {
            let Some(one) = command.find_subcommand(name) else {
                screen.diagnostic(&format!("margay: there is no command {name:?}\n"));
                return Ok(Exit::Usage);
            };
            command = one.clone();
        }
        let mut page = Vec::new();
        Page::new(command).render(&mut page)?;
        screen.result(&String::from_utf8_lossy(&page))?;
        Ok(Exit::Done)
    }
}
