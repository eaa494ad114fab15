//! Programs that stand before those of the host, and let through what they do not spoil.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// A folder with a program in it.
#[derive(Debug)]
pub(crate) struct Fake(TempDir);

impl Fake {
    /// A program of a name, in the words of a shell. By its own name it finds the host's: what it is run with
    /// has no such folder in its `PATH`.
    pub(crate) fn new(name: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// A `PATH` in which it comes first.
    pub(crate) fn path(&self) -> String {
        let host = std::env::var("PATH").unwrap_or_default();
        format!("{}:{host}", self.0.path().display())
    }
}
