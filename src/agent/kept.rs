//! Good values that outlive the process: a file of JSON lines, each a key and its value.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::book::Book;

/// The name of the file in the directory of the state.
const FILE: &str = "last-good.jsonl";

/// Why good values cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}: faulty values would be as if absent after a restart")]
pub struct KeepError {
    /// The file.
    path: String,
    /// What the system says.
    error: io::Error,
}

/// A file of good values whose keys have faulty ones at present.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    /// What the file holds, as far as is known.
    written: Option<Vec<u8>>,
}

impl Kept {
    /// The file in a directory, and what it holds. A line that does not parse is left out, as a file
    /// that is not there or cannot be read: then such a key has no good value.
    pub fn open(directory: &Path) -> (Self, BTreeMap<String, Vec<u8>>) {
        let path = directory.join(FILE);
        let written = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Vec::new()),
            Err(error) => {
                warn!("{}", failed(&path, error));
                None
            }
        };
        let lines = written
            .iter()
            .flat_map(|bytes| bytes.split(|b| *b == b'\n'));
        let values = lines.filter_map(|line| serde_json::from_slice::<(String, String)>(line).ok());
        let values = values.map(|(key, value)| (key, value.into_bytes()));
        let values = values.collect();
        (Self { path, written }, values)
    }

    /// Writes what a book holds in the place of faulty values, if it is not what the file holds. Whoever
    /// reads it finds the old content or the new.
    ///
    /// # Errors
    /// The system refuses; the file is as it was.
    pub fn save(&mut self, book: &Book) -> Result<(), KeepError> {
        let bytes = lines(book);
        if self.written.as_ref() == Some(&bytes) {
            return Ok(());
        }
        replace(&self.path, &bytes).map_err(|error| failed(&self.path, error))?;
        self.written = Some(bytes);
        Ok(())
    }
}

fn lines(book: &Book) -> Vec<u8> {
    // A value that parsed is text.
    let held: BTreeMap<_, _> = book.held().collect();
    let texts = held
        .into_iter()
        .filter_map(|(key, value)| Some((key, std::str::from_utf8(value).ok()?)));
    let mut bytes = Vec::new();
    for line in texts.filter_map(|line| serde_json::to_vec(&line).ok()) {
        bytes.extend(line);
        bytes.push(b'\n');
    }
    bytes
}

/// Puts a file in the place of another, on the disk before the name is its. The directory is made.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(directory)?;
    }
    let new = path.with_extension("jsonl.new");
    // What an earlier attempt left may have another mode.
    let _absent = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    // Values may say what not everybody may know.
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn failed(path: &Path, error: io::Error) -> KeepError {
    let path = path.display().to_string();
    KeepError { path, error }
}
