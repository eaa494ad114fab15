//! The backend that programs the kernel through iptables and ipset.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::blame::{Blame, Refused};
use super::depth::too_deep;
use super::held::{Counts, Held, HeldTable, Placement};
use super::kept::{Kept, Note, Order};
use super::lower::{Dispatch, Lowering, Touched};
use super::provider::{Provider, Spent, Variant};
use super::said::Said;
use super::saved::{self, SavedTable};
use super::stage::{Before, Stage};
use super::writes::Writes;
use super::{Document, TableName, write};
use crate::backend::grace::wait_for_grace;
use crate::backend::{Backend, CommitError, ObserveError};
use crate::net::Family;
use crate::ruleset::transaction::{Commit, Phase, Step, Wait};
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
    /// Whether what is in force is the table, or on the way from it to what a step was to make of it.
    way: Way,
    /// Sets that stay though no rule of ours names them.
    stuck: BTreeSet<String>,
    /// How the kernel says our rules, where they are as we wrote them.
    said: Said,
    /// The chains that were written since that was read back, by table.
    written: BTreeMap<(Family, TableName), BTreeSet<String>>,
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

/// Where what is in force is, as far as a table is known that it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// There.
    There,
    /// Somebody was killed, or refused, half-way through a step that began there.
    Behind,
}

impl XtablesBackend {
    /// Programs with a provider; what the rules are made of is kept in a run directory.
    ///
    /// # Errors
    /// The network namespace is not known.
    pub fn new(provider: Provider, placement: Placement, run_dir: &Path) -> io::Result<Self> {
        let kept = Kept::of(run_dir)?;
        Ok(Self {
            placement,
            sets: Sets::Ours,
            said: kept.said(),
            written: BTreeMap::new(),
            kept,
            table: None,
            document: None,
            lowering: nothing_lowered(provider.variant()),
            provider,
            held: None,
            way: Way::There,
            stuck: BTreeSet::new(),
            looked: None,
            commits: 0,
        })
    }

    /// The same without the sets, which belong to somebody else who uses them too.
    pub fn without_sets(mut self) -> Self {
        self.sets = Sets::Others;
        self.said = Said::default();
        self
    }

    /// Whose programs write.
    pub fn variant(&self) -> Variant {
        self.provider.variant()
    }

