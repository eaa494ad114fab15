//! The table that the rules in the kernel were made of, as nft text, for whoever comes after us.
//!
//! Rules of xtables cannot be turned back into it. So it is written down beside them, and believed
//! only where what it becomes is what the kernel holds.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{FdFlags, fcntl_setfd};

use super::said::Said;
use crate::backend::nft::namespace;
use crate::backend::private;
use crate::ruleset::{Ruleset, Table, TableKey, parse};

/// The file of one network namespace.
#[derive(Debug)]
pub(super) struct Kept(PathBuf);

impl Kept {
    /// The file in a run directory, of the calling thread's network namespace.
    pub(super) fn of(run_dir: &Path) -> io::Result<Self> {
        let name = format!("xtables-{}.nft", namespace()?);
        Ok(Self(run_dir.join(name)))
    }

    /// The right to write, for as long as it is open, also in a program that outlives us: whoever comes
    /// after a process that was killed waits until the last program that it started has ended.
    pub(super) fn hold(&self) -> io::Result<File> {
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.0.with_extension("lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        fcntl_setfd(&lock, FdFlags::empty())?;
        Ok(lock)
    }

    /// Waits until nobody writes.
    pub(super) fn wait(&self) {
        if self.0.with_extension("lock").exists() {
            let _held = self.hold();
        }
    }

    /// Whether something was written down.
    pub(super) fn is_there(&self) -> bool {
        self.0.exists() || self.next().exists()
    }

    /// What was in force when somebody wrote last, or before that, if it can be read.
    pub(super) fn read(&self, key: &TableKey) -> Option<Table> {
        read(&self.0, key)
    }

    /// What was to be made of it, where somebody did not come so far.
    pub(super) fn intended(&self, key: &TableKey) -> Option<Table> {
        read(&self.next(), key)
    }

    /// Writes down what is to be in force, before anything is done for it.
    pub(super) fn intend(&self, key: &TableKey, table: &Table) -> io::Result<()> {
        let ruleset = Ruleset {
            tables: [(key.clone(), table.clone())].into(),
        };
        self.put(&self.next(), &ruleset.to_string())
    }

    /// It is in force.
    pub(super) fn reach(&self) -> io::Result<()> {
        fs::rename(self.next(), &self.0)
    }

    /// How the kernel said our rules when they were written.
    pub(super) fn said(&self) -> Said {
        let text = fs::read_to_string(self.words()).unwrap_or_default();
        Said::read(&text)
    }

    /// Writes that down.
    pub(super) fn say(&self, said: &Said) -> io::Result<()> {
        match *said == Said::default() {
            true => private::gone(&self.words()),
            false => self.put(&self.words(), &said.text()),
        }
    }

    fn words(&self) -> PathBuf {
        self.0.with_extension("said")
    }

    fn next(&self) -> PathBuf {
        self.0.with_extension("next.nft")
    }

    /// Writes a file, in one piece.
    fn put(&self, under: &Path, text: &str) -> io::Result<()> {
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder)?;
        }
        private::put(under, text)
    }

    /// Forgets it.
    pub(super) fn forget(&self) -> io::Result<()> {
        for file in [&self.words(), &self.next(), &self.0] {
            private::gone(file)?;
        }
        Ok(())
    }
}

fn read(file: &Path, key: &TableKey) -> Option<Table> {
    let text = fs::read_to_string(file).ok()?;
    let ruleset = parse(&file.display().to_string(), &text);
    ruleset.ok()?.tables.remove(key)
}
