//! The last `apply`, and how it is undone: at once, or unless somebody confirms it in time.
//!
//! ```text
//! apply --> record of what was in force --> commit
//!    \----> keeper (a process of its own) --confirmed--> ends
//!                                         \--time is up, or apply died--> rolls back
//! ```
//!
//! Everything stands in the run directory, by network namespace. Whoever changes the table by `apply`
//! holds the lock, and the keeper does for as long as it waits: so a second apply is refused meanwhile.

pub mod keeper;
mod record;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

pub use record::Record;

use keeper::Wish;

use crate::backend::nft::namespace;
use crate::backend::reconcile::ReconcileError;
use crate::backend::{Backend, ObserveError};
use crate::ruleset::{ParseError, TableKey};

/// Why an apply cannot be undone or confirmed.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// A file of the run directory cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another apply is not done yet.
    #[error(
        "another apply waits to be confirmed, or is under way: `margay confirm` keeps what it did, \
         `margay rollback` undoes it"
    )]
    Taken,
    /// There is nothing to confirm.
    #[error("nothing waits to be confirmed{0}")]
    NothingWaits(String),
    /// There is nothing to undo.
    #[error("there is nothing to undo: no apply left a record of what was in force before it")]
    NothingToUndo,
    /// Somebody changed the table after the apply; what they did would be lost.
    #[error(
        "what is in force is not what the last apply left: somebody changed it since, and that would \
         be undone too; `margay apply` with the documents that should be in force is safe"
    )]
    Moved,
    /// What was kept cannot be understood.
    #[error("what was in force before the last apply cannot be read: {0}")]
    Malformed(#[from] ParseError),
    /// What is in force cannot be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The kernel does not take back what was in force.
    #[error("cannot roll back: {0}")]
    Reconcile(#[from] ReconcileError),
    /// The process that would roll back does not start, or says what makes no sense.
    #[error("the process that rolls back unless it is told to keep: {0}")]
    Keeper(String),
}

/// Where the last apply of a network namespace is remembered.
#[derive(Debug, Clone)]
pub struct Place {
    run_dir: PathBuf,
    namespace: u64,
}

/// The right to change the table by `apply`; nobody else has it meanwhile.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "a lock is held by being open")] File);

impl Place {
    /// The place of the calling thread's network namespace in a run directory, which is made.
    ///
    /// # Errors
    /// The directory cannot be made, or the namespace is not known.
    pub fn of(run_dir: &Path) -> Result<Self, UndoError> {
        let made = fs::create_dir_all(run_dir).and_then(|()| namespace());
        let namespace = made.map_err(|source| UndoError::Io {
            path: run_dir.to_owned(),
            source,
        })?;
        Ok(Self {
            run_dir: run_dir.to_owned(),
            namespace,
        })
    }

    /// Takes the right to apply.
    ///
    /// # Errors
    /// [`UndoError::Taken`], or the lock cannot be made.
    pub fn hold(&self) -> Result<Hold, UndoError> {
        let path = self.lock();
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(at(&path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Hold(file)),
            Err(Errno::WOULDBLOCK) => Err(UndoError::Taken),
            Err(error) => Err(at(&path)(error.into())),
        }
    }

    fn lock(&self) -> PathBuf {
        self.file("lock")
    }

    /// What was in force, as nft text.
    fn record(&self) -> PathBuf {
        self.file("nft")
    }

    /// What the last keeper said when it ended.
    fn log(&self) -> PathBuf {
        self.file("log")
    }

    fn socket(&self) -> PathBuf {
        self.file("ctl")
    }

    fn file(&self, extension: &str) -> PathBuf {
        let name = format!("apply-{}.{extension}", self.namespace);
        self.run_dir.join(name)
    }
}

/// Undoes the last apply of a place: by its keeper where one waits, else at once where nobody changed
/// the table since.
///
/// # Errors
/// There is nothing to undo, or the kernel does not take it.
pub fn roll_back(
    place: &Place,
    table: &TableKey,
    backend: &mut dyn Backend,
) -> Result<String, UndoError> {
    match keeper::ask(place, Wish::Rollback) {
        Err(UndoError::NothingWaits(_)) => {}
        told => return told,
    }
    let _hold = place.hold()?;
    let record = Record::of(place, table)?;
    let held = match backend.observe(table) {
        Ok(held) => held,
        Err(ObserveError::Foreign { .. }) => return Err(UndoError::Moved),
        Err(error @ ObserveError::Unreachable(_)) => return Err(error.into()),
    };
    if !record.is_followed_by(held.as_ref()) {
        return Err(UndoError::Moved);
    }
    let commit = record.put_back(backend)?;
    Record::forget(place)?;
    let transactions = commit.steps.len();
    Ok(format!("rolled back: {transactions} transactions"))
}

fn at(path: &Path) -> impl Fn(io::Error) -> UndoError {
    let path = path.to_owned();
    move |source| UndoError::Io {
        path: path.clone(),
        source,
    }
}
