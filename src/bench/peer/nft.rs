//! Margay's own table, programmed by nft: the same objects and the same transactions, as scripts.

use std::collections::BTreeMap;

use super::command::Job;
use super::listing;
use super::program::Inventory;
use super::script::nft::job;
use super::{NFT_NEEDED, Peer, PeerError, Prepared, Traffic};
use crate::bench::world::{Altered, Change, Way, World};
use crate::compile::Compiler;
use crate::compile::skeleton::{Skeleton, table_key};
use crate::model::{Event, Object, State};
use crate::ruleset::diff::diff;
use crate::ruleset::render::script;
use crate::ruleset::{Ruleset, Table, Tracked};
use crate::scenario::place::HOST;

/// The peer.
#[derive(Debug)]
pub(super) struct NftScript;

impl Peer for NftScript {
    fn name(&self) -> &'static str {
        "nft"
    }

    fn about(&self) -> &'static str {
        "nft -f of margay's own ruleset, and of its commits as text"
    }

    fn prepare(&self, world: &World) -> Result<Box<dyn Prepared>, String> {
        for needed in NFT_NEEDED {
            needed.check()?;
        }
        let skeleton = Skeleton::builtin().map_err(|error| error.to_string())?;
        let compiler = Compiler::of(world.state.clone(), HOST, &skeleton);
        let mut changes = BTreeMap::new();
        for what in Altered::ALL {
            let changed = world.changed(what);
            changes.insert(what, Alteration::between(&world.state, &changed));
        }
        let mut prepared = Scripts {
            load: String::new(),
            base: Table::default(),
            held: Tracked::default(),
            compiler,
            changes,
            traffic: Traffic::default(),
        };
        prepared.base = prepared.compiler.table().table().clone();
        let ruleset = Ruleset {
            tables: [(table_key(), prepared.base.clone())].into(),
        };
        prepared.load = ruleset.to_string();
        Ok(Box::new(prepared))
    }
}

#[derive(Debug)]
struct Scripts {
    load: String,
    /// What was loaded.
    base: Table,
    /// What is in force, with the generations of names.
    held: Tracked,
    compiler: Compiler,
    changes: BTreeMap<Altered, Alteration>,
    traffic: Traffic,
}

/// The events that make a change, and that undo it.
#[derive(Debug)]
struct Alteration {
    there: Vec<Event>,
    back: Vec<Event>,
}

impl Prepared for Scripts {
    fn load(&mut self) -> Result<(), PeerError> {
        self.run(vec![job(self.load.clone())])?;
        self.held = Tracked::from(self.base.clone());
        self.held.settle();
        self.compiler.table().settle();
        Ok(())
    }

    /// Compiles what the change touches, as margay does, and lets nft program the commit.
    fn change(&mut self, change: &Change) -> Result<(), PeerError> {
        let unknown = PeerError::Unable("it was not told of this change");
        let altered = self.changes.get(&change.what).ok_or(unknown)?;
        let events = match change.way {
            Way::There => &altered.there,
            Way::Back => &altered.back,
        };
        self.compiler.apply_all(events.iter().cloned());
        let goal = self.compiler.table();
        let commit = diff(Some(&self.held), goal, &table_key());
        let text = script(&commit, &[self.held.table(), goal.table()]);
        self.run(vec![job(text)])?;
        self.held.apply(&commit);
        self.held.settle();
        self.compiler.table().settle();
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        self.run(vec![job(format!("delete table {}\n", table_key()))])
    }

    /// Lists everything, and counts objects. What is in them is not compared.
    fn verify(&mut self) -> Result<bool, PeerError> {
        let mut listed = String::new();
        for job in listing::NFT.jobs {
            listed.push_str(&String::from_utf8_lossy(&job.run()?));
        }
        Ok((listing::NFT.agrees)(&listed, inventory(self.held.table())))
    }

    fn traffic(&mut self) -> Traffic {
        self.traffic
    }
}

impl Scripts {
    fn run(&mut self, jobs: Vec<Job>) -> Result<(), PeerError> {
        self.traffic = Traffic::default();
        for job in jobs {
            job.run()?;
            self.traffic.bytes += u64::try_from(job.input.len()).unwrap_or(u64::MAX);
            self.traffic.transactions += 1;
        }
        Ok(())
    }
}

fn inventory(table: &Table) -> Inventory {
    Inventory {
        chains: table.chains.len(),
        rules: table.chains.values().map(|chain| chain.rules.len()).sum(),
        sets: table.sets.len(),
        elements: 0,
    }
}

impl Alteration {
    fn between(before: &State, after: &State) -> Self {
        let objects = touched(before, after);
        Self {
            there: objects
                .iter()
                .flat_map(|object| event(after, before, object))
                .collect(),
            back: objects
                .iter()
                .flat_map(|object| event(before, after, object))
                .collect(),
        }
    }
}

/// The groups and endpoints that are not the same in two states.
fn touched(before: &State, after: &State) -> Vec<Object> {
    let groups = before.groups.keys().chain(after.groups.keys());
    let groups = groups.filter(|name| before.groups.get(name) != after.groups.get(name));
    let endpoints = before.endpoints.keys().chain(after.endpoints.keys());
    let endpoints =
        endpoints.filter(|name| before.endpoints.get(name) != after.endpoints.get(name));
    let mut objects: Vec<Object> = groups
        .map(|name| Object::Group(name.clone()))
        .chain(endpoints.map(|name| Object::Endpoint(name.clone())))
        .collect();
    objects.sort();
    objects.dedup();
    objects
}

/// What makes an object as one state has it.
fn event(to: &State, from: &State, object: &Object) -> Option<Event> {
    let gone = || from.said(object).map(Event::undone);
    to.said(object).or_else(gone)
}
