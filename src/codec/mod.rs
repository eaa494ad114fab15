//! Documents to model values; with `config` the only serde.
//!
//! ```text
//! files --> sources --yaml, json--> nodes --document--> groups, endpoints, settings --> State
//!                                             --calico--> events ----------------------^
//! etcd: key and value --------json--> nodes --calico, classic--> events      (keys)
//! ```
//!
//! Whatever is wrong is collected, so that one look at a folder shows all of it.

pub mod calico;
pub mod classic;

mod document;
mod endpoint;
mod fields;
pub mod files;
mod group;
mod json;
mod keys;
mod loader;
mod node;
mod problem;
mod references;
pub mod rule;
pub mod scenario;
mod settings;
mod yaml;

use std::path::PathBuf;

pub use keys::{Change, Keys};
pub use problem::{Problem, Severity};

use crate::model::State;
use loader::Loader;

/// What becomes of a field of a Calico resource that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is a warning: real clients write fields of their own.
    #[default]
    Lenient,
    /// It is an error.
    Strict,
}

/// What documents say, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// What the documents without errors say.
    pub state: State,
    /// Errors and warnings, in the order of the sources and of the lines in them.
    pub problems: Vec<Problem>,
    /// How many documents were read, faulty ones included.
    pub documents: usize,
}

impl Loaded {
    /// Whether nothing may be made of the documents.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many problems are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }
}

/// Reads the documents of files and folders; of a folder its own `.yaml`, `.yml` and `.json` files by name.
pub fn read(paths: &[PathBuf], strictness: Strictness) -> Loaded {
    let mut loader = Loader::new(strictness);
    for path in files::listed(paths, &mut loader) {
        match files::text(&path) {
            Ok(text) => loader.add(&path.display().to_string(), &text),
            Err(fault) => loader.add_unreadable(&path.display().to_string(), fault),
        }
    }
    loader.finish()
}

/// Reads the documents of one text; a source name that ends in `.json` is read as JSON.
pub fn parse(source_name: &str, text: &str) -> Loaded {
    parse_with(source_name, text, Strictness::Lenient)
}

/// The same, with a choice of what an unknown field of a Calico resource is.
pub fn parse_with(source_name: &str, text: &str, strictness: Strictness) -> Loaded {
    let mut loader = Loader::new(strictness);
    loader.add(source_name, text);
    loader.finish()
}
