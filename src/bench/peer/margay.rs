//! Margay itself, from three starts: what operators say, a commit at hand, and its bytes at hand.
//!
//! The first is what the agent does. The second leaves out compiling and comparing, the third encoding as
//! well: it is the floor of whoever programs the kernel so.

use rustix::thread::{MembarrierCommand, membarrier};

use super::events::{self, Told, told};
use super::{Peer, PeerError, Prepared, Task, Traffic};
use crate::backend::Backend;
use crate::backend::nft::{Catalog, Encoded, NftBackend, Ownership, encode};
use crate::backend::reconcile::removal;
use crate::bench::world::{Change, World};
use crate::compile::Compiler;
use crate::compile::skeleton::{Skeleton, table_key};
use crate::model::{Event, State};
use crate::ruleset::diff::diff;
use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use crate::ruleset::{Name, TableKey, Tracked};
use crate::scenario::place::HOST;

/// Compiles, compares, encodes and commits.
pub const FROM_STATE: Margay = Margay(Start::State);
/// Encodes and commits.
pub const FROM_COMMIT: Margay = Margay(Start::Commit);
/// Sends.
pub const FROM_BYTES: Margay = Margay(Start::Bytes);

/// Where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    State,
    Commit,
    Bytes,
}

/// Margay's nft backend.
#[derive(Debug, Clone, Copy)]
pub struct Margay(Start);

impl Peer for Margay {
    fn name(&self) -> &'static str {
        match self.0 {
            Start::State => "margay",
            Start::Commit => "margay-commit",
            Start::Bytes => "replay",
        }
    }

    fn about(&self) -> &'static str {
        match self.0 {
            Start::State => "margay, from policy to the kernel's acknowledgement",
            Start::Commit => "margay, from a commit at hand",
            Start::Bytes => "the same bytes at hand: what the kernel takes",
        }
    }

    fn prepare(&self, world: &World) -> Result<Box<dyn Prepared>, String> {
        let skeleton = Skeleton::builtin().map_err(|error| error.to_string())?;
        Ok(Box::new(Ready {
            start: self.0,
            key: table_key(),
            skeleton,
            state: world.state.clone(),
            given: None,
            events: events::all(world),
            coming: Vec::new(),
            compiler: None,
            held: Tracked::default(),
            backend: None,
            catalog: Catalog::default(),
            first: None,
            stage: Stage::default(),
            spent: Stage::default(),
            since: Since::Nothing,
        }))
    }
}

/// Where the kernel is, seen from the last load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// Nothing was loaded.
    Nothing,
    /// Nothing happened.
    Load,
    /// Something changed, and generations with it.
    Change,
}

/// A change on its way.
#[derive(Debug, Default)]
struct Stage {
    /// Until it is in force.
    main: Option<Commit>,
    /// What only clears away.
    collect: Option<Commit>,
    /// Both encoded.
    batches: [Vec<Batch>; 2],
    /// What went to the kernel.
    traffic: Traffic,
}

/// One transaction at hand.
#[derive(Debug)]
struct Batch {
    wait: Wait,
    encoded: Encoded,
}

/// A world at hand.
#[derive(Debug)]
struct Ready {
    start: Start,
    key: TableKey,
    skeleton: Skeleton,
    state: State,
    /// The state that the next load compiles.
    given: Option<State>,
    events: Told,
    /// Those of the next change.
    coming: Vec<Event>,
    compiler: Option<Compiler>,
    held: Tracked,
    backend: Option<NftBackend>,
    catalog: Catalog,
    /// The commit of a load, and its bytes.
    first: Option<(Commit, Vec<Batch>)>,
    stage: Stage,
    /// The change before. It is thrown away with what comes after an acknowledgement, as an agent does.
    spent: Stage,
    since: Since,
}

impl Ready {
    fn backend(&mut self) -> Result<&mut NftBackend, PeerError> {
        match &mut self.backend {
            Some(backend) => Ok(backend),
            none @ None => {
                let backend = NftBackend::new(Ownership::None);
                Ok(none.insert(backend.map_err(|error| refused(&error))?))
            }
        }
    }

    fn compiler(&mut self) -> Result<&mut Compiler, PeerError> {
        let compiler = self.compiler.as_mut();
        compiler.ok_or(PeerError::Unable("nothing is loaded"))
    }

    /// Compiles all, and remembers what a load has to say.
    fn compile_all(&mut self, state: State) {
        let mut compiler = Compiler::of(state, HOST, &self.skeleton);
        self.held = Tracked::default();
        self.stage = Stage {
            main: Some(diff(None, compiler.table(), &self.key)),
            ..Stage::default()
        };
        self.compiler = Some(compiler);
    }

    /// Throws away what was loaded: whoever starts has nothing to throw away.
    fn forget(&mut self) {
        self.compiler = None;
        self.held = Tracked::default();
        self.stage = Stage::default();
    }

