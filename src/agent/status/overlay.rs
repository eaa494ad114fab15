//! What stands in the place of what the store says.

use std::time::Instant;

use serde_json::{Value, json};

use crate::agent::moment::{Moment, told};

/// What the documents of `margay apply` cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayStatus {
    /// The objects, in words.
    pub objects: Vec<String>,
    /// Since when.
    pub since: Moment,
    /// When it is undone, unless somebody confirms it.
    pub until: Option<Instant>,
}

impl OverlayStatus {
    pub(super) fn json(&self, now: Moment) -> Value {
        let left = self
            .until
            .map(|until| until.saturating_duration_since(now.monotonic));
        json!({
            "objects": self.objects,
            "since": self.since.rfc3339(),
            "rolled_back_in_seconds": left.map(|left| left.as_secs()),
        })
    }

    pub(super) fn line(&self, now: Moment) -> String {
        let fate = match self.until {
            Some(until) => format!(
                "rolled back in {} unless confirmed",
                told(until.saturating_duration_since(now.monotonic))
            ),
            None => "until `margay rollback` or a restart".to_owned(),
        };
        format!(
            "{} objects by `margay apply` {} ago, {fate}",
            self.objects.len(),
            told(self.since.age(now))
        )
    }
}
