//! An etcd, over its v3 API: the keys with one prefix.
//!
//! ```text
//! endpoints --one at a time--> session --head--> listing (all at one revision) --> follow (from the next)
//!     ^----- backoff ------------- lost, doubtful <----------------------------------/
//! ```
//!
//! A session resumes where the last one ended. Where that cannot be relied upon (the history is
//! compacted, a backup was restored, a look showed a missed event), a complete listing shows what
//! differs, and keys that are not in it are gone.

mod backoff;
mod ended;
mod follow;
mod known;
mod listing;
mod look;
mod reporter;
mod session;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep};

use super::{KeyChange, Update};
use crate::config::{EtcdEndpoint, Secret};
use backoff::Backoff;
use ended::Ended;
use follow::{Follower, jittered};
use known::{Completeness, Known};
use session::Session;

pub use reporter::Reporter;

/// How an etcd is reached, and which of its keys are read.
#[derive(Debug, Clone)]
pub struct Etcd {
    /// Its members. One is used at a time; when it fails, the next.
    pub endpoints: Vec<EtcdEndpoint>,
    /// Where the keys begin.
    pub prefix: String,
    /// How `https` endpoints are known, and we to them.
    pub tls: Option<Tls>,
    /// A user of etcd's own, with a password.
    pub user: Option<(String, Secret)>,
    /// How long things take.
    pub pace: Pace,
}

/// How the two sides know each other. The files are read anew at each attempt.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// A file of certificates that the members' are signed by (PEM); without it, those of the system.
    pub authority: Option<PathBuf>,
    /// Our certificate and its key (PEM).
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The longest that a connection may take to be there.
    pub dial_timeout: Duration,
    /// The longest that an answer may take.
    pub request_timeout: Duration,
    /// How long a connection may be silent before the other side is asked whether it lives. An etcd
    /// hangs up on those that ask more often than its `--grpc-keepalive-min-time`, 5 s as it comes.
    pub keepalive_interval: Duration,
    /// How long it has to answer that.
    pub keepalive_timeout: Duration,
    /// How often what was said is compared with what the store holds, about. A look has the store read
    /// all keys, and answer with those that changed.
    pub compare_interval: Duration,
    /// The longest wait between two attempts.
    pub backoff_max: Duration,
    /// How many keys a page of a listing has at most.
    pub page_keys: u16,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(20),
            keepalive_interval: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(10),
            compare_interval: Duration::from_secs(300),
            backoff_max: Duration::from_secs(15),
            page_keys: 500,
        }
    }
}

impl Etcd {
    /// Says what the keys hold, and each change, until nobody listens.
    pub async fn run(self, updates: Sender<Update>) {
        let mut known = Known::default();
        let mut backoff = Backoff::new(self.pace.backoff_max);
        let mut voice = Voice {
            updates: &updates,
            standing: Standing::Unknown,
        };
        let mut turn = fastrand::usize(..self.endpoints.len().max(1));
        loop {
            let endpoint = self.endpoints.get(turn % self.endpoints.len().max(1));
            let begun = Instant::now();
            let ended = tokio::select! {
                ended = self.session(endpoint, &mut known, &mut voice) => ended,
                () = updates.closed() => return,
            };
            if begun.elapsed() > self.pace.backoff_max {
                backoff.reset();
            }
            match ended {
                Ended::Unheard => return,
                Ended::Doubtful => known.doubt(),
                Ended::Lost(why) => {
                    let at = endpoint.map_or_else(|| "no endpoint".to_owned(), ToString::to_string);
                    if voice.lost(format!("{at}: {why}")).await.is_err() {
                        return;
                    }
                    turn = turn.wrapping_add(1);
                }
            }
            tokio::select! {
                () = sleep(backoff.wait()) => {}
                () = updates.closed() => return,
            }
        }
    }

    /// One connection, for as long as it lasts.
    async fn session(
        &self,
        endpoint: Option<&EtcdEndpoint>,
        known: &mut Known,
        voice: &mut Voice<'_>,
    ) -> Ended {
        let Some(endpoint) = endpoint else {
            return Ended::Lost("none is configured".to_owned());
        };
        match self.followed(endpoint, known, voice).await {
            Ok(()) => Ended::Doubtful,
            Err(ended) => ended,
        }
    }

    async fn followed(
        &self,
        endpoint: &EtcdEndpoint,
        known: &mut Known,
        voice: &mut Voice<'_>,
    ) -> Result<(), Ended> {
        let mut session = Session::open(self, endpoint).await?;
        let head = session.head().await?;
        known.meet(head);
        if let Some(witness) = known.witness()
            && !session.has(witness).await?
        {
            known.forget_revisions();
        }
        // What happened while nobody looked is looked at before long.
        let mut first_look = Instant::now();
        if known.completeness() != Completeness::Complete {
            let page_keys = i64::from(self.pace.page_keys);
            listing::list(&mut session, known, voice, head, page_keys).await?;
            first_look += jittered(self.pace.compare_interval);
        }
        let follower = Follower {
            session: &mut session,
            known,
            voice,
            compare_interval: self.pace.compare_interval,
            patience: self.pace.request_timeout,
        };
        follower.follow(first_look).await
    }
}

/// Who is told what.
#[derive(Debug)]
struct Voice<'a> {
    updates: &'a Sender<Update>,
    standing: Standing,
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Unknown,
    Connected,
    /// With the reasons that were given since.
    Lost(BTreeSet<String>),
}

/// Most reasons that are given for one loss.
const REASONS_MAX: usize = 16;

impl Voice<'_> {
    async fn say(&self, update: Update) -> Result<(), Ended> {
        self.updates.send(update).await.map_err(|_| Ended::Unheard)
    }

    async fn keys(&self, changes: Vec<KeyChange>) -> Result<(), Ended> {
        match changes.is_empty() {
            true => Ok(()),
            false => self.say(Update::Keys(changes)).await,
        }
    }

    async fn connected(&mut self) -> Result<(), Ended> {
        if self.standing == Standing::Connected {
            return Ok(());
        }
        self.standing = Standing::Connected;
        self.say(Update::Connected).await
    }

    /// Says that the store is lost, once for each reason.
    async fn lost(&mut self, why: String) -> Result<(), Ended> {
        if !matches!(self.standing, Standing::Lost(_)) {
            self.standing = Standing::Lost(BTreeSet::new());
        }
        let is_new = match &mut self.standing {
            Standing::Lost(told) => told.len() < REASONS_MAX && told.insert(why.clone()),
            Standing::Unknown | Standing::Connected => false,
        };
        match is_new {
            true => self.say(Update::Lost { why }).await,
            false => Ok(()),
        }
    }

    async fn unheard(&self) {
        self.updates.closed().await;
    }
}
