//! A complete listing of a store, page by page, all as of one revision.

use std::collections::BTreeMap;

use super::Voice;
use super::ended::Ended;
use super::known::{Completeness, Head, Key, Known};
use super::session::Session;
use crate::agent::store::{Content, KeyChange, Update};

/// Lists all keys, and says what was not said.
///
/// The first time each page is said as it comes. Later what differs is said as one step, keys that
/// are gone among it, and only when all of it is known.
pub(super) async fn list(
    session: &mut Session,
    known: &mut Known,
    voice: &mut Voice<'_>,
    head: Head,
    page_keys: i64,
) -> Result<(), Ended> {
    voice.say(Update::Listing).await?;
    let is_first = known.completeness() == Completeness::Partial;
    let mut listed = BTreeMap::new();
    let mut differences = Vec::new();
    let mut pages = Pages {
        revision: head.revision,
        from: session.prefix().to_vec(),
        limit: page_keys.max(1),
    };
    while let Some(page) = pages.next(session).await? {
        let mut revisions = Vec::with_capacity(page.len());
        for (key, revision, content) in page {
            if let Content::Value(value) = &content {
                known.remember(&key, revision, value);
            }
            if known.revision_of(&key) != Some(revision) {
                differences.extend(change(&key, content));
            }
            revisions.push((key, revision));
        }
        if is_first {
            voice.keys(std::mem::take(&mut differences)).await?;
            known.said(revisions.iter().cloned());
        }
        listed.extend(revisions);
    }
    if listed.is_empty() && known.len() > 0 {
        // A store that was begun anew says the same: policy is not taken away for that.
        let why = "it holds no key of ours any more: what it said last holds".to_owned();
        return Err(Ended::Lost(why));
    }
    let gone = known.keys().filter(|key| !listed.contains_key(*key));
    differences.extend(gone.filter_map(|key| change(key, Content::Gone)));
    voice.connected().await?;
    voice.keys(differences).await?;
    // Not before: what a listing that broke off has shown was not said.
    known.complete(head.revision, listed);
    voice.say(Update::InSync).await
}

/// What becomes of a key; one that is no text is none of ours.
pub(super) fn change(key: &[u8], content: Content) -> Option<KeyChange> {
    let key = std::str::from_utf8(key).ok()?.to_owned();
    Some(KeyChange { key, content })
}

/// A key, the revision of its last change, and what it says.
type Entry = (Key, i64, Content);

struct Pages {
    revision: i64,
    from: Vec<u8>,
    limit: i64,
}

impl Pages {
    /// The next page, if there is one. Pages that are too long become shorter; a value that is too
    /// long by itself cannot be read.
    async fn next(&mut self, session: &mut Session) -> Result<Option<Vec<Entry>>, Ended> {
        let page = loop {
            let from = self.from.clone();
            match session.page(from, self.revision, self.limit).await? {
                Ok(mut answer) => {
                    let pairs = answer.take_kvs().into_iter();
                    let entries = pairs.map(|pair| {
                        let revision = pair.mod_revision();
                        let (key, value) = pair.into_key_value();
                        (key.into_boxed_slice(), revision, Content::Value(value))
                    });
                    break entries.collect::<Vec<_>>();
                }
                Err(_) if self.limit > 1 => self.limit = (self.limit / 2).max(1),
                Err(_) => break self.unreadable(session).await?,
            }
        };
        let Some((last, ..)) = page.last() else {
            return Ok(None);
        };
        self.from = [last, &[0][..]].concat();
        Ok(Some(page))
    }

    async fn unreadable(&self, session: &mut Session) -> Result<Vec<Entry>, Ended> {
        let answer = session.key(self.from.clone(), self.revision).await?;
        let entries = answer.kvs().iter().map(|pair| {
            let why = Content::Unreadable("too large to be read from etcd".to_owned());
            (pair.key().into(), pair.mod_revision(), why)
        });
        Ok(entries.collect())
    }
}
