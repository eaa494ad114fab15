//! Peers that are commands which read text: everything is written beforehand, and then only run.

use std::collections::BTreeMap;

use super::command::{Job, Needed};
use super::listing::Listing;
use super::program::{Delta, Inventory, Program};
use super::{Peer, PeerError, Prepared, Task, Traffic};
use crate::bench::world::{Altered, Change, Way, World};
use crate::model::State;

/// A peer that is a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripted {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) needed: &'static [Needed],
    /// What it programs for a state.
    pub(super) program: fn(&State) -> Result<Program, String>,
    /// What its command is told to bring a change about.
    pub(super) jobs: fn(&Delta<'_>) -> Vec<Job>,
    pub(super) listing: Listing,
    /// Takes one element out of a program.
    pub(super) spoil: fn(&Program) -> Option<Job>,
}

impl Peer for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn prepare(&self, world: &World) -> Result<Box<dyn Prepared>, String> {
        for needed in self.needed {
            needed.check()?;
        }
        let base = (self.program)(&world.state)?;
        let nothing = Program::default();
        Ok(Box::new(Scripts {
            load: (self.jobs)(&nothing.to(&base)),
            remove: (self.jobs)(&base.to(&nothing)),
            spoil: (self.spoil)(&base),
            changes: BTreeMap::new(),
            expected: base.inventory(),
            base,
            world: world.clone(),
            peer: *self,
            traffic: Traffic::default(),
        }))
    }
}

impl Scripted {
    /// What its commands read to load a state, each after a line with the command itself.
    ///
    /// # Errors
    /// What of the state it has no words for.
    pub(super) fn text(&self, state: &State) -> Result<String, String> {
        let program = (self.program)(state)?;
        let jobs = (self.jobs)(&Program::default().to(&program));
        let texts = jobs
            .iter()
            .map(|job| format!("# {}\n{}", job.said(), job.input));
        Ok(texts.collect())
    }
}

#[derive(Debug)]
struct Scripts {
    peer: Scripted,
    world: World,
    base: Program,
    load: Vec<Job>,
    remove: Vec<Job>,
    spoil: Option<Job>,
    changes: BTreeMap<Altered, Alteration>,
    /// What there should be at present.
    expected: Inventory,
    traffic: Traffic,
}

/// A change and its undoing.
#[derive(Debug)]
struct Alteration {
    there: Vec<Job>,
    back: Vec<Job>,
    inventory: Inventory,
}

impl Prepared for Scripts {
    fn ready(&mut self, task: &Task) -> Result<(), PeerError> {
        match task {
            Task::Load => Ok(()),
            Task::Change(change) => self.write(change.what),
        }
    }

    fn load(&mut self) -> Result<(), PeerError> {
        self.traffic = run(&self.load)?;
        self.expected = self.base.inventory();
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), PeerError> {
        self.write(change.what)?;
        let unknown = PeerError::Unable("it was not told of this change");
        let altered = self.changes.get(&change.what).ok_or(unknown)?;
        let (jobs, expected) = match change.way {
            Way::There => (&altered.there, altered.inventory),
            Way::Back => (&altered.back, self.base.inventory()),
        };
        self.traffic = run(jobs)?;
        self.expected = expected;
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        run(&self.remove).map(drop)
    }

    /// Lists everything, and counts: what a rule says is not compared.
    fn verify(&mut self) -> Result<bool, PeerError> {
        self.peer.listing.shows(self.expected)
    }

    fn spoil(&mut self) -> Result<(), PeerError> {
        let nothing = PeerError::Unable("there is no set with anything in it");
        self.spoil.as_ref().ok_or(nothing)?.run().map(drop)
    }

    fn traffic(&mut self) -> Traffic {
        self.traffic
    }
}

impl Scripts {
    /// What a change is told to the command, unless it was written before.
    fn write(&mut self, what: Altered) -> Result<(), PeerError> {
        if self.changes.contains_key(&what) {
            return Ok(());
        }
        let changed = (self.peer.program)(&self.world.changed(what));
        let changed = changed.map_err(|complaint| PeerError::Refused {
            what: "to write a change".to_owned(),
            complaint,
        })?;
        let altered = Alteration {
            there: (self.peer.jobs)(&self.base.to(&changed)),
            back: (self.peer.jobs)(&changed.to(&self.base)),
            inventory: changed.inventory(),
        };
        self.changes.insert(what, altered);
        Ok(())
    }
}

/// Runs one after the other, each a transaction of its own.
fn run(jobs: &[Job]) -> Result<Traffic, PeerError> {
    let mut traffic = Traffic::default();
    for job in jobs {
        job.run()?;
        traffic.bytes += u64::try_from(job.input.len()).unwrap_or(u64::MAX);
        traffic.transactions += 1;
    }
    Ok(traffic)
}
