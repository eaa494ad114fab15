//! The backend that programs the kernel through iptables and ipset.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::blame::{Blame, Refused};
use super::held::{Counts, Held, HeldTable, Placement};
use super::kept::Kept;
use super::lower::{Lowering, Touched};
use super::provider::{Provider, Variant};
use super::saved::{self, SavedTable};
use super::writes::Writes;
use super::{Document, write};
use crate::backend::grace::wait_for_grace;
use crate::backend::{Backend, CommitError, ObserveError};
use crate::ruleset::transaction::{Commit, Operation, Step, Wait};
use crate::ruleset::{Table, TableKey, Tracked};

/// How often rules are read back to see whether somebody changed them: nobody says so, and reading
/// takes some milliseconds for a thousand rules.
const LOOK: Duration = Duration::from_secs(10);

/// Our table as rules of iptables and ipsets, in the network namespace of the thread that works.
#[derive(Debug)]
pub struct XtablesBackend {
    pub(super) provider: Provider,
    placement: Placement,
    sets: Sets,
    kept: Kept,
    /// What the rules in force were made of, where that is known.
    table: Option<Tracked>,
    /// What that is in the terms of xtables.
    document: Option<Document>,
    /// What is known of how it became that.
    lowering: Lowering,
    /// What is in force, where nothing failed since it was looked at.
    pub(super) held: Option<Held>,
    /// Sets that stay though no rule of ours names them.
    stuck: BTreeSet<String>,
    looked: Option<Instant>,
    commits: u32,
}

/// Whether our ipsets are written beside the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sets {
    Ours,
    /// They are another backend's.
    Others,
}

/// What one step makes of the table.
struct Stage<'c> {
    step: &'c Step,
    table: Tracked,
    document: Document,
    lowering: Lowering,
}

impl XtablesBackend {
    /// Programs with a provider; what the rules are made of is kept in a run directory.
    ///
    /// # Errors
    /// The network namespace is not known.
    pub fn new(provider: Provider, placement: Placement, run_dir: &Path) -> io::Result<Self> {
        Ok(Self {
            provider,
            placement,
            sets: Sets::Ours,
            kept: Kept::of(run_dir)?,
            table: None,
            document: None,
            lowering: Lowering::default(),
            held: None,
            stuck: BTreeSet::new(),
            looked: None,
            commits: 0,
        })
    }

    /// The same without the sets, which belong to somebody else who uses them too.
    pub fn without_sets(mut self) -> Self {
        self.sets = Sets::Others;
        self
    }

    /// Whose programs write.
    pub fn variant(&self) -> Variant {
        self.provider.variant()
    }

    /// Whether there is anything of ours.
    ///
    /// # Errors
    /// The programs do not say what is there.
    pub fn is_in_force(&mut self) -> io::Result<bool> {
        let held = self.read()?;
        let is_empty = held.is_empty();
        self.held = Some(held);
        Ok(!is_empty)
    }

    /// Reads all tables and sets.
    fn read(&mut self) -> io::Result<Held> {
        self.looked = Some(Instant::now());
        let mut held = Held::default();
        if self.sets == Sets::Ours {
            held.take_sets(saved::sets(&self.provider.sets()?));
        }
        for (family, name) in self.provider.tables()? {
            let saved = self.provider.save(family, name)?;
            let table = HeldTable::read(SavedTable::read(&saved));
            held.tables.insert((family, name), table);
        }
        Ok(held)
    }

