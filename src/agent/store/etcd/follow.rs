//! Changes as they come, and from time to time a look whether none was missed.
//!
//! etcd 3.4 can lose events of a watch. A look tells which keys changed and at which revisions: where the
//! watch told the same, nothing was missed. A watch is not asked how far it is: etcd's proxy does not
//! answer that, and etcd before 3.4.25 may answer before it has sent what it speaks of.

use std::time::Duration;

use etcd_client::{EventType, WatchResponse};
use tokio::time::{Instant, sleep_until};

use super::Voice;
use super::ended::{Ended, is_about_length};
use super::known::{Completeness, Known, Turn};
use super::listing::change;
use super::look::Look;
use super::session::{Session, head_of};
use crate::agent::store::Content;

/// Follows changes until the session ends.
pub(super) struct Follower<'a, 'v> {
    pub(super) session: &'a mut Session,
    pub(super) known: &'a mut Known,
    pub(super) voice: &'a mut Voice<'v>,
    pub(super) compare_interval: Duration,
    /// How long a watch may take to tell what a look showed.
    pub(super) patience: Duration,
}

impl Follower<'_, '_> {
    /// Follows the changes after the revision that is known.
    pub(super) async fn follow(mut self, first_look: Instant) -> Result<(), Ended> {
        let mut watch = self.session.watch(self.known.revision()).await?;
        let mut next_look = first_look;
        let mut look: Option<Look> = None;
        loop {
            let due = look
                .as_ref()
                .map_or(next_look, |look| look.asked + self.patience);
            tokio::select! {
                // Whoever hears us may be slow: what the watch told by now is not missing.
                biased;
                message = watch.message() => {
                    let message = message.map_err(|error| match is_about_length(&error) {
                        true => Ended::Doubtful,
                        false => error.into(),
                    })?;
                    let message = message.ok_or_else(|| Ended::Lost("the watch ended".to_owned()))?;
                    let reached = self.heard(message, look.as_mut()).await?;
                    let beyond = look.as_ref().is_some_and(|look| look.revision <= reached);
                    if !self.agrees(&mut look, &mut next_look) && beyond {
                        return Err(Ended::Doubtful);
                    }
                }
                () = sleep_until(due) => {
                    // What the watch has not told by now it never will.
                    if look.is_some() {
                        return Err(Ended::Doubtful);
                    }
                    look = Some(self.look().await?);
                    self.agrees(&mut look, &mut next_look);
                }
                () = self.voice.unheard() => return Err(Ended::Unheard),
            }
        }
    }

    /// Whether there is no look, or what was said agrees with it: then the next one has time.
    fn agrees(&mut self, look: &mut Option<Look>, next_look: &mut Instant) -> bool {
        if let Some(seen) = look.take_if(|look| look.agrees_with(self.known)) {
            self.known.verify(seen.revision);
            *next_look = Instant::now() + jittered(self.compare_interval);
        }
        look.is_none()
    }

    /// Takes in what a watch says, and says it; the revision of the last change it told of, or 0.
    async fn heard(
        &mut self,
        message: WatchResponse,
        mut look: Option<&mut Look>,
    ) -> Result<i64, Ended> {
        if message.compact_revision() != 0 {
            return Err(Ended::Doubtful);
        }
        if message.canceled() {
            let why = format!("the watch was cancelled: {}", message.cancel_reason());
            return Err(Ended::Lost(why));
        }
        self.voice.connected().await?;
        let (before, mut reached) = (self.known.revision(), 0);
        let mut changes = Vec::new();
        for event in message.events() {
            let Some(pair) = event.kv().filter(|pair| pair.mod_revision() > before) else {
                continue;
            };
            let (turn, content) = match event.event_type() {
                EventType::Put => (Turn::Set, Content::Value(pair.value().to_vec())),
                EventType::Delete => (Turn::Gone, Content::Gone),
            };
            let surplus = self.known.turn(pair.key(), turn, pair.mod_revision());
            if let Some(look) = &mut look {
                look.turned(pair.key(), pair.mod_revision(), surplus);
            }
            if turn == Turn::Set {
                let (key, revision) = (pair.key(), pair.mod_revision());
                self.known.remember(key, revision, pair.value());
            }
            reached = reached.max(pair.mod_revision());
            changes.extend(change(pair.key(), content));
        }
        self.known.reached(reached);
        // With no changes nothing is said.
        self.voice.keys(changes).await?;
        Ok(reached)
    }

    /// Asks for what the store holds.
    async fn look(&mut self) -> Result<Look, Ended> {
        let answer = self.session.changed_since(self.known.verified()).await?;
        let head = head_of(answer.header())?;
        self.known.meet(head);
        if self.known.completeness() != Completeness::Complete {
            return Err(Ended::Doubtful);
        }
        let pairs = answer.kvs().iter();
        let changed = pairs.map(|pair| (pair.key().into(), pair.mod_revision()));
        Ok(Look::new(head.revision, changed, answer.count()))
    }
}

/// A time about as long, so that hosts do not all ask at once.
pub(super) fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.8 + 0.4 * fastrand::f64())
}
