//! A run in a folder: lines for programs, and three forms of them for people.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::measurement::Run;
use super::outline::Outline;
use super::{csv, html, jsonl, markdown};

/// The lines, of which all else is made.
pub const LINES: &str = "results.jsonl";

/// A run that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has a line that is none of ours.
    #[error(transparent)]
    Line(#[from] jsonl::LineError),
    /// A file or its folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritten {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes a run as lines, table, page of text and page, and gives their paths. The folder is made where it
/// is missing.
pub fn write(run: &Run, folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let lines = file(folder, LINES, &jsonl::write(run))?;
    let mut written = vec![lines];
    written.extend(report(run, folder)?);
    Ok(written)
}

/// Writes what is made of a run's lines, and gives the paths.
pub fn report(run: &Run, folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let outline = Outline::of(run);
    let files = [
        ("results.csv", csv::render(&outline)),
        ("results.md", markdown::render(run, &outline)),
        ("report.html", html::render(run, &outline)),
    ];
    files
        .iter()
        .map(|(name, text)| file(folder, name, text))
        .collect()
}

/// Reads a run from its lines: a file, or a folder with `results.jsonl`.
pub fn read(path: &Path) -> Result<Run, FolderError> {
    let path = match path.is_dir() {
        true => path.join(LINES),
        false => path.to_owned(),
    };
    let text = fs::read_to_string(&path).map_err(|source| FolderError::Unreadable {
        path: path.clone(),
        source,
    })?;
    Ok(jsonl::read(&path.display().to_string(), &text)?)
}

fn file(folder: &Path, name: &str, text: &str) -> Result<PathBuf, FolderError> {
    let path = folder.join(name);
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(FolderError::Unwritten { path, source }),
    }
}
