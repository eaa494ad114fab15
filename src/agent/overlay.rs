//! What `margay apply` puts in the place of what the store says, for as long as it is not undone.
//!
//! The documents of an apply stand for the objects that they declare, whatever the store says of those
//! meanwhile; all else is the store's. What an apply puts there replaces what an earlier one did. It is
//! not written down: after a restart what the store says is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::moment::Moment;
use super::status::OverlayStatus;
use crate::model::{Event, Object};

/// What documents say in the place of the store.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    said: BTreeMap<Object, Event>,
    /// What they said before the last apply: the way back.
    before: BTreeMap<Object, Event>,
    since: Option<Moment>,
    /// When it is undone, unless it is confirmed.
    until: Option<Instant>,
}

impl Overlay {
    /// What it says of an object.
    pub fn says(&self, object: &Object) -> Option<&Event> {
        self.said.get(object)
    }

    /// What of the store's news is not covered.
    pub fn pass(&self, mut events: Vec<Event>) -> Vec<Event> {
        events.retain(|event| !self.said.contains_key(&event.object()));
        events
    }

    /// Puts other documents in the place of those that are there, and says which objects that touches,
    /// with what was said of those that are no longer covered.
    pub fn replace(&mut self, events: Vec<Event>, now: Moment) -> BTreeMap<Object, Event> {
        let events = events.into_iter().filter(Event::declares);
        let said = events.map(|event| (event.object(), event)).collect();
        if said == self.said {
            // The way back stays the one to what was before it was said first.
            return BTreeMap::new();
        }
        self.before = std::mem::replace(&mut self.said, said);
        self.since = Some(now);
        self.until = None;
        self.touched(self.before.clone())
    }

    /// Goes back to what it was earlier as a whole, and says which objects that touches.
    pub fn restore(&mut self, earlier: Self) -> BTreeMap<Object, Event> {
        let undone = std::mem::replace(self, earlier);
        self.touched(undone.said)
    }

    /// From now on it is undone at a time, unless it is confirmed.
    pub fn wait(&mut self, within: Duration, now: Instant) {
        self.until = now.checked_add(within);
    }

    /// When it is undone.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// It is not undone by itself any more. Says whether it would have been.
    pub fn confirm(&mut self) -> Option<Instant> {
        self.until.take()
    }

    /// Goes back to what was before the last apply, and says which objects that touches; nothing, where
    /// there is nothing to undo.
    pub fn undo(&mut self) -> Option<BTreeMap<Object, Event>> {
        self.until = None;
        if self.said.is_empty() && self.before.is_empty() {
            return None;
        }
        let before = std::mem::take(&mut self.before);
        let undone = std::mem::replace(&mut self.said, before);
        Some(self.touched(undone))
    }

    /// The objects that it covers.
    pub fn objects(&self) -> BTreeSet<&Object> {
        self.said.keys().collect()
    }

    /// What the agent says of it; nothing, where it covers nothing.
    pub fn status(&self) -> Option<OverlayStatus> {
        let since = self.since.filter(|_| !self.said.is_empty())?;
        Some(OverlayStatus {
            objects: self.said.keys().map(ToString::to_string).collect(),
            since,
            until: self.until,
        })
    }

    fn touched(&self, mut other: BTreeMap<Object, Event>) -> BTreeMap<Object, Event> {
        other.extend(self.said.clone());
        other
    }
}
