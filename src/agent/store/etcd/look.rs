//! What a store holds at a revision, to be compared with what was said until the two agree.
//!
//! The answer has the keys that changed since the last look, and how many keys there are. Where each
//! of the changed ones was said, and there are as many as were said, nothing was missed: whatever is
//! there and did not change was there at the last look.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::known::{Key, Known};

/// What a store held at a revision.
#[derive(Debug)]
pub(super) struct Look {
    /// The revision.
    pub(super) revision: i64,
    /// When the store was asked.
    pub(super) asked: Instant,
    /// The keys that changed since the last look.
    changed: BTreeMap<Key, i64>,
    count: i64,
    /// The keys that the watch changed beyond the revision, and how many more there are by that.
    later: BTreeSet<Key>,
    surplus: i64,
}

impl Look {
    /// What a store held at a revision: the keys that changed since the last look with the revisions
    /// of their last changes, and how many keys there were.
    pub(super) fn new(
        revision: i64,
        changed: impl IntoIterator<Item = (Key, i64)>,
        count: i64,
    ) -> Self {
        Self {
            revision,
            asked: Instant::now(),
            changed: changed.into_iter().collect(),
            count,
            later: BTreeSet::new(),
            surplus: 0,
        }
    }

    /// The watch told of a change, by which there are so many keys more.
    pub(super) fn turned(&mut self, key: &[u8], revision: i64, surplus: i64) {
        if revision > self.revision {
            self.later.insert(key.into());
            self.surplus += surplus;
        }
    }

    /// Whether what the store held is what was said.
    pub(super) fn agrees_with(&self, known: &Known) -> bool {
        let mut changed = self.changed.iter();
        let count = i64::try_from(known.len()).unwrap_or(i64::MAX) - self.surplus;
        count == self.count
            && changed.all(|(key, revision)| {
                self.later.contains(key) || known.revision_of(key) == Some(*revision)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::Turn;
    use super::*;

    /// What is known of `a`, `b` and `c`, complete at revision 10.
    fn known() -> Known {
        let mut known = Known::default();
        let listed = [("a", 8), ("b", 9), ("c", 10)];
        let listed = listed.map(|(key, revision)| (key.as_bytes().into(), revision));
        known.complete(10, listed.into());
        known
    }

    fn look(revision: i64, changed: &[(&str, i64)], count: i64) -> Look {
        let changed = changed.iter().map(|(key, at)| (key.as_bytes().into(), *at));
        Look::new(revision, changed, count)
    }

    #[test]
    fn what_was_said_agrees() {
        let mut known = known();
        assert!(look(10, &[], 3).agrees_with(&known));
        known.turn(b"a", Turn::Set, 11);
        known.turn(b"b", Turn::Gone, 12);
        assert!(look(12, &[("a", 11)], 2).agrees_with(&known));
    }

    #[test]
    fn an_event_that_was_lost_shows() {
        let known = known();
        assert!(!look(11, &[("a", 11)], 3).agrees_with(&known), "a change");
        assert!(!look(11, &[("d", 11)], 4).agrees_with(&known), "a new key");
        assert!(!look(11, &[], 2).agrees_with(&known), "a key that went");
        let both = look(12, &[("d", 12)], 3);
        assert!(!both.agrees_with(&known), "one went and one came");
    }

    #[test]
    fn what_the_watch_tells_beyond_the_look_is_no_difference() {
        let mut known = known();
        let mut look = look(11, &[("a", 11)], 3);
        for (key, turn, revision) in [
            ("a", Turn::Set, 11),
            ("a", Turn::Gone, 12),
            ("d", Turn::Set, 13),
            ("e", Turn::Set, 14),
        ] {
            let surplus = known.turn(key.as_bytes(), turn, revision);
            look.turned(key.as_bytes(), revision, surplus);
        }
        assert!(look.agrees_with(&known));
        known.turn(b"b", Turn::Gone, 11);
        assert!(!look.agrees_with(&known));
    }
}
