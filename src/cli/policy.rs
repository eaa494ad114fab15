//! Documents and the ruleset that they become, for every command that needs both.

use clap::Args;

use super::exit::{Exit, Failure};
use super::options::Documents;
use super::problems;
use super::screen::Screen;
use crate::compile::skeleton::{self, Skeleton};
use crate::compile::{Compiler, compile};
use crate::model::State;
use crate::ruleset::{Ruleset, TableKey, Tracked};

/// Policy documents, and the host that they are compiled for.
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(flatten)]
    documents: Documents,
    /// The host whose endpoints are local
    #[arg(long, value_name = "NAME")]
    pub(super) host: String,
}

impl Policy {
    /// What the documents say. Their problems are shown; with errors nothing goes on.
    pub(super) fn state(&self, screen: &Screen) -> Result<State, Failure> {
        let loaded = self.documents.read();
        if !loaded.problems.is_empty() {
            screen.diagnostic(&problems::text(&loaded, screen.diagnostic));
        }
        if loaded.has_errors() {
            return Err(Failure::Said(Exit::Failed));
        }
        Ok(loaded.state)
    }

    /// The documents as they are.
    pub(super) fn texts(&self) -> Result<Vec<(String, String)>, Failure> {
        self.documents.texts()
    }

    /// What is made of everything.
    pub(super) fn compiler(&self, state: State) -> Result<Compiler, Failure> {
        Ok(Compiler::of(state, &self.host, &Skeleton::builtin()?))
    }

    /// What the kernel of the host should hold.
    pub(super) fn ruleset(&self, state: &State) -> Result<Ruleset, Failure> {
        Ok(compile(state, &self.host, &Skeleton::builtin()?))
    }

    /// The same as the one table that it is.
    pub(super) fn table(&self, state: &State) -> Result<(TableKey, Tracked), Failure> {
        let key = skeleton::table_key();
        let table = self.ruleset(state)?.tables.remove(&key).unwrap_or_default();
        Ok((key, table.into()))
    }
}
