//! The table that the rules in the kernel were made of, as nft text, for whoever comes after us.
//!
//! Rules of xtables cannot be turned back into it. So it is written down beside them, and believed
//! only where what it becomes is what the kernel holds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{FdFlags, fcntl_setfd};

use super::part::Part;
use super::said::Said;
use super::steps::{self, Steps};
use crate::backend::nft::namespace;
use crate::backend::private;
use crate::ruleset::{Ruleset, Table, TableKey, Tracked, parse};

/// Steps are written behind one another until they are longer than the whole table and this many bytes.
const STEPS_MAX: u64 = 1 << 16;

/// The files of one network namespace.
#[derive(Debug)]
pub(super) struct Kept {
    file: PathBuf,
    /// What the files hold, if it is what we read or wrote there.
    known: Option<Files>,
}

/// What is in the files that say what is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Files {
    /// The file of the whole table, which nobody changes in place.
    inode: u64,
    /// How long it is.
    whole: u64,
    /// What steps behind it begin with.
    heading: String,
    /// How long these are.
    steps: u64,
}

/// Where a step is in a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Its begin is what is in force.
    First,
    /// It comes behind another one.
    Later,
}

/// What is to be written down of a step before it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// The whole table.
    Whole(String),
    /// The same, and it is nothing: no record is needed of it.
    Nothing(String),
    /// What the step touches.
    Step(String),
}

impl Kept {
    /// The files in a run directory, of the calling thread's network namespace.
    pub(super) fn of(run_dir: &Path) -> io::Result<Self> {
        let name = format!("xtables-{}.nft", namespace()?);
        Ok(Self {
            file: run_dir.join(name),
            known: None,
        })
    }

    /// The right to write, for as long as it is open, also in a program that outlives us: whoever comes
    /// after a process that was killed waits until the last program that it started has ended.
    pub(super) fn hold(&self) -> io::Result<File> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.file.with_extension("lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        fcntl_setfd(&lock, FdFlags::empty())?;
        Ok(lock)
    }

    /// Waits until nobody writes.
    pub(super) fn wait(&self) {
        if self.file.with_extension("lock").exists() {
            let _held = self.hold();
        }
    }

    /// Whether something was written down.
    pub(super) fn is_there(&self) -> bool {
        self.file.exists() || self.next().exists()
    }

    /// What was in force when somebody wrote last, or before that, if it can be read.
    pub(super) fn read(&mut self, key: &TableKey) -> Option<Tracked> {
        let (whole, steps) = (fs::read_to_string(&self.file).ok()?, self.steps_text());
        self.known = None;
        let mut table = Tracked::from(table(&whole, key)?);
        Steps::read(&steps, &whole).take(&mut table, key)?;
        let known = self.measured(&whole);
        // Behind those of an earlier table nothing is written: the whole table comes next, and they go.
        self.known = known.filter(|known| steps.is_empty() || steps.starts_with(&known.heading));
        Some(table)
    }

    /// What was to be made of it, where somebody did not come so far.
    pub(super) fn intended(&self, key: &TableKey) -> Option<Table> {
        if let Ok(whole) = fs::read_to_string(self.next()) {
            return table(&whole, key);
        }
        let (whole, steps) = (fs::read_to_string(&self.file).ok()?, self.steps_text());
        let mut table = Tracked::from(table(&whole, key)?);
        let steps = Steps::read(&steps, &whole);
        steps.take(&mut table, key)?;
        steps.go_on(&mut table, key)?;
        Some(table.into_table())
    }

    /// What is to be written down of a step that touches a part of a table, or all of it, and is the first after what is
    /// in force, or behind another one.
    pub(super) fn note(
        &self,
        key: &TableKey,
        part: Option<&Part>,
        table: &Table,
        order: Order,
    ) -> Note {
        let has_room = match order {
            Order::First => self.known.as_ref().is_some_and(|known| {
                known.steps <= known.whole.max(STEPS_MAX) && self.is_as_known(known)
            }),
            Order::Later => true,
        };
        let is_left = *table != Table::default();
        match part.filter(|_| has_room && is_left) {
            Some(part) => Note::Step(steps::begun(part, key)),
            None => {
                let ruleset = Ruleset {
                    tables: [(key.clone(), table.clone())].into(),
                };
                let whole = ruleset.to_string();
                match *table == Table::default() {
                    true => Note::Nothing(whole),
                    false => Note::Whole(whole),
                }
            }
        }
    }

