//! What was in force before an apply: nft text, so that an operator can read it too.

use std::fs;
use std::io::ErrorKind;

use super::{Place, UndoError, at};
use crate::backend::reconcile::{ReconcileError, reconcile, removal};
use crate::backend::{Backend, private};
use crate::ruleset::diff::normalised;
use crate::ruleset::digest::Digest;
use crate::ruleset::transaction::Commit;
use crate::ruleset::{Ruleset, Table, TableKey, Tracked, parse};

/// How the line begins that says what the apply left in force.
const LEFT: &str = "# left ";

/// What was in force before an apply, and what the apply made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    table: TableKey,
    /// `None` where there was no table.
    before: Option<Table>,
    /// The digest of what the apply left.
    left: String,
}

impl Record {
    /// A record of an apply that makes one table of another.
    pub fn new(table: TableKey, before: Option<&Table>, desired: &Table) -> Self {
        Self {
            table,
            before: before.map(normalised),
            left: Digest::of(desired).to_string(),
        }
    }

    /// Puts the record in the place of the one of an earlier apply.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, place: &Place) -> Result<(), UndoError> {
        let path = place.record();
        private::put(&path, &self.text()).map_err(at(&path))
    }

    /// The record of the last apply.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn of(place: &Place, table: &TableKey) -> Result<Self, UndoError> {
        let path = place.record();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(UndoError::NothingToUndo);
            }
            Err(error) => return Err(at(&path)(error)),
        };
        let left = text.lines().find_map(|line| line.strip_prefix(LEFT));
        let left = left.unwrap_or_default().to_owned();
        let mut ruleset = parse(&path.display().to_string(), &text)?;
        Ok(Self {
            table: table.clone(),
            before: ruleset.tables.remove(table),
            left,
        })
    }

    /// Forgets the last apply: what was in force before it is not what the next one should return to.
    ///
    /// # Errors
    /// The file stays.
    pub fn forget(place: &Place) -> Result<(), UndoError> {
        let path = place.record();
        private::gone(&path).map_err(at(&path))
    }

    /// Whether a table is what the apply left.
    pub fn is_followed_by(&self, held: Option<&Table>) -> bool {
        held.is_some_and(|held| Digest::of(&normalised(held)).to_string() == self.left)
    }

    /// Brings the table back to what it was, by the same safe steps as any other change.
    ///
    /// # Errors
    /// The kernel cannot be read, or refuses.
    pub fn put_back(&self, backend: &mut dyn Backend) -> Result<Commit, ReconcileError> {
        match &self.before {
            Some(before) => reconcile(backend, &self.table, &Tracked::from(before.clone())),
            None => {
                let commit = match backend.observe(&self.table) {
                    // The apply came to nothing.
                    Ok(None) => Commit {
                        table: self.table.clone(),
                        steps: Vec::new(),
                    },
                    Ok(Some(_)) | Err(_) => removal(&self.table),
                };
                backend.commit(&commit)?;
                Ok(commit)
            }
        }
    }

    fn text(&self) -> String {
        let tables = self.before.iter();
        let tables = tables.map(|before| (self.table.clone(), before.clone()));
        let ruleset = Ruleset {
            tables: tables.collect(),
        };
        format!(
            "# what was in force before the last `margay apply`\n{LEFT}{}\n{ruleset}",
            self.left
        )
    }
}
