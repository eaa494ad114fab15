//! Margay's own table, programmed by nft: the same objects and the same transactions, as scripts.

use super::command::Job;
use super::events::{self, Told, told};
use super::listing;
use super::program::Inventory;
use super::script::nft::job;
use super::{NFT_NEEDED, Peer, PeerError, Prepared, Task, Traffic};
use crate::bench::world::{Change, World};
use crate::compile::Compiler;
use crate::compile::skeleton::{Skeleton, table_key};
use crate::ruleset::diff::diff;
use crate::ruleset::render::script;
use crate::ruleset::transaction::{Commit, Phase};
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
        let mut compiler = Compiler::of(world.state.clone(), HOST, &skeleton);
        let base = compiler.table().table().clone();
        let ruleset = Ruleset {
            tables: [(table_key(), base.clone())].into(),
        };
        Ok(Box::new(Scripts {
            load: job(ruleset.to_string()),
            base,
            held: Tracked::default(),
            compiler,
            events: events::all(world),
            next: None,
            done: Done::Nothing,
            traffic: Traffic::default(),
        }))
    }
}

#[derive(Debug)]
struct Scripts {
    events: Told,
    load: Job,
    /// What was loaded.
    base: Table,
    /// What is in force, with the generations of names.
    held: Tracked,
    compiler: Compiler,
    /// The change that comes next: until it is in force, and what only clears away.
    next: Option<(Commit, [Job; 2])>,
    /// What is in force and `held` does not know of.
    done: Done,
    traffic: Traffic,
}

/// What was done last.
#[derive(Debug)]
enum Done {
    Nothing,
    Load,
    Change(Commit, Job),
}

impl Prepared for Scripts {
    fn ready(&mut self, task: &Task) -> Result<(), PeerError> {
        match task {
            Task::Load => Ok(()),
            Task::Change(change) => self.write(change),
        }
    }

    fn settle(&mut self) -> Result<(), PeerError> {
        match std::mem::replace(&mut self.done, Done::Nothing) {
            Done::Nothing => return Ok(()),
            Done::Load => self.held = Tracked::from(self.base.clone()),
            Done::Change(commit, collect) => {
                if !collect.input.is_empty() {
                    run(&collect)?;
                }
                self.held.apply(&commit);
            }
        }
        self.held.settle();
        self.compiler.table().settle();
        Ok(())
    }

    fn load(&mut self) -> Result<(), PeerError> {
        self.traffic = run(&self.load)?;
        self.done = Done::Load;
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), PeerError> {
        self.write(change)?;
        if let Some((commit, [main, collect])) = self.next.take() {
            self.traffic = run(&main)?;
            self.done = Done::Change(commit, collect);
        }
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        run(&job(format!("delete table {}\n", table_key()))).map(drop)
    }

    /// Lists everything, and counts: what a rule says is not compared.
    fn verify(&mut self) -> Result<bool, PeerError> {
        self.settle()?;
        listing::NFT.shows(inventory(self.held.table()))
    }

    fn traffic(&mut self) -> Traffic {
        self.traffic
    }
}

impl Scripts {
    /// Compiles what a change touches, as margay does, unless that was done.
    fn write(&mut self, change: &Change) -> Result<(), PeerError> {
        if self.next.is_some() {
            return Ok(());
        }
        self.settle()?;
        self.compiler.apply_all(told(&self.events, change)?);
        let goal = self.compiler.table();
        let commit = diff(Some(&self.held), goal, &table_key());
        let tables = [self.held.table(), goal.table()];
        let jobs = parts(&commit).map(|part| job(script(&part, &tables)));
        self.next = Some((commit, jobs));
        Ok(())
    }
}

/// What brings a change into force, and what clears away after it.
fn parts(commit: &Commit) -> [Commit; 2] {
    let (collect, main) = commit
        .steps
        .iter()
        .cloned()
        .partition(|step| step.phase == Phase::Collect);
    [main, collect].map(|steps| Commit {
        table: commit.table.clone(),
        steps,
    })
}

/// One transaction.
fn run(job: &Job) -> Result<Traffic, PeerError> {
    job.run()?;
    Ok(Traffic {
        bytes: u64::try_from(job.input.len()).unwrap_or(u64::MAX),
        transactions: 1,
        ..Traffic::default()
    })
}

fn inventory(table: &Table) -> Inventory {
    let elements = table.sets.values().map(|set| set.elements.len());
    Inventory {
        rules: table.chains.values().map(|chain| chain.rules.len()).sum(),
        sets: table.sets.len(),
        elements: elements.sum(),
    }
}
