//! The table of this host, kept to what is known.
//!
//! ```text
//! events --> Compiler --> desired table --diff--> Commit --> backend
//!                                          ^                   |
//!                                          +-- table in force <+
//! ```
//!
//! What the kernel refuses is found by whom it is about. That object is put back to what it was, or
//! shut, and the rest is programmed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::journal::{Changed, Journal};
use super::quarantine::{Quarantine, shut};
use super::suspects::Suspects;
use crate::backend::{Backend, CommitError, ObserveError};
use crate::compile::Compiler;
use crate::compile::skeleton::{Skeleton, table_key};
use crate::compile::words::suspects;
use crate::model::{Event, Object, State};
use crate::ruleset::diff::{diff, rebuilt, without_leftovers};
use crate::ruleset::transaction::{Commit, Step};
use crate::ruleset::{Sizes, Table, Tracked};

/// How often somebody else may come between, or an object be put aside, before it is given up.
const ATTEMPTS_MAX: usize = 16;

/// Keeps the table of one host.
#[derive(Debug)]
pub struct Dataplane<B> {
    backend: B,
    host: String,
    skeleton: Skeleton,
    known: Known,
    held: Held,
    aftermath: Aftermath,
    quarantine: Quarantine,
    /// How often the table was read back, since somebody last asked.
    looks: usize,
    /// What was known of objects when all was last in force, where that has changed since.
    before: BTreeMap<Object, Option<Event>>,
    journal: Journal,
    /// The connections that commits since may have denied, also those that failed on their way.
    suspects: Suspects,
    /// How often the table that is in force became another, or was looked at.
    edition: u64,
}

/// What is known.
#[derive(Debug)]
enum Known {
    /// A listing is under way.
    Gathered(Box<State>),
    /// Compiled, and kept up to date.
    Compiled(Box<Compiler>),
}

/// What the kernel holds.
#[derive(Debug)]
enum Held {
    /// A table of ours, or none.
    Table(Option<Box<Tracked>>),
    /// Something in our table that we never write.
    Foreign,
}

/// What the last look or round left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aftermath {
    /// A table that is known, and nothing in it that no packet can reach.
    Clean,
    /// It failed: the table may not be what is known, and each try may leave more behind.
    Unsettled,
}

/// Whether the ruleset was changed by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It was not.
    No,
    /// It may have been, and the table was read anew.
    Looked,
}

/// What a round of programming did.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The commits, in order; none where all was in force.
    pub commits: Vec<Commit>,
    /// The objects that were put aside, with what the kernel said.
    pub aside: BTreeMap<Object, String>,
    /// How long it took.
    pub took: Duration,
}

impl Done {
    /// How many transactions there were.
    pub fn transactions(&self) -> usize {
        self.steps().count()
    }

    /// How many operations there were in them.
    pub fn operations(&self) -> usize {
        self.steps().map(|step| step.operations.len()).sum()
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.commits.iter().flat_map(|commit| &commit.steps)
    }
}

