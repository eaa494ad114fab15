//! `margay bench report`: the pages of a run, made again from its lines.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::bench::folder;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::Screen;

/// Write results.csv, results.md and report.html again from results.jsonl
#[derive(Debug, Args)]
pub(super) struct Report {
    /// A folder with results.jsonl, or such a file
    #[arg(value_name = "DIR|FILE")]
    run: PathBuf,
    /// Where to write them; beside results.jsonl, if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Report {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let run = folder::read(&self.run)?;
        let written = folder::report(&run, self.out.as_deref().unwrap_or(self.beside()))?;
        for path in written {
            screen.result(&format!("{}\n", path.display()))?;
        }
        Ok(Exit::Done)
    }

    /// The folder that the lines are in.
    fn beside(&self) -> &Path {
        match self.run.is_dir() {
            true => &self.run,
            false => self.run.parent().unwrap_or(Path::new("")),
        }
    }
}
