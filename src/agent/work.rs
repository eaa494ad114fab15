//! What the daemon does, a round at a time: hears the store, programs the table and the host.
//!
//! ```text
//! Update --Book--> events --Dataplane--> table            (policy)
//!                            State --HostPlan--> Host     (routes, neighbours, settings)
//!                            table --Severance--> flows   (connections that policy denies now)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tracing::{error, info, warn};

use super::book::Book;
use super::dataplane::{Dataplane, Done, Failure, Moved};
use super::ground::Ground;
use super::journal::Changed;
use super::kept::Kept;
use super::metrics::counts::Counts;
use super::moment::Moment;
use super::need::{Need, Patience};
use super::overlay::Overlay;
use super::severance::{Cuts, Severance};
use super::status::{StoreLink, Sync, TableHold, TableStatus};
use super::store::Update;
use super::voice::Voice;
use crate::backend::Backend;
use crate::codec::{Problem, Severity};
use crate::host::{Host, LinkEvent};
use crate::model::{Event, Object, Readiness, State};

/// Everything that the daemon keeps.
#[derive(Debug)]
pub struct Work<B> {
    voice: Voice,
    book: Book,
    overlay: Overlay,
    /// What is known, and was said, to be declared by more than one document.
    contested: BTreeSet<Object>,
    kept: Kept,
    dataplane: Dataplane<B>,
    ground: Ground,
    severance: Severance,
    /// When the table is to be brought to what is known.
    table: Need,
    /// Whether what is known has to be counted again.
    count: Need,
    /// Whether the store may say something else of the daemon itself.
    configuration: Need,
    /// Why the next commit is made.
    cause: Cause,
    /// How soon a round that failed is tried again.
    patience: Patience,
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
        let name = voice.last().host.clone();
        let mut ground = Ground::new(host, &name);
        ground.set(&dataplane.state().settings_of(&name));
        Self {
            voice,
            book,
            overlay: Overlay::default(),
            contested: BTreeSet::new(),
            kept,
            dataplane,
            ground,
            severance: Severance::new(cuts),
            table: Need::None,
            count: Need::Now,
            configuration: Need::None,
            cause: Cause::Known,
            patience: Patience::default(),
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
                self.changed(self.overlay.pass(events));
                self.compare();
                self.keep();
            }
            Update::Listing => {
                self.voice.metrics().resync_started();
                if self.voice.status().sync == Sync::Waiting {
                    self.voice.status().sync = Sync::Listing;
                }
            }
            Update::InSync => {
                if self.voice.status().sync != Sync::InSync {
                    info!("everything that the store holds is known");
                    self.table = Need::Now;
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

    /// Takes in what is known now. Nothing is programmed before the next round.
    pub(super) fn changed(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        self.cause = Cause::Known;
        self.count = Need::Now;
        if events.iter().any(configures) {
            self.configuration = Need::Now;
        }
        let begun = Instant::now();
        self.dataplane.take(events.clone());
        self.voice.metrics().updated(&events, begun.elapsed());
        self.table = Need::Now;
        self.learn();
    }

    /// What counts of an object: what covers the store, what the store says, or that what was said of
    /// it is undone.
    pub(super) fn counts(&self, object: &Object, said: Event) -> Event {
        let covered = self.overlay.says(object).cloned();
        let counts = covered.or_else(|| self.book.says(object));
        counts.unwrap_or_else(|| said.undone())
    }

    /// What the store says of an object.
    pub(super) fn stored(&self, object: &Object) -> Option<Event> {
        self.book.says(object)
    }

    /// What stands in the place of what the store says.
    pub(super) fn overlay(&mut self) -> &mut Overlay {
        &mut self.overlay
    }

    /// The objects that the kernel does not take, and what it said.
    pub(super) fn aside(&self) -> impl Iterator<Item = (Object, String)> {
        let aside = self.dataplane.quarantine().iter();
        aside.map(|(object, aside)| (object.clone(), aside.why.clone()))
    }

    /// Interfaces came, went or changed.
    pub fn links_changed(&mut self, events: &[LinkEvent]) {
        self.ground.hear(events);
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
        // What was in force, and not what others made of it, stays while nothing may be programmed.
        let looked = match self.may_program() {
            true => self.dataplane.look(),
            false => self.dataplane.hold().map(drop),
        };
        match looked {
            Ok(()) => self.looked(),
            Err(failure) => self.look_failed(&failure),
        }
        self.ground.refresh();
    }

    /// Counts what is known, if it changed.
    pub fn count(&mut self) {
        if self.count == Need::Now {
            let counted = (self.dataplane.hosts(), self.dataplane.policies_in_use());
            let counts = Counts::of(self.dataplane.state(), counted);
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
        if self.table.is_due(now) || retries.is_some_and(|next| next <= now) {
            self.program(now);
        }
        if self.ground.is_due(now) {
            self.ground.program(now);
        }
        if self.severance.is_due(now) {
            self.cut(now);
        }
    }

    /// When there is something to do although nothing is heard.
    pub fn due(&self) -> Option<Instant> {
        let alive = self.voice.next();
        if !self.may_program() {
            return alive;
        }
        let now = Instant::now();
        let all = [
            alive,
            self.table.next(),
            self.ground.next(),
            self.severance
                .next(now)
                .filter(|_| self.dataplane.held().is_some()),
            self.dataplane.quarantine().next(),
            self.overlay.until(),
        ];
        all.into_iter().flatten().min()
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
        let table = TableStatus::of(self.dataplane.carrier(), self.dataplane.sizes(), hold);
        let aside = self.aside().map(|(object, why)| (object.to_string(), why));
        let aside = aside.collect();
        let (errors, warnings) = self.problems();
        let overlay = self.overlay.status();
        self.voice.metrics().looked(self.dataplane.take_looks());
        let status = self.voice.status();
        status.overlay = overlay;
        status.table = table;
        self.ground
            .tell(self.dataplane.quarantine(), &mut status.endpoints);
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
    pub(super) fn weigh(&mut self) {
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

    /// Says what more than one document declares, once.
    fn compare(&mut self) {
        let mut contested = BTreeSet::new();
        for (object, documents) in self.book.contested() {
            if !self.contested.contains(object) {
                let documents: Vec<_> = documents.collect();
                let documents = documents.join(", ");
                warn!(%object, %documents, "declared more than once: the first document counts");
            }
            contested.insert(object.clone());
        }
        self.contested = contested;
    }

    /// Takes in what of what is known concerns this host's own side.
    fn learn(&mut self) {
        for changed in self.dataplane.changed() {
            let state = self.dataplane.state();
            match changed {
                Changed::Endpoint(name) => self.ground.put(&name, state.endpoints.get(&name)),
                Changed::Settings => {
                    let settings = state.settings_of(&self.voice.last().host);
                    self.ground.set(&settings);
                }
            }
        }
    }

    /// Whether everything that is known may be put in force.
    pub(super) fn may_program(&self) -> bool {
        self.voice.sync() == Sync::InSync
    }

    fn program(&mut self, now: Instant) {
        let programmed = self.dataplane.program(now);
        // Endpoints that were put aside, or tried again, are others now.
        self.learn();
        // Also after a failure, which may have come some way.
        self.severance.suspect(self.dataplane.suspects(), now);
        match programmed {
            Ok(done) => {
                self.patience.reset();
                self.table = Need::None;
                self.voice.status().done(&done, Moment::now());
                self.voice.metrics().committed(&done);
                for (object, why) in &done.aside {
                    error!(%object, %why, "put aside: the kernel does not take it");
                }
                if !done.commits.is_empty() {
                    self.committed(&done);
                }
                self.cause = Cause::Known;
            }
            Err(failure) => {
                self.failed(&failure);
                self.table = self.patience.failed(now);
            }
        }
    }

    fn committed(&mut self, done: &Done) {
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
    }

    /// Goes on looking at connections that policy may no longer allow.
    fn cut(&mut self, now: Instant) {
        let edition = self.dataplane.edition();
        // Where nothing is in force that can be understood, nobody knows what is denied.
        let Some(table) = self.dataplane.held() else {
            return;
        };
        let (host, plan) = self.ground.parts();
        let ended = self.severance.step(now, host, plan, (edition, table));
        if let Some(count) = ended.filter(|count| *count > 0) {
            self.voice.metrics().flows_cut(count);
            info!(count, "cut connections that policy no longer allows");
        }
    }

    /// Writes good values down that faulty ones stand for, so that a restart does not lose them.
    fn keep(&mut self) {
        if let Err(error) = self.kept.save(&self.book) {
            warn!("{error}");
        }
    }

    fn looked(&mut self) {
        self.table = Need::Now;
        self.cause = Cause::Others;
    }

    /// A failure holds until a round goes well, so there is to be one.
    fn look_failed(&mut self, failure: &Failure) {
        self.failed(failure);
        if self.table == Need::None {
            self.table = self.patience.failed(Instant::now());
        }
    }

    fn failed(&mut self, failure: &Failure) {
        error!("{failure}");
        self.voice.metrics().failed(failure);
        self.voice
            .status()
            .failed(failure.to_string(), Moment::now());
    }
}