    /// What was given to programs to write, since the beginning.
    pub fn spent(&self) -> Spent {
        self.provider.spent()
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

    /// Forgets what was written down of what it held. Where that fails, the next to look does.
    pub(in crate::backend) fn forget(&self) {
        if self.sets == Sets::Ours {
            let _forgotten = self.kept.forget();
        }
    }

    /// Reads all tables and sets.
    fn read(&mut self) -> io::Result<Held> {
        self.looked = Some(Instant::now());
        let mut held = Held::default();
        if self.sets == Sets::Ours {
            held.take_sets(saved::sets(&self.provider.sets()?));
        }
        for key in self.provider.tables()? {
            let (mut table, now) = self.read_table(key)?;
            for chain in self.said.contradicted(&now) {
                table.distrust(chain);
            }
            // Who wrote it may have been killed before they read it back.
            self.said.believe(now);
            held.tables.insert(key, table);
        }
        Ok(held)
    }

    /// Reads a table, and how the kernel says it.
    fn read_table(&self, key: (Family, TableName)) -> io::Result<(HeldTable, Said)> {
        let saved = SavedTable::read(&self.provider.save(key.0, key.1)?);
        let said = Said::of(key, &saved);
        Ok((HeldTable::read(saved), said))
    }

    /// Reads back how the kernel says what was written. Where that is not what it holds any more, the next look
    /// finds it.
    fn listen(&mut self) -> io::Result<()> {
        for (key, chains) in std::mem::take(&mut self.written) {
            let (table, now) = self.read_table(key)?;
            let held = self.held.as_ref().and_then(|held| held.tables.get(&key));
            if held.is_some_and(|held| held.is_like(&table)) {
                self.said.learn(key, now, &chains);
            }
        }
        self.kept.say(&self.said)
    }

    /// Makes of the table what a commit makes of it, and says what each step does. What xtables cannot say is found
    /// before anything is written, and the table is then what it was.
    fn stages<'c>(&mut self, commit: &'c Commit) -> Result<Vec<Stage<'c>>, CommitError> {
        let mut stages = Vec::with_capacity(commit.steps.len());
        for step in &commit.steps {
            let order = match stages.is_empty() {
                true => Order::First,
                false => Order::Later,
            };
            match self.stage(&commit.table, step, order) {
                Ok(stage) => stages.push(stage),
                Err(error) => {
                    self.take_back(stages);
                    return Err(error);
                }
            }
        }
        Ok(stages)
    }

    fn stage<'c>(
        &mut self,
        key: &TableKey,
        step: &'c Step,
        order: Order,
    ) -> Result<Stage<'c>, CommitError> {
        let before = Before::of(step, self.table.as_ref());
        let table = self.table.get_or_insert_default();
        table.apply(&Commit {
            table: key.clone(),
            steps: vec![step.clone()],
        });
        let note = (self.sets == Sets::Ours).then(|| {
            let part = before.after(step, table);
            self.kept.note(key, part.as_ref(), table.table(), order)
        });
        let mut stage = Stage {
            step,
            before,
            document: Document::default(),
            note,
        };
        match lowered(&mut self.lowering, self.provider.variant(), table, step) {
            Ok(document) => {
                stage.document = document;
                Ok(stage)
            }
            Err(error) => {
                self.take_back(vec![stage]);
                Err(error)
            }
        }
    }

    /// Makes the table what it was before some steps, which are the last that were taken on it.
    fn take_back(&mut self, stages: Vec<Stage<'_>>) {
        for stage in stages.into_iter().rev() {
            self.lowering.touch(&stage.touched());
            self.table = stage.before.restored(self.table.take());
        }
    }

    /// Brings what is in force to what a step makes of the table.
    fn run(&mut self, stage: &Stage<'_>) -> Result<(), Refused> {
        if stage.step.wait == Wait::Grace {
            wait_for_grace();
        }
        self.write(&stage.document)
    }

    /// The error for what was not written of a step, which is the last that was taken on the table.
    fn blamed(&self, step: &Step, refused: Refused) -> CommitError {
        let nothing = Tracked::default();
        let table = self.table.as_ref().unwrap_or(&nothing).table();
        let mut lowering = nothing_lowered(self.variant());
        // Whose a chain or a set is, is known whether or not all of it can be said.
        let _said = lowering.lower(table, &Touched::All);
        Blame(table, step.phase, &lowering).of(refused)
    }

    /// Goes back to where a step began that did not come to its end. It is as safe as the step: no packet
    /// looks at two of the things that it changes.
    fn go_back(&mut self) -> Result<(), CommitError> {
        if self.way == Way::There {
            return Ok(());
        }
        let (document, table) = (self.document.take(), self.table.take());
        let written = match (&document, &table) {
            (Some(document), Some(table)) => {
                let lowering = self.lowering.clone();
                let written = self.write(document);
                written
                    .map_err(|refused| Blame(table.table(), Phase::Switch, &lowering).of(refused))
            }
            (Some(_) | None, _) => Ok(()),
        };
        // Where it failed, that is still where the step began.
        (self.document, self.table) = (document, table);
        written?;
        self.way = Way::There;
        Ok(())
    }

    /// Writes what differs from a document.
    fn write(&mut self, document: &Document) -> Result<(), Refused> {
        let mut held = match self.held.take() {
            Some(held) => held,
            None => self.read().map_err(Refused::Io)?,
        };
        let writes = Writes::between(&held, document, self.placement);
        if !writes.is_idle(&self.stuck) {
            let left = writes
                .gone
                .iter()
                .filter_map(|name| held.sets.get_key_value(name));
            let mut left = left
                .map(|(name, set)| (name.clone(), set.clone()))
                .collect();
            for (family, name, script) in &writes.tables {
                let written = self.written.entry((*family, *name)).or_default();
                written.extend(script.chains().map(str::to_owned));
            }
            write::all(&self.provider, &writes, &mut left, &self.stuck)?;
            held.settle(document, self.placement);
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
        let stages = self.stages(commit)?;
        for stage in &stages {
            let writes = Writes::between(&held, &stage.document, self.placement);
            text.push_str(&writes.text());
            held.settle(&stage.document, self.placement);
        }
        self.take_back(stages);
        Ok(text)
    }

    /// What of ours is there, counted.
    ///
    /// # Errors
    /// The programs do not say what is there.
    pub fn counts(&mut self) -> io::Result<Counts> {
        Ok(self.read()?.counts())
    }

    /// Runs the steps, and writes down for whoever comes after us what each begins with and is to make of
    /// it. Where that fails they have to do without, and where the sets are others', so is the record.
    fn follow(&mut self, stages: Vec<Stage<'_>>) -> Result<(), CommitError> {
        let mut stages = stages.into_iter();
        while let Some(stage) = stages.next() {
            let noted = stage.note.as_ref();
            let noted = noted.is_some_and(|note| self.kept.intend(note).is_ok());
            if let Err(refused) = self.run(&stage) {
                self.take_back(stages.collect());
                let error = self.blamed(stage.step, refused);
                self.take_back(vec![stage]);
                return Err(error);
            }
            // Nothing is left to have a record of, whether that could be written down or not.
            let is_gone = matches!(stage.note, Some(Note::Nothing(_)));
            if let Some(note) = stage.note.as_ref().filter(|_| noted || is_gone) {
                let _kept = self.kept.reach(note);
            }
            if is_gone {
                (self.said, self.written) = (Said::default(), BTreeMap::new());
            }
            self.document = Some(stage.document);
        }
        Ok(())
    }

    /// What is not as it should be, by what is known of the table.
    fn compare(&mut self, key: &TableKey, held: &Held) -> Result<(), String> {
        if self.table.is_none() {
            self.table = self.kept.read(key);
        }
        let Some(table) = &self.table else {
            return Err("rules of ours, and no record of what they were made of".to_owned());
        };
        let mut lowering = nothing_lowered(self.variant());
        let lowered = lowering.lower(table.table(), &Touched::All);
        let document = lowered.map_err(|refusals| refusals.first.to_string())?;
        self.lowering = lowering;
        let Some(what) = held.difference(&document, self.placement) else {
            self.document = Some(document);
            return Ok(());
        };
        let intended = self.kept.intended(key);
        let intended = intended.and_then(|table| {
            let mut lowering = nothing_lowered(self.variant());
            lowering.lower(&table, &Touched::All).ok()
        });
        let is_on_the_way = intended
            .is_some_and(|intended| held.is_between([&document, &intended], self.placement));
        self.document = Some(document);
        if !is_on_the_way {
            return Err(what);
        }
        self.way = Way::Behind;
        Ok(())
    }
}

