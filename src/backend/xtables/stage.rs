//! One step of a commit, before anything of it is written.

use super::kept::Note;
use super::part::Part;
use super::{Document, lower::Touched};
use crate::ruleset::Tracked;
use crate::ruleset::transaction::Step;

/// What a step makes of the table.
#[derive(Debug)]
pub(super) struct Stage<'c> {
    pub(super) step: &'c Step,
    /// What the table was.
    pub(super) before: Before,
    /// What it is in the terms of xtables.
    pub(super) document: Document,
    /// What is written down of it, where somebody does.
    pub(super) note: Option<Note>,
}

/// What a table was before a step, as far as it is not what it is after it.
#[derive(Debug)]
pub(super) enum Before {
    /// No table was known.
    Nothing,
    /// The step touches a part of it.
    Part(Box<Part>),
    /// It touches everything.
    Whole(Box<Tracked>),
}

impl Before {
    /// Of a table that a step is to be taken on.
    pub(super) fn of(step: &Step, table: Option<&Tracked>) -> Self {
        let Some(table) = table else {
            return Self::Nothing;
        };
        match Part::of(step, table.table()) {
            Some(part) => Self::Part(Box::new(part)),
            None => Self::Whole(Box::new(table.clone())),
        }
    }

    /// What the step touches, as it is now.
    pub(super) fn after(&self, step: &Step, table: &Tracked) -> Option<Part> {
        match self {
            Self::Part(_) => Part::of(step, table.table()),
            Self::Nothing | Self::Whole(_) => None,
        }
    }

    /// The table as it was, made of what it is.
    pub(super) fn restored(self, table: Option<Tracked>) -> Option<Tracked> {
        match self {
            Self::Nothing => None,
            Self::Whole(table) => Some(*table),
            Self::Part(part) => table.map(|mut table| {
                part.put(&mut table);
                table
            }),
        }
    }
}

impl Stage<'_> {
    /// What the step touches, and is not known to be what it was.
    pub(super) fn touched(&self) -> Touched {
        Touched::by(self.step).whole()
    }
}