    /// What a change says, as whoever says it hands it over.
    fn hear(&mut self, change: &Change) -> Result<(), PeerError> {
        self.coming = told(&self.events, change)?;
        Ok(())
    }

    /// Takes in what was heard, and remembers what it has to say to the kernel.
    fn compile_change(&mut self) -> Result<(), PeerError> {
        let events = std::mem::take(&mut self.coming);
        let compiler = self.compiler.as_mut();
        let compiler = compiler.ok_or(PeerError::Unable("nothing is loaded"))?;
        compiler.apply_all(events);
        let commit = diff(Some(&self.held), compiler.table(), &self.key);
        let (collect, main) = commit
            .steps
            .into_iter()
            .partition(|step| step.phase == Phase::Collect);
        let [main, collect] = [main, collect].map(|steps| Commit {
            table: self.key.clone(),
            steps,
        });
        let stage = Stage {
            main: Some(main),
            collect: Some(collect),
            ..Stage::default()
        };
        self.spent = std::mem::replace(&mut self.stage, stage);
        Ok(())
    }

    fn encoded(&mut self, commit: &Commit) -> Result<Vec<Batch>, PeerError> {
        let steps = commit.steps.iter();
        let batches = steps.map(|step| {
            let none = Ownership::None;
            let encoded = encode(&commit.table, none, &mut self.catalog, &step.operations);
            Ok(Batch {
                wait: step.wait,
                encoded: encoded.map_err(|error| refused(&error))?,
            })
        });
        batches.collect()
    }

    fn encode_stage(&mut self) -> Result<(), PeerError> {
        let stage = std::mem::take(&mut self.stage);
        let mut batches = [Vec::new(), Vec::new()];
        for (into, commit) in batches.iter_mut().zip([&stage.main, &stage.collect]) {
            if let Some(commit) = commit {
                *into = self.encoded(commit)?;
            }
        }
        self.stage = Stage { batches, ..stage };
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        let batches = self.stage.batches.iter().flatten();
        self.stage.traffic = traffic(batches.map(|batch| batch.encoded.bytes()));
    }

    fn commit(&mut self, commit: Option<&Commit>) -> Result<(), PeerError> {
        let Some(commit) = commit else {
            return Ok(());
        };
        let done = self.backend()?.commit(commit);
        done.map_err(|error| refused(&error))
    }

    /// Has the kernel list everything, and looks at none of it: what reading takes at the least.
    fn list(&mut self) -> Result<bool, PeerError> {
        let sets: Vec<Name> = self.held.table().sets.keys().cloned().collect();
        let key = self.key.clone();
        let listed = self.backend()?.list_all(&key, &sets);
        Ok(listed.map_err(|error| refused(&error))? > 0)
    }