    /// Writes down what is to be in force, before anything is done for it.
    pub(super) fn intend(&mut self, note: &Note) -> io::Result<()> {
        // Where something goes wrong nobody knows what a later step would be behind.
        let known = self.known.take();
        let text = match note {
            Note::Whole(text) | Note::Nothing(text) => {
                self.put(&self.next(), text)?;
                self.known = known;
                return Ok(());
            }
            Note::Step(text) => text,
        };
        let mut known = known.ok_or(ErrorKind::NotFound)?;
        private::gone(&self.next())?;
        let text = match known.steps {
            0 => {
                private::gone(&self.steps())?;
                format!("{}{text}", known.heading)
            }
            _ => text.clone(),
        };
        private::append(&self.steps(), &text)?;
        known.steps += length(&text);
        self.known = Some(known);
        Ok(())
    }

    /// It is in force.
    pub(super) fn reach(&mut self, note: &Note) -> io::Result<()> {
        let known = self.known.take();
        match note {
            Note::Whole(text) => {
                fs::rename(self.next(), &self.file)?;
                private::gone(&self.steps())?;
                self.known = self.measured(text);
            }
            Note::Nothing(_) => self.forget()?,
            Note::Step(_) => {
                let mut known = known.ok_or(ErrorKind::NotFound)?;
                private::append(&self.steps(), &steps::done())?;
                known.steps += length(&steps::done());
                self.known = Some(known);
            }
        }
        Ok(())
    }

    /// What the files hold now, if the whole table is this text.
    fn measured(&self, whole: &str) -> Option<Files> {
        let steps = fs::metadata(self.steps()).map_or(0, |file| file.len());
        let file = fs::metadata(&self.file).ok()?;
        (file.len() == length(whole)).then(|| Files {
            inode: file.ino(),
            whole: file.len(),
            heading: steps::heading(whole),
            steps,
        })
    }

    /// Whether nobody else wrote since.
    fn is_as_known(&self, known: &Files) -> bool {
        let steps = fs::metadata(self.steps()).map_or(0, |file| file.len());
        let file = fs::metadata(&self.file);
        file.is_ok_and(|file| (file.ino(), file.len()) == (known.inode, known.whole))
            && steps == known.steps
    }

    fn steps_text(&self) -> String {
        fs::read_to_string(self.steps()).unwrap_or_default()
    }

    /// How the kernel said our rules when they were written.
    pub(super) fn said(&self) -> Said {
        let text = fs::read_to_string(self.words()).unwrap_or_default();
        Said::read(&text)
    }

    /// Writes that down.
    pub(super) fn say(&self, said: &Said) -> io::Result<()> {
        match *said == Said::default() {
            true => private::gone(&self.words()),
            false => self.put(&self.words(), &said.text()),
        }
    }

    fn words(&self) -> PathBuf {
        self.file.with_extension("said")
    }

    fn next(&self) -> PathBuf {
        self.file.with_extension("next.nft")
    }

    fn steps(&self) -> PathBuf {
        self.file.with_extension("steps.nft")
    }

    /// Writes a file, in one piece.
    fn put(&self, under: &Path, text: &str) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        private::put(under, text)
    }

    /// Forgets it.
    pub(super) fn forget(&self) -> io::Result<()> {
        for file in [&self.words(), &self.next(), &self.steps(), &self.file] {
            private::gone(file)?;
        }
        Ok(())
    }
}

