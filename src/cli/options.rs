//! Options that several commands have.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::Failure;
use crate::agent::control::RUN_DIR;
use crate::codec::{self, Loaded, Strictness, files};

/// Where documents are read from.
#[derive(Debug, Args)]
pub(super) struct Documents {
    /// Files, or folders of .yaml, .yml and .json files, with policy documents
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Refuse a Calico resource that has a field which is not known
    #[arg(long)]
    strict: bool,
}

impl Documents {
    /// The files and their texts.
    pub(super) fn texts(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut texts = Vec::new();
        for path in &self.paths {
            let unreadable = |source| Failure::Unreadable {
                path: path.clone(),
                source,
            };
            let files = match path.is_dir() {
                true => files::folder(path).map_err(unreadable)?,
                false => vec![path.clone()],
            };
            for file in files {
                let text = fs::read_to_string(&file).map_err(unreadable)?;
                texts.push((file.display().to_string(), text));
            }
        }
        Ok(texts)
    }

    /// What the documents say.
    pub(super) fn read(&self) -> Loaded {
        let strictness = match self.strict {
            true => Strictness::Strict,
            false => Strictness::Lenient,
        };
        codec::read(&self.paths, strictness)
    }
}

/// Where the agent and `apply` leave what other commands need.
#[derive(Debug, Args)]
pub(super) struct RunDir {
    /// Where the agent has its control socket, and apply keeps what was in force before
    #[arg(long = "run-dir", value_name = "DIR", default_value = RUN_DIR)]
    pub(super) path: PathBuf,
}

/// How a result is written.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// How to write the result
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORM",
        default_value = "text"
    )]
    pub(super) form: Form,
}

/// The forms of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// For programs: one JSON object with a `schema` field
    Json,
}