    fn replay(&mut self, batches: &[Batch]) -> Result<(), PeerError> {
        for batch in batches {
            if batch.wait == Wait::Grace {
                membarrier(MembarrierCommand::Global).map_err(|error| refused(&error))?;
            }
            let sent = self.backend()?.send_raw(batch.encoded.bytes());
            sent.map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    /// Sends the first or the second part of what is due.
    fn send(&mut self, part: usize) -> Result<(), PeerError> {
        let stage = std::mem::take(&mut self.stage);
        let commit = [&stage.main, &stage.collect].into_iter().nth(part);
        let sent = match self.start {
            Start::Bytes => self.replay(stage.batches.get(part).map_or(&[], Vec::as_slice)),
            Start::State | Start::Commit => self.commit(commit.and_then(Option::as_ref)),
        };
        self.stage = stage;
        sent
    }
}

impl Prepared for Ready {
    fn ready(&mut self, task: &Task) -> Result<(), PeerError> {
        match (task, self.start) {
            (Task::Load, Start::State) => {
                self.forget();
                self.given = Some(self.state.clone());
            }
            (Task::Load, Start::Commit | Start::Bytes) => {
                if let (Since::Load, Some((commit, batches))) = (self.since, self.first.take()) {
                    self.held = Tracked::default();
                    self.stage = Stage {
                        main: Some(commit),
                        batches: [batches, Vec::new()],
                        ..Stage::default()
                    };
                    self.count();
                    return Ok(());
                }
                self.catalog = Catalog::default();
                self.compile_all(self.state.clone());
                self.encode_stage()?;
            }
            (Task::Change(change), Start::State) => self.hear(change)?,
            (Task::Change(change), Start::Commit | Start::Bytes) => {
                self.hear(change)?;
                self.compile_change()?;
                self.encode_stage()?;
            }
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), PeerError> {
        if let Some(state) = self.given.take() {
            self.compile_all(state);
        }
        self.since = Since::Load;
        self.send(0)
    }

    fn change(&mut self, _: &Change) -> Result<(), PeerError> {
        if self.start == Start::State {
            self.compile_change()?;
        }
        self.since = Since::Change;
        self.send(0)
    }

    fn settle(&mut self) -> Result<(), PeerError> {
        self.send(1)?;
        let stage = std::mem::take(&mut self.stage);
        for commit in [&stage.main, &stage.collect].into_iter().flatten() {
            self.held.apply(commit);
        }
        self.held.settle();
        self.compiler()?.table().settle();
        self.stage = stage;
        self.spent = Stage::default();
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        // A socket that is opened anew expects no generation.
        self.backend = None;
        let removal = removal(&self.key);
        let removed = self.commit(Some(&removal));
        let stage = std::mem::take(&mut self.stage);
        if let (Since::Load, Start::Commit | Start::Bytes, Some(commit)) =
            (self.since, self.start, stage.main)
        {
            let [batches, _] = stage.batches;
            self.first = Some((commit, batches));
        }
        removed
    }

    fn verify(&mut self) -> Result<bool, PeerError> {
        match self.start {
            Start::State => {}
            Start::Commit => return Err(PeerError::Unable("it is margay, which does this")),
            Start::Bytes => return self.list(),
        }
        let key = self.key.clone();
        let observed = self.backend()?.observe(&key);
        let observed = observed.map_err(|error| refused(&error))?;
        let observed = observed.map(Tracked::from);
        let desired = self.compiler()?.table();
        Ok(diff(observed.as_ref(), desired, &key).is_empty())
    }

    /// As the agent does: where the generation has not moved since our last commit, nobody wrote.
    fn resync(&mut self) -> Result<bool, PeerError> {
        let moved = self.backend()?.has_moved();
        match (self.start, moved.map_err(|error| refused(&error))?) {
            (Start::State, false) => Ok(true),
            (Start::State, true) | (Start::Commit | Start::Bytes, _) => self.verify(),
        }
    }

    fn take_over(&mut self) -> Result<(), PeerError> {
        if self.start != Start::State {
            return Err(PeerError::Unable("it is margay, which does this"));
        }
        self.backend = None;
        let mut compiler = Compiler::of(self.state.clone(), HOST, &self.skeleton);
        let key = self.key.clone();
        let observed = self.backend()?.observe(&key);
        let observed = observed.map_err(|error| refused(&error))?;
        let observed = observed.map(Tracked::from);
        let commit = diff(observed.as_ref(), compiler.table(), &key);
        self.commit(Some(&commit))?;
        self.held = observed.unwrap_or_default();
        self.compiler = Some(compiler);
        self.stage = Stage {
            main: Some(commit),
            ..Stage::default()
        };
        Ok(())
    }

    fn spoil(&mut self) -> Result<(), PeerError> {
        if self.start != Start::State {
            return Err(PeerError::Unable("it compares nothing"));
        }
        let sets = self.held.table().sets.iter();
        let largest = sets.max_by_key(|(_, set)| set.elements.len());
        let victim = largest.and_then(|(name, set)| {
            let key = set.elements.keys().next()?;
            Some((name.clone(), key.clone()))
        });
        let (name, key): (Name, _) = victim.ok_or(PeerError::Unable("it has no set"))?;
        let commit = Commit {
            table: self.key.clone(),
            steps: vec![Step {
                phase: Phase::Tighten,
                wait: Wait::None,
                operations: vec![Operation::DeleteElements(name, vec![key])],
            }],
        };
        // Somebody else's socket: ours is not told.
        let other = NftBackend::new(Ownership::None);
        let mut other = other.map_err(|error| refused(&error))?;
        other.commit(&commit).map_err(|error| refused(&error))
    }

    fn traffic(&mut self) -> Traffic {
        if self.start == Start::State {
            // Nobody else encodes with this catalog; where it knows too little nothing is said.
            self.catalog = Catalog::default();
            let held = std::mem::take(&mut self.held);
            let load = diff(None, &Tracked::from(held.table().clone()), &self.key);
            self.held = held;
            let stage = std::mem::take(&mut self.stage);
            let known = match self.since {
                Since::Change => self.encoded(&load).is_ok(),
                Since::Load | Since::Nothing => true,
            };
            self.stage = stage;
            if known {
                let _counted = self.encode_stage();
            }
        }
        self.stage.traffic
    }
}

fn refused(error: &dyn std::error::Error) -> PeerError {
    PeerError::Refused {
        what: "commit".to_owned(),
        complaint: error.to_string(),
    }
}

fn traffic<'a>(batches: impl Iterator<Item = &'a [u8]>) -> Traffic {
    let mut total = Traffic::default();
    for batch in batches {
        total.transactions += 1;
        total.bytes += u64::try_from(batch.len()).unwrap_or(u64::MAX);
        total.messages += messages(batch);
    }
    total
}

/// Messages of a batch, its begin and end included.
fn messages(mut batch: &[u8]) -> u64 {
    let mut count = 0;
    while let Some(length) = batch.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let next = batch.get(length.next_multiple_of(4)..);
        batch = next.unwrap_or_default();
        count += 1;
    }
    count
}
