//! What the daemon does, a round at a time: hears the store, programs the table and the host.
//!
//! ```text
//! Update --Book--> events --Dataplane--> table            (policy)
//!                            State --HostPlan--> Host     (routes, neighbours, settings)
//!                            table --Severance--> flows   (connections that policy denies now)
//! ```

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::book::Book;
use super::dataplane::{Dataplane, Done, Moved};
use super::kept::Kept;
use super::severance::Judge;
use super::store::Update;
use crate::backend::Backend;
use crate::compile::skeleton::table_key;
use crate::host::{Host, HostPlan, Look};
use crate::model::Readiness;
use crate::net::InterfaceName;

/// How soon a round that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Everything that the daemon keeps.
#[derive(Debug)]
pub struct Work<B> {
    name: String,
    book: Book,
    kept: Kept,
    dataplane: Dataplane<B>,
    host: Host,
    cuts: Cuts,
    standing: Standing,
    pending: Pending,
    /// Why the next commit is made.
    cause: Cause,
    /// The interfaces that the last plan waits for.
    waiting: BTreeSet<InterfaceName>,
    tally: Tally,
}

/// Whether connections end that policy no longer allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// They do.
    Denied,
    /// They go on, as in Felix.
    Never,
}

/// How far the store was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether everything was said at least once.
    pub sync: Sync,
    /// Why the store cannot be read at present.
    pub lost: Option<String>,
}

/// Whether everything was said at least once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// Nothing yet.
    #[default]
    Waiting,
    /// Something, but not everything.
    Listing,
    /// Everything.
    InSync,
}

/// What has to be done in the next round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Pending {
    table: Need,
    host: Need,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Need {
    #[default]
    None,
    /// As soon as may be.
    Now,
    /// Not before this: it failed.
    Later(Instant),
}

impl Need {
    fn is_due(self, now: Instant) -> bool {
        match self {
            Self::None => false,
            Self::Now => true,
            Self::Later(when) => when <= now,
        }
    }
}

/// Why a commit is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// What is known changed.
    Known,
    /// Somebody else changed the ruleset, perhaps our table.
    Others,
}

/// What was done since the start.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rounds that changed the table.
    pub commits: u64,
    /// What the last of them did.
    pub last: Option<Done>,
    /// How often what others changed was put back.
    pub repairs: u64,
    /// Connections that were cut.
    pub cut: u64,
    /// Why the last round failed.
    pub failure: Option<String>,
    /// How long it took from the start until everything was in force for the first time.
    pub first: Option<Duration>,
}

