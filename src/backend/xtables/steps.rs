//! The steps that were taken since a table was written down whole, one behind the other.
//!
//! ```text
//! # after HASH        of the text of the whole table
//!
//! # step
//! PART                what the step touches, as it is when it was taken
//! # done
//! ```

use super::name::hash;
use super::part::Part;
use crate::ruleset::{TableKey, Tracked};

/// How a step begins. The line before it may be what somebody wrote who was killed.
const STEP: &str = "\n# step\n";

/// The line at the end of one.
const DONE: &str = "# done";

/// The first line behind a whole table of this text.
pub(super) fn heading(whole: &str) -> String {
    format!("# after {}\n", hash(whole, 32))
}

/// A step that begins.
pub(super) fn begun(part: &Part, key: &TableKey) -> String {
    format!("{STEP}{}", part.text(key))
}

/// Its end.
pub(super) fn done() -> String {
    format!("{DONE}\n")
}

/// The steps of a text.
#[derive(Debug, Default)]
pub(super) struct Steps<'t> {
    /// Those that were taken.
    taken: Vec<&'t str>,
    /// The last one, where nobody came to its end.
    begun: Option<&'t str>,
}

impl<'t> Steps<'t> {
    /// Those behind the whole table of this text.
    pub(super) fn read(text: &'t str, whole: &str) -> Self {
        let mut steps = Self::default();
        let Some(all) = text.strip_prefix(&heading(whole)) else {
            return steps;
        };
        for step in all.split(STEP).skip(1) {
            // One before it that nobody came to the end of was taken back.
            steps.begun = None;
            match step.trim_end().strip_suffix(DONE) {
                Some(taken) => steps.taken.push(taken),
                None => steps.begun = Some(step),
            }
        }
        steps
    }

    /// Takes those that were taken; `None` where one cannot be read.
    pub(super) fn take(&self, table: &mut Tracked, key: &TableKey) -> Option<()> {
        for step in &self.taken {
            Part::read(step, key)?.put(table);
        }
        Some(())
    }

    /// Takes the one that was begun, if there is one that can be read.
    pub(super) fn go_on(&self, table: &mut Tracked, key: &TableKey) -> Option<()> {
        Part::read(self.begun?, key)?.put(table);
        Some(())
    }
}
