//! What a store said so far.

use std::collections::BTreeMap;
use std::time::Duration;

use margay::agent::store::{Content, KeyChange, Update};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a store said so far.
#[derive(Debug)]
pub(super) struct Heard {
    updates: Receiver<Update>,
    /// What each key says.
    pub(super) keys: BTreeMap<String, Content>,
    /// Everything, one after the other.
    pub(super) log: Vec<Update>,
}

impl Heard {
    pub(super) fn new(updates: Receiver<Update>) -> Self {
        Self {
            updates,
            keys: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// The next update.
    pub(super) async fn next(&mut self) -> Update {
        let next = timeout(PATIENCE, self.updates.recv()).await;
        let update = next
            .unwrap_or_else(|_| panic!("nothing more is said after {:#?}", self.tail()))
            .expect("the store runs");
        self.log.push(update.clone());
        if let Update::Keys(changes) = &update {
            for KeyChange { key, content } in changes.iter().cloned() {
                match content {
                    Content::Gone => drop(self.keys.remove(&key)),
                    Content::Value(_) | Content::Unreadable(_) => {
                        drop(self.keys.insert(key, content));
                    }
                }
            }
        }
        update
    }

    /// Hears until something holds.
    pub(super) async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            self.next().await;
        }
    }

    pub(super) async fn until_in_sync(&mut self) {
        while self.next().await != Update::InSync {}
    }

    pub(super) async fn until_lost(&mut self) -> String {
        loop {
            if let Update::Lost { why } = self.next().await {
                return why;
            }
        }
    }

    /// Whether nothing is said for a time.
    pub(super) async fn is_silent_for(&mut self, time: Duration) -> bool {
        timeout(time, self.updates.recv()).await.is_err()
    }

    /// The value of a key whose name ends so.
    pub(super) fn value(&self, ending: &str) -> Option<&str> {
        let mut all = self.keys.iter();
        let (_, content) = all.find(|(key, _)| key.ends_with(ending))?;
        match content {
            Content::Value(value) => std::str::from_utf8(value).ok(),
            Content::Unreadable(why) => Some(why),
            Content::Gone => None,
        }
    }

    /// Whether a key was ever said to be gone.
    pub(super) fn was_gone(&self, ending: &str) -> bool {
        self.log.iter().any(|update| match update {
            Update::Keys(changes) => changes
                .iter()
                .any(|change| change.content == Content::Gone && change.key.ends_with(ending)),
            Update::Listing | Update::InSync | Update::Connected | Update::Lost { .. } => false,
        })
    }

    fn tail(&self) -> &[Update] {
        &self.log[self.log.len().saturating_sub(5)..]
    }
}