impl<B: Backend> Work<B> {
    /// Nothing heard, and the table as it was found.
    pub fn new(
        name: &str,
        (book, kept): (Book, Kept),
        (dataplane, host): (Dataplane<B>, Host),
        cuts: Cuts,
    ) -> Self {
        Self {
            name: name.to_owned(),
            book,
            kept,
            dataplane,
            host,
            cuts,
            standing: Standing::default(),
            pending: Pending::default(),
            cause: Cause::Known,
            waiting: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    /// Takes in what the store says. Nothing is programmed before the next round.
    pub fn hear(&mut self, update: Update) {
        match update {
            Update::Keys(changes) => {
                let book = &mut self.book;
                let events = changes.into_iter().flat_map(|change| book.take(change));
                let events: Vec<_> = events.collect();
                if self.standing.sync == Sync::Waiting {
                    self.standing.sync = Sync::Listing;
                }
                if !events.is_empty() {
                    self.cause = Cause::Known;
                    self.dataplane.take(events);
                    self.pending = Pending {
                        table: Need::Now,
                        host: Need::Now,
                    };
                }
                self.keep();
            }
            Update::InSync => {
                if self.standing.sync != Sync::InSync {
                    info!("everything that the store holds is known");
                    self.pending = Pending {
                        table: Need::Now,
                        host: Need::Now,
                    };
                }
                self.standing.sync = Sync::InSync;
                self.book.in_sync();
                self.keep();
            }
            Update::Connected => self.standing.lost = None,
            Update::Lost { why } => {
                warn!(%why, "the store is lost: what it said last holds");
                self.standing.lost = Some(why);
            }
        }
    }

    /// Interfaces came, went or changed.
    pub fn links_changed(&mut self) {
        self.pending.host = Need::Now;
    }

    /// Where somebody changed the ruleset, looks at the table; what they did to it is put back in the
    /// next round.
    pub fn look_if_moved(&mut self) {
        let moved = self.dataplane.look_if_moved();
        match moved {
            Ok(Moved::No) => {}
            Ok(Moved::Looked) => {
                self.pending.table = Need::Now;
                self.cause = Cause::Others;
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// Does what is due. Before everything is known, and while the store says that it is not fit to be
    /// read, that is nothing.
    pub fn round(&mut self, now: Instant) {
        if !self.may_program() {
            return;
        }
        let retries = self.dataplane.quarantine().next();
        if self.pending.table.is_due(now) || retries.is_some_and(|next| next <= now) {
            self.program(now);
        }
        if self.pending.host.is_due(now) {
            self.program_host(now);
        }
    }

    /// When there is something to do although nothing is heard.
    pub fn next(&self) -> Option<Instant> {
        let later = [self.pending.table, self.pending.host]
            .into_iter()
            .filter_map(|need| match need {
                Need::Later(when) => Some(when),
                Need::None | Need::Now => None,
            });
        later.chain(self.dataplane.quarantine().next()).min()
    }

    /// Whether everything that is known may be put in force.
    pub fn may_program(&self) -> bool {
        self.standing.sync == Sync::InSync && self.dataplane.state().readiness == Readiness::Ready
    }

    /// How far the store was heard.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What was done.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What each key said, and what was wrong with it.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The table.
    pub fn dataplane(&mut self) -> &mut Dataplane<B> {
        &mut self.dataplane
    }

    fn program(&mut self, now: Instant) {
        match self.dataplane.program(now) {
            Ok(done) => {
                self.pending.table = Need::None;
                self.tally.failure = None;
                for (object, why) in &done.aside {
                    error!(%object, %why, "put aside: the kernel does not take it");
                }
                if !done.commits.is_empty() {
                    self.committed(done);
                }
                self.cause = Cause::Known;
            }
            Err(failure) => {
                self.failed(&failure);
                self.pending.table = Need::Later(now + RETRY);
            }
        }
    }

    fn committed(&mut self, done: Done) {
        self.tally.commits += 1;
        if self.cause == Cause::Others {
            self.tally.repairs += 1;
            warn!("somebody changed our table: it is as it should be again");
        }
        info!(
            transactions = done.transactions(),
            operations = done.operations(),
            milliseconds = done.took.as_millis(),
            "committed"
        );
        if self.cuts == Cuts::Denied && done.is_visible() {
            self.cut();
        }
        self.tally.last = Some(done);
    }

    /// Ends the connections that policy no longer allows.
    fn cut(&mut self) {
        let (state, Some(table)) = (self.dataplane.state(), self.dataplane.held()) else {
            return;
        };
        let own = self.host.addresses().map(|addresses| {
            let addresses = addresses.into_iter().map(|found| found.address);
            addresses.collect()
        });
        let own = own.unwrap_or_else(|error| {
            warn!("{error}");
            BTreeSet::new()
        });
        let judge = Judge::new(state, (&self.name, own), (table_key(), table));
        match self.host.conntrack().cut(&|flow| judge.judge(flow)) {
            Ok(0) => {}
            Ok(count) => {
                self.tally.cut += u64::try_from(count).unwrap_or(u64::MAX);
                info!(count, "cut connections that policy no longer allows");
            }
            Err(error) => warn!(%error, "cannot look at connections: denied ones go on"),
        }
    }

    fn program_host(&mut self, now: Instant) {
        let plan = HostPlan::of(self.dataplane.state(), &self.name);
        match self.host.reconcile(&plan, Look::Changed) {
            Ok(report) => {
                for failure in &report.failures {
                    warn!("{failure}");
                }
                self.pending.host = match report.failures.is_empty() {
                    true => Need::None,
                    false => Need::Later(now + RETRY),
                };
                self.waiting = report.waiting;
            }
            Err(error) => {
                warn!("{error}");
                self.pending.host = Need::Later(now + RETRY);
            }
        }
    }

    /// Writes good values down that faulty ones stand for, so that a restart does not lose them.
    fn keep(&mut self) {
        if let Err(error) = self.kept.save(&self.book) {
            warn!("{error}");
        }
    }

    fn failed(&mut self, failure: &super::dataplane::Failure) {
        error!("{failure}");
        self.tally.failure = Some(failure.to_string());
    }
}