/// Why nothing could be programmed; what was in force stays.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What is in force cannot be read.
    #[error("cannot read the table: {0}")]
    Observe(#[from] ObserveError),
    /// The kernel refuses, and not because of one object.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl<B: Backend> Dataplane<B> {
    /// Looks at what is in force. A host without a table gets the skeleton at once, in which workloads
    /// drop; any other keeps what it has until all is known.
    ///
    /// # Errors
    /// The kernel cannot be read, refuses the skeleton, or the table belongs to somebody else.
    pub fn start(
        backend: B,
        host: &str,
        skeleton: Skeleton,
        state: State,
    ) -> Result<Self, Failure> {
        let mut dataplane = Self {
            backend,
            host: host.to_owned(),
            skeleton,
            known: Known::Gathered(Box::new(state)),
            held: Held::Table(None),
            aftermath: Aftermath::Clean,
            looks: 0,
            quarantine: Quarantine::default(),
            before: BTreeMap::new(),
            journal: Journal::default(),
            suspects: Suspects::default(),
            edition: 0,
        };
        let mut attempts = 1..ATTEMPTS_MAX;
        loop {
            dataplane.look()?;
            let had = match dataplane.held {
                // What holds until all is known is not ours yet.
                Held::Table(None) if dataplane.backend.is_covered() => Ok(()),
                Held::Table(None) => dataplane.found(),
                Held::Table(Some(_)) | Held::Foreign => match dataplane.is_judged()? {
                    true => dataplane.backend.adopt(&table_key()),
                    false => dataplane.found(),
                },
            };
            match had {
                Ok(()) => return Ok(dataplane),
                Err(error) if error.is_passing() && attempts.next().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes in changes that belong together. Until all is known they are gathered.
    pub fn take(&mut self, events: Vec<Event>) {
        self.remember(&events);
        self.quarantine.admit(&events);
        self.apply(events);
    }

    /// Brings what is in force to what is known.
    ///
    /// # Errors
    /// The kernel cannot be read, or refuses what no single object is to blame for.
    pub fn program(&mut self, now: Instant) -> Result<Done, Failure> {
        let done = self.clear_up().and_then(|()| self.bring(now));
        if done.is_err() {
            self.aftermath = Aftermath::Unsettled;
        }
        done
    }

    fn bring(&mut self, now: Instant) -> Result<Done, Failure> {
        let begin = Instant::now();
        self.compile();
        let again = self.quarantine.due(now);
        self.remember(&again);
        self.apply(again);
        let (mut done, mut last) = (Done::default(), CommitError::Contended);
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt() {
                Ok(commit) => {
                    done.commits.extend(commit);
                    self.backend.supersede(&table_key())?;
                    done.took = begin.elapsed();
                    self.before.clear();
                    self.quarantine.released();
                    return Ok(done);
                }
                Err(error) => {
                    self.look()?;
                    if error.is_passing() {
                        last = error;
                        continue;
                    }
                    let why = error.to_string();
                    let aside = self.put_aside(error, now)?.into_iter();
                    let aside = aside.map(|object| (object, why.clone()));
                    done.aside.extend(aside);
                }
            }
        }
        Err(last.into())
    }

    /// Looks at the table if somebody changed the ruleset.
    ///
    /// # Errors
    /// The kernel cannot be read.
    pub fn look_if_moved(&mut self) -> Result<Moved, Failure> {
        if !self.backend.has_moved()? {
            return Ok(Moved::No);
        }
        self.look()?;
        Ok(Moved::Looked)
    }

    /// Puts back what was in force if somebody changed it, whatever is known meanwhile.
    ///
    /// # Errors
    /// The kernel cannot be read, or refuses.
    pub fn hold(&mut self) -> Result<Moved, Failure> {
        if self.aftermath == Aftermath::Clean && !self.backend.has_moved()? {
            return Ok(Moved::No);
        }
        let before = std::mem::replace(&mut self.held, Held::Table(None));
        let Held::Table(Some(before)) = before else {
            self.held = before;
            self.look()?;
            return Ok(Moved::Looked);
        };
        let restored = self.restore(&before);
        // Also where that failed: it is tried again.
        self.held = Held::Table(Some(before));
        self.aftermath = match restored {
            Ok(()) => Aftermath::Clean,
            Err(_) => Aftermath::Unsettled,
        };
        restored.map(|()| Moved::Looked)
    }

    /// Brings the table to what it was, also where others come between.
    fn restore(&mut self, before: &Tracked) -> Result<(), Failure> {
        let mut attempts = 1..ATTEMPTS_MAX;
        loop {
            self.look()?;
            let commit = match &self.held {
                Held::Table(held) => diff(held.as_deref(), before, &table_key()),
                Held::Foreign => rebuilt(before, &table_key()),
            };
            match self.backend.commit(&commit) {
                Err(error) if error.is_passing() && attempts.next().is_some() => {}
                done => return Ok(done?),
            }
        }
    }

    /// Looks at the table.
    ///
    /// # Errors
    /// The kernel cannot be read.
    pub fn look(&mut self) -> Result<(), Failure> {
        self.edition += 1;
        self.looks += 1;
        self.held = match self.backend.observe(&table_key()) {
            Ok(table) => Held::Table(table.map(|table| Box::new(Tracked::from(table)))),
            Err(ObserveError::Foreign { .. }) => Held::Foreign,
            Err(error @ ObserveError::Unreachable(_)) => {
                self.aftermath = Aftermath::Unsettled;
                return Err(error.into());
            }
        };
        Ok(())
    }

    /// How often the table was read back, or it was tried, since this was last asked.
    pub fn take_looks(&mut self) -> usize {
        std::mem::take(&mut self.looks)
    }

    /// What is known.
    pub fn state(&self) -> &State {
        match &self.known {
            Known::Gathered(state) => state,
            Known::Compiled(compiler) => compiler.state(),
        }
    }

    /// What of that changed since this was last asked.
    pub fn changed(&mut self) -> BTreeSet<Changed> {
        self.journal.take()
    }

    /// The connections that commits may have denied since this was last asked.
    pub fn suspects(&mut self) -> Suspects {
        std::mem::take(&mut self.suspects)
    }

    /// What tells the table that is in force from one that was before.
    pub fn edition(&self) -> u64 {
        self.edition
    }

    /// How many hosts are known or have an endpoint.
    pub fn hosts(&self) -> usize {
        self.journal.hosts()
    }

    /// How many policies and security groups apply to endpoints of this host: none, until all is known.
    pub fn policies_in_use(&self) -> usize {
        match &self.known {
            Known::Gathered(_) => 0,
            Known::Compiled(compiler) => compiler.policies_in_use(),
        }
    }

    /// What the kernel does not take, and what it said to it.
    pub fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// The table that is in force; none where there is none, or none that can be understood.
    pub fn held(&self) -> Option<&Table> {
        match &self.held {
            Held::Table(held) => held.as_ref().map(|held| held.table()),
            Held::Foreign => None,
        }
    }

    /// How much the table that is in force holds.
    pub fn sizes(&self) -> Sizes {
        match &self.held {
            Held::Table(Some(held)) => held.sizes(),
            Held::Table(None) | Held::Foreign => Sizes::default(),
        }
    }

    /// Whether nobody else can change the table.
    pub fn is_owned(&self) -> bool {
        self.backend.is_owned()
    }

    /// What carries the table: `nft`, or which iptables.
    pub fn carrier(&self) -> &'static str {
        self.backend.carrier()
    }

    /// Who talks to the kernel.
    pub fn backend(&mut self) -> &mut B {
        &mut self.backend
    }

    /// The table of a host of which nothing is known: nothing passes.
    fn found(&mut self) -> Result<(), CommitError> {
        let nothing = State {
            settings: self.state().settings_of(&self.host),
            ..State::default()
        };
        let mut compiler = Compiler::of(nothing, &self.host, &self.skeleton);
        let (desired, key) = (compiler.table(), table_key());
        let (commit, mut held) = match std::mem::replace(&mut self.held, Held::Foreign) {
            Held::Foreign => (rebuilt(desired, &key), None),
            Held::Table(held) => (diff(held.as_deref(), desired, &key), held),
        };
        self.backend.commit(&commit)?;
        held.get_or_insert_default().apply(&commit);
        self.held = Held::Table(held);
        Ok(())
    }

    /// Whether something of ours judges packets, understood or not: who was killed on the way may not have got there.
    fn is_judged(&mut self) -> Result<bool, Failure> {
        let is_reached = self.held().is_none_or(Table::is_reached);
        Ok(self.backend.is_covered() || (is_reached && self.backend.stands()?))
    }

    /// After a failure, looks at the table, and takes away what it left that no packet can reach.
    fn clear_up(&mut self) -> Result<(), Failure> {
        match self.aftermath {
            Aftermath::Clean => return Ok(()),
            Aftermath::Unsettled => self.look()?,
        }
        if let Held::Table(Some(held)) = &mut self.held {
            let commit = without_leftovers(held, &table_key());
            self.backend.commit(&commit)?;
            held.apply(&commit);
        }
        self.aftermath = Aftermath::Clean;
        Ok(())
    }

    /// Notes what is known of objects before events change it, to go back to if they are refused.
    fn remember(&mut self, events: &[Event]) {
        if let Known::Compiled(compiler) = &self.known {
            for object in events.iter().map(Event::object) {
                let said = compiler.state().said(&object);
                self.before.entry(object).or_insert(said);
            }
        }
    }

    fn apply(&mut self, events: Vec<Event>) {
        let state = match &self.known {
            Known::Gathered(state) => state,
            Known::Compiled(compiler) => compiler.state(),
        };
        self.journal.note(&self.host, state, &events);
        match &mut self.known {
            Known::Gathered(state) => events.into_iter().for_each(|event| state.apply(event)),
            Known::Compiled(compiler) => compiler.apply_all(events),
        }
    }

    /// Compiles what was gathered, at the first time.
    fn compile(&mut self) {
        if let Known::Gathered(state) = &mut self.known {
            let state = std::mem::take(&mut **state);
            let compiler = Compiler::of(state, &self.host, &self.skeleton);
            self.known = Known::Compiled(Box::new(compiler));
        }
    }

    /// One commit of all that differs.
    fn attempt(&mut self) -> Result<Option<Commit>, CommitError> {
        let Known::Compiled(compiler) = &mut self.known else {
            return Ok(None);
        };
        let desired = compiler.table();
        let (commit, before) = match self.held {
            Held::Table(ref held) => (diff(held.as_deref(), desired, &table_key()), held.as_ref()),
            Held::Foreign => (rebuilt(desired, &table_key()), None),
        };
        // One that fails may have come some way.
        let before = before.map(|held| held.table());
        self.suspects.extend(Suspects::of(&commit, before));
        self.edition += 1;
        self.backend.commit(&commit)?;
        let mut held = match std::mem::replace(&mut self.held, Held::Table(None)) {
            Held::Table(Some(held)) => held,
            Held::Table(None) | Held::Foreign => Box::default(),
        };
        held.apply(&commit);
        held.settle();
        compiler.table().settle();
        self.held = Held::Table(Some(held));
        Ok((!commit.is_empty()).then_some(commit))
    }

    /// Puts back, or shuts, whom a refusal is about. An error that is about nobody is given back.
    fn put_aside(&mut self, error: CommitError, now: Instant) -> Result<BTreeSet<Object>, Failure> {
        let Some(culprit) = error.culprit() else {
            return Err(error.into());
        };
        let state = self.state();
        let suspects = suspects(&culprit.operation, culprit.element, state, &self.host);
        let mut instead = Vec::new();
        for object in &suspects {
            let Some(said) = state.said(object) else {
                continue;
            };
            let before = self.before.get(object).cloned().flatten();
            let other = before.filter(|before| *before != said);
            instead.push((
                object.clone(),
                said.clone(),
                other.unwrap_or_else(|| shut(said)),
            ));
        }
        instead.retain(|(_, said, instead)| said != instead);
        if instead.is_empty() {
            return Err(error.into());
        }
        let why = error.to_string();
        let (mut events, mut aside) = (Vec::new(), BTreeSet::new());
        for (object, said, instead) in instead {
            self.quarantine.put(object.clone(), said, &why, now);
            events.push(instead);
            aside.insert(object);
        }
        self.apply(events);
        Ok(aside)
    }
}