    /// What every step of a commit makes of the table. What xtables cannot say is found before
    /// anything is written.
    fn stages<'c>(&mut self, commit: &'c Commit) -> Result<Vec<Stage<'c>>, CommitError> {
        let mut table = self.table.clone().unwrap_or_default();
        // It is of the table in force, and that of which step this will be is not known yet.
        let mut lowering = std::mem::take(&mut self.lowering);
        let stages = commit.steps.iter().map(|step| {
            let alone = Commit {
                table: commit.table.clone(),
                steps: vec![step.clone()],
            };
            table.apply(&alone);
            let document = lowering.lower(table.table(), &touched(step));
            let document = document.map_err(|refusals| {
                Blame(table.table(), step.phase, &lowering).unsayable(&refusals.first)
            })?;
            Ok(Stage {
                step,
                table: table.clone(),
                document,
                lowering: lowering.clone(),
            })
        });
        stages.collect()
    }

    /// Brings what is in force to what a step makes of the table.
    fn run(&mut self, stage: &Stage<'_>) -> Result<(), CommitError> {
        let blame = |refused: Refused| {
            Blame(stage.table.table(), stage.step.phase, &stage.lowering).of(refused)
        };
        let mut held = match self.held.take() {
            Some(held) => held,
            None => self.read()?,
        };
        let writes = Writes::between(&held, &stage.document, self.placement);
        if !writes.is_idle(&self.stuck) {
            if stage.step.wait == Wait::Grace {
                wait_for_grace();
            }
            let left = writes
                .gone
                .iter()
                .filter_map(|name| held.sets.get_key_value(name));
            let mut left = left
                .map(|(name, set)| (name.clone(), set.clone()))
                .collect();
            write::all(&self.provider, &writes, &mut left, &self.stuck).map_err(blame)?;
            held.settle(&stage.document, self.placement);
            self.stuck = left.keys().cloned().collect();
            held.sets.extend(left);
        }
        self.held = Some(held);
        Ok(())
    }

    /// What a commit would give to `ipset restore` and `iptables-restore`, in order.
    ///
    /// # Errors
    /// Something cannot be said, or what is in force cannot be read.
    pub fn planned(&mut self, commit: &Commit) -> Result<String, CommitError> {
        let mut held = self.read()?;
        let mut text = String::new();
        for stage in self.stages(commit)? {
            let writes = Writes::between(&held, &stage.document, self.placement);
            text.push_str(&writes.text());
            held.settle(&stage.document, self.placement);
        }
        Ok(text)
    }

    /// What of ours is there, counted.
    ///
    /// # Errors
    /// The programs do not say what is there.
    pub fn counts(&mut self) -> io::Result<Counts> {
        Ok(self.read()?.counts())
    }

    /// Keeps what is in force for whoever comes after us. Where that fails they have to do without.
    fn keep(&self, key: &TableKey) {
        if self.sets == Sets::Others {
            // So is the record.
            return;
        }
        let table = self.table.as_ref().map(Tracked::table);
        let table = table.filter(|table| **table != Table::default());
        let _kept = match table {
            Some(table) => self.kept.write(key, table.clone()),
            None => self.kept.forget(),
        };
    }

    /// What is not as it should be, by what is known of the table.
    fn compare(&mut self, key: &TableKey, held: &Held) -> Result<(), String> {
        if self.table.is_none() {
            self.table = self.kept.read(key).map(Tracked::from);
        }
        let Some(table) = &self.table else {
            return Err("rules of ours, and no record of what they were made of".to_owned());
        };
        let mut lowering = Lowering::default();
        let lowered = lowering.lower(table.table(), &Touched::All);
        let document = lowered.map_err(|refusals| refusals.first.to_string())?;
        self.lowering = lowering;
        let difference = held.difference(&document, self.placement);
        self.document = Some(document);
        difference.map_or(Ok(()), Err)
    }
}

/// What a step touches.
fn touched(step: &Step) -> Touched {
    let (mut chains, mut sets) = (BTreeSet::new(), BTreeSet::new());
    for operation in &step.operations {
        match operation {
            Operation::DeleteTable => return Touched::All,
            Operation::AddChain(name, _)
            | Operation::FlushChain(name)
            | Operation::DeleteChain(name)
            | Operation::AddRule(name, _) => chains.insert(name.clone()),
            Operation::AddSet(name, _)
            | Operation::DeleteSet(name)
            | Operation::AddElements(name, _)
            | Operation::DeleteElements(name, _) => sets.insert(name.clone()),
            Operation::AddTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_) => false,
        };
    }
    Touched::These(chains, sets)
}

impl Backend for XtablesBackend {
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        if commit.is_empty() {
            return Ok(());
        }
        // Where there is no folder for it, everybody has the right.
        let _held = self.kept.hold();
        let stages = self.stages(commit)?;
        self.commits = self.commits.wrapping_add(1);
        // Whoever comes after us, should we not come to the end, is to look for what we left.
        let _kept = self.kept.begin();
        for stage in stages {
            self.run(&stage)?;
            self.table = Some(stage.table);
            self.document = Some(stage.document);
            self.lowering = stage.lowering;
        }
        self.keep(&commit.table);
        Ok(())
    }

    fn adopt(&mut self, _: &TableKey) -> Result<(), CommitError> {
        Ok(())
    }

    fn is_owned(&self) -> bool {
        false
    }

    fn stands(&mut self) -> Result<bool, ObserveError> {
        let held = self.read()?;
        let stands = held.stands();
        self.held = Some(held);
        Ok(stands)
    }

    fn observe(&mut self, key: &TableKey) -> Result<Option<Table>, ObserveError> {
        let held = self.read()?;
        let compared = match held.is_empty() {
            true => {
                (self.table, self.document) = (None, None);
                self.lowering = Lowering::default();
                Ok(())
            }
            false => self.compare(key, &held),
        };
        self.held = Some(held);
        match compared {
            Ok(()) => Ok(self.table.as_ref().map(|table| table.table().clone())),
            Err(what) => Err(ObserveError::Foreign {
                table: key.to_string(),
                what,
            }),
        }
    }

    fn has_moved(&mut self) -> Result<bool, ObserveError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(false);
        }
        let held = self.read()?;
        let moved = match &self.document {
            Some(document) => held.difference(document, self.placement).is_some(),
            None => !held.is_empty(),
        };
        self.held = Some(held);
        Ok(moved)
    }

    fn carrier(&self) -> &'static str {
        self.variant().name()
    }

    fn generation(&mut self) -> Result<u32, ObserveError> {
        Ok(self.commits)
    }
}
