//! Peers that are commands which read text: everything is written beforehand, and then only run.

use std::collections::BTreeMap;

use super::command::{Job, Needed};
use super::program::{Delta, Inventory, Program};
use super::{Peer, PeerError, Prepared, Traffic};
use crate::bench::world::{Altered, Change, Way, World};
use crate::model::State;

/// A peer that is a command.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) needed: &'static [Needed],
    /// What it programs for a state.
    pub(super) program: fn(&State) -> Result<Program, String>,
    /// What its command is told to bring a change about.
    pub(super) jobs: fn(&Delta<'_>) -> Vec<Job>,
    pub(super) listing: Listing,
}

/// How one sees what is in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    pub(super) jobs: &'static [Job],
    /// Whether what they printed is of a program with so many objects.
    pub(super) agrees: fn(&str, Inventory) -> bool,
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
        let mut changes = BTreeMap::new();
        for what in Altered::ALL {
            let changed = (self.program)(&world.changed(what))?;
            let altered = Alteration {
                there: (self.jobs)(&base.to(&changed)),
                back: (self.jobs)(&changed.to(&base)),
                inventory: changed.inventory(),
            };
            changes.insert(what, altered);
        }
        Ok(Box::new(Scripts {
            load: (self.jobs)(&nothing.to(&base)),
            remove: (self.jobs)(&base.to(&nothing)),
            changes,
            base: base.inventory(),
            expected: base.inventory(),
            listing: self.listing,
            traffic: Traffic::default(),
        }))
    }
}

#[derive(Debug)]
struct Scripts {
    load: Vec<Job>,
    remove: Vec<Job>,
    changes: BTreeMap<Altered, Alteration>,
    base: Inventory,
    expected: Inventory,
    listing: Listing,
    traffic: Traffic,
}

/// A small change and its undoing.
#[derive(Debug)]
struct Alteration {
    there: Vec<Job>,
    back: Vec<Job>,
    inventory: Inventory,
}

impl Prepared for Scripts {
    fn load(&mut self) -> Result<(), PeerError> {
        self.expected = self.base;
        self.traffic = run(&self.load)?;
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), PeerError> {
        let unknown = PeerError::Unable("it was not told of this change");
        let altered = self.changes.get(&change.what).ok_or(unknown)?;
        let (jobs, expected) = match change.way {
            Way::There => (&altered.there, altered.inventory),
            Way::Back => (&altered.back, self.base),
        };
        self.traffic = run(jobs)?;
        self.expected = expected;
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        run(&self.remove).map(drop)
    }

    /// Lists everything, and counts objects. What is in them is not compared.
    fn verify(&mut self) -> Result<bool, PeerError> {
        let mut listed = String::new();
        for job in self.listing.jobs {
            listed.push_str(&String::from_utf8_lossy(&job.run()?));
        }
        Ok((self.listing.agrees)(&listed, self.expected))
    }

    fn traffic(&mut self) -> Traffic {
        self.traffic
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
