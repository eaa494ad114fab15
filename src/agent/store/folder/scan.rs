//! One complete look at a folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::agent::store::Content;
use crate::codec::files::{self, FileFault};

/// What each file says, by its path.
pub(super) type Scan = BTreeMap<String, Content>;

/// Reads all files of a folder, or the one file.
///
/// # Errors
/// The folder or the file is not there, or the folder cannot be listed.
pub(super) fn scan(path: &Path) -> io::Result<Scan> {
    let listed = match std::fs::metadata(path)?.is_dir() {
        true => files::folder(path)?,
        false => vec![path.to_owned()],
    };
    Ok(listed.into_iter().filter_map(file).collect())
}

/// What a file says; one that went away since it was listed is not there.
fn file(path: PathBuf) -> Option<(String, Content)> {
    let content = match files::bytes(&path) {
        Ok(bytes) => Content::Value(bytes),
        Err(FileFault::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
            return None;
        }
        Err(fault) => Content::Unreadable(fault.to_string()),
    };
    Some((path.display().to_string(), content))
}
