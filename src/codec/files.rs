//! The paths of a command line to the texts of files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::loader::Loader;

/// Most bytes of one file, so that a device or a pipe without end is not read for ever.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The endings of files that hold documents.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The files that the paths name, each once, in the order of the paths and then of the names.
pub(super) fn listed(paths: &[PathBuf], loader: &mut Loader) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        let found = if path.is_dir() {
            folder(path)
        } else {
            Ok(vec![path.clone()])
        };
        match found {
            Ok(found) if found.is_empty() => loader.add_empty_folder(&path.display().to_string()),
            Ok(found) => files.extend(found),
            Err(error) => loader.add_unreadable(&path.display().to_string(), error.into()),
        }
    }
    files.retain(|file| seen.insert(fs::canonicalize(file).unwrap_or_else(|_| file.clone())));
    files
}

/// The files of a folder that hold documents, by name; folders in it are not entered. Files whose
/// names begin with a dot are what editors leave while they write.
///
/// # Errors
/// The folder cannot be listed.
pub fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if holds_documents(&file) && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn holds_documents(file: &Path) -> bool {
    let hidden = file
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = file.extension().and_then(|ending| ending.to_str());
    !hidden && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Why a file gives no text.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system refused.
    #[error("cannot read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is too long.
    #[error("larger than {} MiB", FILE_BYTES_MAX >> 20)]
    TooLarge,
    /// It is no text.
    #[error("not UTF-8: byte {byte:#04x} at byte {at} of the file")]
    NotUtf8 {
        /// The first wrong byte.
        byte: u8,
        /// Its offset.
        at: usize,
        /// Its line, from 1.
        line: usize,
    },
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, FileFault> {
    utf8(bytes(path)?)
}

/// The bytes of a file.
///
/// # Errors
/// The system refuses, or the file is too large.
pub fn bytes(path: &Path) -> Result<Vec<u8>, FileFault> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(FileFault::TooLarge),
        false => Ok(bytes),
    }
}

/// Bytes as text.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String, FileFault> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        FileFault::NotUtf8 {
            byte: bytes.get(at).copied().unwrap_or_default(),
            at,
            line: 1 + bytes[..at].iter().filter(|&&b| b == b'\n').count(),
        }
    })
}
