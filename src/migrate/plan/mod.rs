//! What a translation would be worth: every rule with its class, and how much of all that is.

mod coverage;
mod html;
mod json;
mod text;

pub use coverage::{Coverage, Share};

use super::acknowledged::Acknowledged;
use super::translate::{Judgement, Translation};

/// A translation, looked at before anything is done.
#[derive(Debug)]
pub struct Plan<'t> {
    /// What became of each rule.
    pub judgements: &'t [Judgement],
    /// What else a reader should know.
    pub notes: &'t [String],
    /// What somebody said about some of them.
    pub acknowledged: &'t Acknowledged,
    /// How much can be said how well.
    pub coverage: Coverage,
}

impl<'t> Plan<'t> {
    /// The plan of a translation.
    pub fn new(translation: &'t Translation, acknowledged: &'t Acknowledged) -> Self {
        Self {
            judgements: &translation.judgements,
            notes: &translation.notes,
            acknowledged,
            coverage: Coverage::of(&translation.judgements),
        }
    }

    /// The rules that stand in the way.
    pub fn open(&self) -> Vec<&'t Judgement> {
        self.acknowledged.open(self.judgements)
    }

    /// For people.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// For programs.
    pub fn json(&self) -> String {
        json::render(self)
    }

    /// A page that stands alone.
    pub fn html(&self) -> String {
        html::render(self)
    }
}
