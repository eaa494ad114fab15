//! What the daemon does, a round at a time: hears the store, programs the table and the host.
//!
//! ```text
//! Update --Book--> events --Dataplane--> table            (policy)
//!                            State --HostPlan--> Host     (routes, neighbours, settings)
//!                            table --Severance--> flows   (connections that policy denies now)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::book::Book;
use super::dataplane::{Dataplane, Done, Failure, Moved};
use super::kept::Kept;
use super::metrics::counts::Counts;
use super::moment::Moment;
use super::severance::Judge;
use super::status::{EndpointState, EndpointStatus, StoreLink, Sync, TableHold, TableStatus};
use super::store::Update;
use super::voice::Voice;
use crate::backend::Backend;
use crate::codec::{Problem, Severity};
use crate::compile::skeleton::table_key;
use crate::host::{Host, HostPlan, Look};
use crate::model::{EndpointName, Event, Object, Readiness, State};
use crate::net::InterfaceName;

/// How soon a round that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Everything that the daemon keeps.
#[derive(Debug)]
pub struct Work<B> {
    voice: Voice,
    book: Book,
    kept: Kept,
    dataplane: Dataplane<B>,
    host: Host,
    cuts: Cuts,
    pending: Pending,
    /// What the next round looks at of interfaces.
    host_look: Look,
    /// Whether what is known has to be counted again.
    count: Need,
    /// Whether the store may say something else of the daemon itself.
    configuration: Need,
    /// Why the next commit is made.
    cause: Cause,
    /// The interfaces that the last plan waits for.
    waiting: BTreeSet<InterfaceName>,
}

/// Whether connections end that policy no longer allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// They do.
    Denied,
    /// They go on, as in Felix.
    Never,
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

/// Lines by key.
type Said = BTreeMap<String, Vec<String>>;

/// Whether an event may change what the store says of the daemon itself.
fn configures(event: &Event) -> bool {
    let object = event.object();
    matches!(
        object,
        Object::Configuration(_) | Object::Node(_) | Object::Settings
    )
}

impl<B: Backend> Work<B> {
    /// Nothing heard, and the table as it was found.
    pub fn new(
        voice: Voice,
        (book, kept): (Book, Kept),
        (dataplane, host): (Dataplane<B>, Host),
        cuts: Cuts,
    ) -> Self {
        Self {
            voice,
            book,
            kept,
            dataplane,
            host,
            cuts,
            pending: Pending::default(),
            host_look: Look::Changed,
            count: Need::Now,
            configuration: Need::None,
            cause: Cause::Known,
            waiting: BTreeSet::new(),
        }
    }

    /// Takes in what the store says. Nothing is programmed before the next round.
    pub fn hear(&mut self, update: Update) {
        self.take(update);
        self.weigh();
    }