fn table(text: &str, key: &TableKey) -> Option<Table> {
    let ruleset = parse("xtables.nft", text);
    ruleset.ok()?.tables.remove(key)
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::fixture;
    use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
    use crate::ruleset::{Element, Key};

    /// What is in force and what was written down of it.
    struct World {
        key: TableKey,
        kept: Kept,
        table: Tracked,
        run_dir: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let text = "table inet margay { set group { type ipv4_addr; } }";
            let mut tables = parse("test", text).unwrap().tables;
            let run_dir = tempfile::tempdir().unwrap();
            Self {
                key: fixture::key("margay"),
                kept: Kept::of(run_dir.path()).unwrap(),
                table: Tracked::from(tables.pop_first().unwrap().1),
                run_dir,
            }
        }

        /// Notes a step with one address more.
        fn note(&mut self, host: u8) -> Note {
            let key = Key::value(&[10, 0, 0, host]);
            let element = [(key, Element::default())];
            let step = Step {
                phase: Phase::Loosen,
                wait: Wait::None,
                operations: vec![Operation::AddElements(
                    fixture::name("group"),
                    element.into(),
                )],
            };
            self.table.apply(&Commit {
                table: self.key.clone(),
                steps: vec![step.clone()],
            });
            let part = Part::of(&step, self.table.table());
            self.kept
                .note(&self.key, part.as_ref(), self.table.table(), Order::First)
        }

        fn taken(&mut self, host: u8) -> Note {
            let note = self.note(host);
            self.kept.intend(&note).unwrap();
            self.kept.reach(&note).unwrap();
            note
        }

        /// How many addresses somebody finds who comes after us: in force, and intended.
        fn found(&self) -> [Option<usize>; 2] {
            let mut kept = Kept::of(self.run_dir.path()).unwrap();
            let count = |table: &Table| table.sets.values().map(|set| set.elements.len()).sum();
            [
                kept.read(&self.key).map(|table| count(table.table())),
                kept.intended(&self.key).as_ref().map(count),
            ]
        }
    }

    #[test]
    fn steps_are_written_behind_a_whole_table() {
        let mut world = World::new();
        assert_eq!(world.found(), [None, None]);
        assert!(matches!(world.taken(1), Note::Whole(_)));
        assert!(matches!(world.taken(2), Note::Step(_)));
        assert!(matches!(world.taken(3), Note::Step(_)));
        assert_eq!(world.found(), [Some(3), None]);
        let note = world.note(4);
        world.kept.intend(&note).unwrap();
        assert_eq!(world.found(), [Some(3), Some(4)]);
        // It was taken back, and another one was taken: by somebody else, who read what is there.
        world.kept = Kept::of(world.run_dir.path()).unwrap();
        world.table = world.kept.read(&world.key.clone()).unwrap();
        assert!(matches!(world.taken(5), Note::Step(_)));
        assert_eq!(world.found(), [Some(4), None]);
    }

    #[test]
    fn what_was_not_written_to_its_end_is_not_believed() {
        let mut world = World::new();
        world.taken(1);
        world.taken(2);
        let note = world.note(3);
        world.kept.intend(&note).unwrap();
        let steps = world.kept.steps();
        let text = fs::read_to_string(&steps).unwrap();
        fs::write(&steps, &text[..text.len() - 9]).unwrap();
        assert_eq!(world.found(), [Some(2), None]);
        // Nobody knows what somebody else wrote there.
        assert!(matches!(world.note(4), Note::Whole(_)));
    }

    #[test]
    fn steps_behind_another_table_are_not_taken() {
        let mut world = World::new();
        world.taken(1);
        world.taken(2);
        let steps = fs::read_to_string(world.kept.steps()).unwrap();
        world.kept = Kept::of(world.run_dir.path()).unwrap();
        world.table = World::new().table;
        assert!(matches!(world.taken(3), Note::Whole(_)));
        assert_eq!(world.found(), [Some(1), None]);
        // As if somebody had been killed before they took them away.
        fs::write(world.kept.steps(), steps).unwrap();
        assert_eq!(world.found(), [Some(1), None]);
    }

    #[test]
    fn behind_a_table_that_could_not_be_written_no_step_is() {
        let mut world = World::new();
        world.taken(1);
        let step = world.note(2);
        assert!(matches!(step, Note::Step(_)));
        fs::create_dir(world.kept.next()).unwrap();
        let whole = Note::Whole("table inet margay { }".to_owned());
        assert!(world.kept.intend(&whole).is_err());
        fs::remove_dir(world.kept.next()).unwrap();
        assert!(world.kept.intend(&step).is_err());
        assert_eq!(world.found(), [Some(1), None]);
    }

    #[test]
    fn steps_that_are_longer_than_the_table_become_one() {
        let mut world = World::new();
        world.taken(1);
        let wholes = (0..2_000).filter(|at| {
            let host = u8::try_from(at % 200).unwrap();
            matches!(world.taken(host), Note::Whole(_))
        });
        let wholes = wholes.count();
        assert!((1..20).contains(&wholes), "{wholes}");
        let [found, _] = world.found();
        assert_eq!(found, Some(200));
    }
}