/// What a table that a step was taken on is in the terms of xtables.
fn lowered(
    lowering: &mut Lowering,
    variant: Variant,
    table: &Tracked,
    step: &Step,
) -> Result<Document, CommitError> {
    let document = lowering.lower(table.table(), &Touched::by(step));
    let blame = Blame(table.table(), step.phase, lowering);
    let document = document.map_err(|refusals| blame.unsayable(&refusals.first))?;
    match too_deep(variant, &document) {
        Some(way) => Err(blame.too_deep(variant, &way)),
        None => Ok(document),
    }
}

/// What the rules of `iptables-nft` become are chains of nf_tables, which lead into one another only so
/// often.
fn nothing_lowered(variant: Variant) -> Lowering {
    Lowering::by(match variant {
        Variant::Legacy => Dispatch::Chains,
        Variant::Nft => Dispatch::Sets,
    })
}

impl Backend for XtablesBackend {
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        if commit.is_empty() && self.way == Way::There {
            return Ok(());
        }
        // Where there is no folder for it, everybody has the right.
        let _held = self.kept.hold();
        // Also where the commit is refused: nobody is to stay half-way.
        self.go_back()?;
        let stages = self.stages(commit)?;
        self.commits = self.commits.wrapping_add(1);
        self.follow(stages)?;
        if self.sets == Sets::Ours && !self.written.is_empty() {
            // What is not read back now is believed by its comments.
            let _listened = self.listen();
        }
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
        self.way = Way::There;
        let compared = match held.is_empty() {
            true => {
                (self.table, self.document) = (None, None);
                self.lowering = nothing_lowered(self.variant());
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
