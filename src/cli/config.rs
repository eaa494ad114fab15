//! `margay config`: what the agent is told.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::options::{Form, Output};
use super::problems;
use super::screen::{Screen, Tint};
use crate::codec::{self, Strictness};
use crate::config::{self, Origin, Resolved, SETTINGS, Surroundings};
use crate::model::State;

/// Look at the configuration of the agent
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
}

/// Print every setting and its value: of the environment, the file and, where they are given, documents
#[derive(Debug, Args)]
struct Show {
    /// Files or folders of policy documents, as far as they are about settings
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Say of each value where it came from
    #[arg(long)]
    origin: bool,
    /// The configuration file; it need not exist
    #[arg(long, value_name = "FILE", default_value = config::PATH)]
    config: PathBuf,
    /// The host that documents are read for; that of the configuration, if not given
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Config {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        match &self.command {
            Command::Show(show) => show.run(screen),
        }
    }
}

impl Show {
    fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let Resolved { config, warnings } = self.resolved(screen)?;
        let warning = screen.diagnostic.tinted(Tint::Warning, "warning");
        for line in &warnings {
            screen.diagnostic(&format!("{warning}: {line}\n"));
        }
        screen.result(&match self.output.form {
            Form::Text => text(&config, self.origin),
            Form::Json => json(&config, &warnings),
        })?;
        Ok(Exit::Done)
    }

    /// What the environment, the file and the documents say.
    fn resolved(&self, screen: &Screen) -> Result<Resolved, Failure> {
        let surroundings = surroundings(&self.config)?;
        let mut local = surroundings.resolve()?;
        if self.paths.is_empty() {
            return Ok(local);
        }
        let state = self.state(screen)?;
        let own = local.config.felix_hostname.value.as_str();
        let host = self.host.as_deref().unwrap_or(own);
        let whole = local.config.with_datastore(&state, host)?;
        local.warnings.extend(whole.warnings);
        local.config = whole.config;
        Ok(local)
    }

    /// What the documents say. With errors nothing goes on.
    fn state(&self, screen: &Screen) -> Result<State, Failure> {
        let loaded = codec::read(&self.paths, Strictness::Lenient);
        if !loaded.problems.is_empty() {
            screen.diagnostic(&problems::text(&loaded, screen.diagnostic));
        }
        match loaded.has_errors() {
            true => Err(Failure::Said(Exit::Failed)),
            false => Ok(loaded.state),
        }
    }
}

pub(super) fn surroundings(path: &Path) -> Result<Surroundings, Failure> {
    Surroundings::of_process(Some(path)).map_err(|source| Failure::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// A line for each setting, in columns.
fn text(config: &config::Config, origins: bool) -> String {
    let width = |cell: &dyn Fn(&config::Setting<config::Config>) -> usize| {
        SETTINGS.iter().map(cell).max().unwrap_or_default()
    };
    let names = width(&|setting| setting.name.len());
    let values = width(&|setting| (setting.text)(config).len().min(VALUE_WIDTH_MAX));
    let mut text = String::new();
    for setting in SETTINGS {
        let (name, value) = (setting.name, (setting.text)(config));
        let origin = (setting.origin)(config);
        // Writing to a String cannot fail.
        let _ok = match origins {
            true => writeln!(text, "{name:names$}  {value:values$}  {origin}"),
            false => writeln!(text, "{name:names$}  {value}"),
        };
    }
    text
}

/// A longer value puts its origin out of line.
const VALUE_WIDTH_MAX: usize = 40;

fn json(config: &config::Config, warnings: &[String]) -> String {
    let settings = SETTINGS.iter().map(|setting| {
        json!({
            "name": setting.name,
            "value": (setting.text)(config),
            "origin": origin((setting.origin)(config)),
        })
    });
    let value = json!({
        "schema": "margay.config/1",
        "settings": settings.collect::<Vec<_>>(),
        "warnings": warnings,
    });
    format!("{value:#}\n")
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Environment(variable) => json!({ "source": "environment", "variable": variable }),
        Origin::File { path, line } => json!({ "source": "file", "file": path, "line": line }),
        Origin::Resource(name) => json!({ "source": "resource", "name": name }),
        Origin::Document => json!({ "source": "document" }),
        Origin::Default => json!({ "source": "default" }),
    }
}