    /// What the store says, where it may have changed what it says of the daemon itself.
    pub fn configured(&mut self) -> Option<&State> {
        let known = self.may_program() && self.configuration == Need::Now;
        known.then(|| {
            self.configuration = Need::None;
            self.dataplane.state()
        })
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Keys(changes) => {
                let book = &mut self.book;
                let events = changes.into_iter().flat_map(|change| book.take(change));
                let events: Vec<_> = events.collect();
                if self.voice.status().sync == Sync::Waiting {
                    self.voice.status().sync = Sync::Listing;
                    self.voice.metrics().resync_started();
                }
                if !events.is_empty() {
                    self.cause = Cause::Known;
                    self.count = Need::Now;
                    let begun = Instant::now();
                    if events.iter().any(configures) {
                        self.configuration = Need::Now;
                    }
                    self.dataplane.take(events.clone());
                    self.voice.metrics().updated(&events, begun.elapsed());
                    self.pending = Pending {
                        table: Need::Now,
                        host: Need::Now,
                    };
                }
                self.keep();
            }
            Update::InSync => {
                if self.voice.status().sync != Sync::InSync {
                    info!("everything that the store holds is known");
                    self.pending = Pending {
                        table: Need::Now,
                        host: Need::Now,
                    };
                }
                self.voice.status().sync = Sync::InSync;
                self.book.in_sync();
                self.configuration = Need::Now;
                self.keep();
            }
            Update::Connected => self.voice.status().store.link = StoreLink::Connected,
            Update::Lost { why } => {
                warn!(%why, "the store is lost: what it said last holds");
                let since = Moment::now();
                self.voice.status().store.link = StoreLink::Lost { why, since };
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
        let moved = match self.may_program() {
            true => self.dataplane.look_if_moved(),
            false => self.dataplane.hold(),
        };
        match moved {
            Ok(Moved::No) => {}
            Ok(Moved::Looked) => self.looked(),
            Err(failure) => self.look_failed(&failure),
        }
    }

    /// Looks at all that is programmed, whether or not anybody is known to have changed it.
    pub fn look_at_all(&mut self) {
        match self.dataplane.look() {
            Ok(()) => self.looked(),
            Err(failure) => self.look_failed(&failure),
        }
        self.pending.host = Need::Now;
        self.host_look = Look::Everything;
    }

    /// Counts what is known, if it changed. It looks at every endpoint, so it is not done in each round.
    pub fn count(&mut self) {
        if self.count == Need::Now {
            let policies = self.dataplane.policies_in_use();
            let counts = Counts::of(self.dataplane.state(), policies);
            self.voice.metrics().counted(&counts);
            self.count = Need::None;
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
        if !self.may_program() {
            return None;
        }
        let later = [self.pending.table, self.pending.host]
            .into_iter()
            .filter_map(|need| match need {
                Need::Later(when) => Some(when),
                Need::None | Need::Now => None,
            });
        later.chain(self.dataplane.quarantine().next()).min()
    }

    /// What it says of itself.
    pub fn voice(&mut self) -> &mut Voice {
        &mut self.voice
    }

    /// Says how everything is.
    pub fn publish(&mut self) {
        let hold = match self.dataplane.is_owned() {
            true => TableHold::Owned,
            false => TableHold::Shared,
        };
        let table = self.dataplane.held();
        let table = table.map_or_else(TableStatus::default, |table| TableStatus::of(table, hold));
        let endpoints = self.endpoints();
        let aside = self.dataplane.quarantine().iter();
        let aside = aside.map(|(object, aside)| (object.to_string(), aside.why.clone()));
        let aside = aside.collect();
        let (errors, warnings) = self.problems();
        let status = self.voice.status();
        status.table = table;
        status.endpoints = endpoints;
        status.aside = aside;
        status.problems = errors;
        status.warnings = warnings;
        self.voice.publish();
    }

    /// What is wrong with values that are not used, and what is odd about those that are.
    fn problems(&self) -> (Said, Said) {
        let all = self.book.problems();
        let (errors, warnings): (Vec<_>, Vec<_>) = all.partition(|(_, problems)| {
            let mut problems = problems.iter();
            problems.any(|problem| problem.severity == Severity::Error)
        });
        let said = |problems: Vec<(&str, &[Problem])>| {
            let problems = problems.into_iter().map(|(key, problems)| {
                let problems = problems.iter().map(ToString::to_string).collect();
                (key.to_owned(), problems)
            });
            problems.collect()
        };
        (said(errors), said(warnings))
    }

    /// Whether the store is fit to be read, once it is known.
    fn weigh(&mut self) {
        let readiness = match self.book.is_blank() {
            true => Readiness::NotReady,
            false => self.dataplane.state().readiness,
        };
        let sync = &mut self.voice.status().sync;
        *sync = match (*sync, readiness) {
            (Sync::InSync, Readiness::NotReady) => Sync::NotReady,
            (Sync::NotReady, Readiness::Ready) => Sync::InSync,
            (sync, Readiness::Ready | Readiness::NotReady) => sync,
        };
    }

    /// The endpoints of this host, and whether packets pass them.
    fn endpoints(&self) -> BTreeMap<EndpointName, EndpointStatus> {
        let state = self.dataplane.state();
        let host = &self.voice.last().host;
        let local = state.endpoints.values().filter(|e| e.host == *host);
        let status = local.map(|endpoint| {
            let object = Object::Endpoint(endpoint.name.clone());
            let state = match () {
                () if self.dataplane.quarantine().holds(&object) => EndpointState::Error,
                () if self.waiting.contains(&endpoint.interface) => EndpointState::Down,
                () => EndpointState::Up,
            };
            let interface = endpoint.interface.clone();
            (endpoint.name.clone(), EndpointStatus { interface, state })
        });
        status.collect()
    }

    /// Whether everything that is known may be put in force.
    fn may_program(&self) -> bool {
        self.voice.sync() == Sync::InSync
    }

    fn program(&mut self, now: Instant) {
        match self.dataplane.program(now) {
            Ok(done) => {
                self.pending.table = Need::None;
                self.voice.status().done(&done, Moment::now());
                self.voice.metrics().committed(&done);
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
        if self.cause == Cause::Others {
            self.voice.status().repaired(Moment::now());
            self.voice.metrics().repaired();
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
        let judge = Judge::new(state, (&self.voice.last().host, own), (table_key(), table));
        match self.host.conntrack().cut(&|flow| judge.judge(flow)) {
            Ok(0) => {}
            Ok(count) => {
                self.voice.metrics().flows_cut(count);
                info!(count, "cut connections that policy no longer allows");
            }
            Err(error) => warn!(%error, "cannot look at connections: denied ones go on"),
        }
    }

    fn program_host(&mut self, now: Instant) {
        let plan = HostPlan::of(self.dataplane.state(), &self.voice.last().host);
        match self.host.reconcile(&plan, self.host_look) {
            Ok(report) => {
                for failure in &report.failures {
                    warn!("{failure}");
                }
                self.pending.host = match report.failures.is_empty() {
                    true => Need::None,
                    false => Need::Later(now + RETRY),
                };
                self.waiting = report.waiting;
                self.host_look = Look::Changed;
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

    fn looked(&mut self) {
        self.pending.table = Need::Now;
        self.cause = Cause::Others;
    }

    /// A failure holds until a round goes well, so there is to be one.
    fn look_failed(&mut self, failure: &Failure) {
        self.failed(failure);
        self.pending.table = Need::Later(Instant::now() + RETRY);
    }

    fn failed(&mut self, failure: &Failure) {
        error!("{failure}");
        self.voice.metrics().failed(failure);
        self.voice
            .status()
            .failed(failure.to_string(), Moment::now());
    }
}
