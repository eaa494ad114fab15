//! `margay apply`: bring the kernel to what the documents say, once.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum, value_parser};
use serde_json::{Value, json};

use super::carrier;
use super::exit::{Exit, Failure};
use super::kernel::Kernel;
use super::options::{Form, Output, RunDir};
use super::policy::Policy;
use super::screen::{Screen, Tint};
use super::{keep, owner, refusal, through};
use crate::agent::control::client::AskError;
use crate::agent::control::{self, Request};
use crate::backend::carrier::HostBackend;
use crate::backend::nft::Ownership;
use crate::backend::reconcile::{ReconcileError, reconcile};
use crate::backend::{Backend, ObserveError};
use crate::compile::skeleton;
use crate::model::State;
use crate::ruleset::diff::between;
use crate::ruleset::transaction::Commit;
use crate::ruleset::{Table, TableKey};
use crate::undo::keeper::Begun;
use crate::undo::{Hold, Place, Record, UndoError};

/// Bring the kernel to what the documents say, without a gap
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    policy: Policy,
    #[command(flatten)]
    kernel: Kernel,
    #[command(flatten)]
    backend: carrier::Backend,
    /// Whether the table outlives the flush of a foreign owner
    #[arg(long, value_enum, default_value = "persist")]
    ownership: Keep,
    /// Roll back unless `margay confirm` comes within so many seconds, also if the terminal is lost
    #[arg(long, value_name = "SECS", value_parser = value_parser!(u32).range(1..))]
    confirm_within: Option<u32>,
    #[command(flatten)]
    run_dir: RunDir,
    #[command(flatten)]
    output: Output,
}

/// The flags of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// None
    None,
    /// persist, where the kernel has it
    Persist,
}

impl Apply {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let state = self.policy.state(screen)?;
        self.kernel.enter()?;
        self.backend.is_of_agent(&self.run_dir.path)?;
        let told = match through::agent(&self.run_dir.path, &self.request()?)? {
            Some(reply) => Told::of_reply(&reply)?,
            None => self.at_once(&state, screen)?,
        };
        screen.result(&match self.output.form {
            Form::Text => told.text(),
            Form::Json => told.json(),
        })?;
        Ok(Exit::Done)
    }

    /// What an agent is asked.
    fn request(&self) -> Result<Request, Failure> {
        let within = self.confirm_within;
        Ok(Request::Apply(Box::new(control::Apply {
            host: self.policy.host.clone(),
            documents: self.policy.texts()?,
            confirm_within: within.map(|seconds| Duration::from_secs(seconds.into())),
        })))
    }

    /// Where no agent works: what the documents say, and nothing else, comes into force.
    fn at_once(&self, state: &State, screen: &Screen) -> Result<Told, Failure> {
        let begin = Instant::now();
        let ownership = match self.ownership {
            Keep::None => Ownership::None,
            Keep::Persist => Ownership::Persist,
        };
        let run_dir = &self.run_dir.path;
        let mut backend = self.backend.open(&self.kernel, ownership, run_dir)?;
        let (key, desired) = self.policy.table(state)?;
        for carrier in backend.all() {
            owner::nobody(carrier, &key, run_dir)?;
        }
        if backend.is_preceded() && self.confirm_within.is_some() {
            return Err(Failure::Usage(format!(
                "--confirm-within cannot go back to another backend: apply without it, and by {} again \
                 to go back",
                backend
                    .previous()
                    .first()
                    .map_or("the other", |other| other.name())
            )));
        }
        let held = self.held(screen)?;
        let before = Before::of(&mut backend, &key)?;
        let commits = match before.is(desired.table(), &key) {
            true => Vec::new(),
            false => {
                let undo = self.undo(&backend, (&before, desired.table()), held, screen)?;
                let commits = self.commit(&mut backend, &before, state)?;
                undo.wait()?;
                commits
            }
        };
        let removed = backend.previous().iter().map(|carrier| carrier.name());
        let removed = removed.collect();
        backend.supersede(&key)?;
        let waits = self.confirm_within.filter(|_| !commits.is_empty());
        Ok(Told {
            backend: Some(backend.chosen().name()),
            removed,
            ..Told::of(&commits, begin, waits)
        })
    }

    /// The right to apply. Where it cannot be had for another reason than that somebody else has it, a
    /// plain apply goes on without, and cannot be undone.
    fn held(&self, screen: &Screen) -> Result<Option<(Place, Hold)>, Failure> {
        let held = Place::of(&self.run_dir.path).and_then(|place| {
            let hold = place.hold()?;
            Ok((place, hold))
        });
        match held {
            Ok(held) => Ok(Some(held)),
            Err(error @ UndoError::Taken) => Err(error.into()),
            Err(error) if self.confirm_within.is_some() => Err(error.into()),
            Err(error) => {
                irrevocable(&error.to_string(), screen);
                Ok(None)
            }
        }
    }

    /// Makes sure that the apply can be undone, before it is made.
    fn undo(
        &self,
        backend: &HostBackend,
        (before, desired): (&Before, &Table),
        held: Option<(Place, Hold)>,
        screen: &Screen,
    ) -> Result<Undo, Failure> {
        let Some((place, hold)) = held else {
            return Ok(Undo::Never);
        };
        if backend.is_preceded() {
            irrevocable("it goes from one backend to the other", screen);
            Record::forget(&place)?;
            return Ok(Undo::Asked(hold));
        }
        let before = match (before, self.confirm_within) {
            (Before::Known(before), _) => before.as_ref(),
            (Before::Foreign(what), None) => {
                irrevocable(what, screen);
                Record::forget(&place)?;
                return Ok(Undo::Never);
            }
            (Before::Foreign(what), Some(_)) => {
                return Err(Failure::Unsafe(format!(
                    "what is in force could not be put back: {what}; apply without --confirm-within, \
                     which replaces it"
                )));
            }
        };
        let record = Record::new(skeleton::table_key(), before, desired);
        match self.confirm_within {
            Some(within) => {
                // The keeper takes the right for itself.
                drop(hold);
                let command = keep::command(
                    &self.run_dir.path,
                    within,
                    self.backend.exactly(backend.chosen()),
                );
                let mut command = command.map_err(|error| UndoError::Keeper(error.to_string()))?;
                let begun = Begun::start(&place, &mut command, &record)?;
                Ok(Undo::Unconfirmed(begun))
            }
            None => {
                record.keep(&place)?;
                Ok(Undo::Asked(hold))
            }
        }
    }

    /// Where nothing is in force the skeleton comes first: a large policy takes a while to load. Where
    /// another backend is, that would shut what it lets pass.
    fn commit(
        &self,
        backend: &mut HostBackend,
        before: &Before,
        state: &State,
    ) -> Result<Vec<Commit>, Failure> {
        let (key, desired) = self.policy.table(state)?;
        let mut commits = Vec::new();
        let blame = |error: ReconcileError| {
            Failure::Refused(refusal::told(&error, state, &self.policy.host))
        };
        if matches!(before, Before::Known(None)) && !backend.is_preceded() {
            let nothing = State {
                settings: state.settings_of(&self.policy.host),
                ..State::default()
            };
            let (_, skeleton) = self.policy.table(&nothing)?;
            commits.push(reconcile(backend, &key, &skeleton).map_err(blame)?);
        }
        commits.push(reconcile(backend, &key, &desired).map_err(blame)?);
        Ok(commits)
    }
}

fn irrevocable(why: &str, screen: &Screen) {
    let word = screen.diagnostic.tinted(Tint::Warning, "warning");
    screen.diagnostic(&format!("{word}: this apply cannot be undone: {why}\n"));
}

/// What is in force before an apply.
enum Before {
    /// A table of ours, or none.
    Known(Option<Table>),
    /// Something in our table that we never write.
    Foreign(String),
}

impl Before {
    fn of(backend: &mut HostBackend, key: &TableKey) -> Result<Self, Failure> {
        match backend.observe(key) {
            Ok(table) => Ok(Self::Known(table)),
            Err(error @ ObserveError::Foreign { .. }) => Ok(Self::Foreign(error.to_string())),
            Err(error @ ObserveError::Unreachable(_)) => Err(error.into()),
        }
    }

    fn is(&self, desired: &Table, key: &TableKey) -> bool {
        match self {
            Self::Known(Some(held)) => between(Some(held), desired, key).is_empty(),
            Self::Known(None) | Self::Foreign(_) => false,
        }
    }
}

/// How an apply is undone.
enum Undo {
    /// By whoever waits for a confirmation that does not come.
    Unconfirmed(Begun),
    /// By `margay rollback`. Nobody else applies before the commit is made.
    Asked(#[expect(dead_code, reason = "a lock is held by being open")] Hold),
    Never,
}

impl Undo {
    /// The commit is made.
    fn wait(self) -> Result<(), Failure> {
        match self {
            Self::Unconfirmed(begun) => Ok(begun.wait()?),
            Self::Asked(_) | Self::Never => Ok(()),
        }
    }
}

/// What was done.
struct Told {
    transactions: u64,
    operations: u64,
    elements: u64,
    milliseconds: f64,
    /// What programs the kernel; an agent does not say.
    backend: Option<&'static str>,
    /// What did before, and does no more.
    removed: Vec<&'static str>,
    /// In how many seconds it is rolled back, unless it is confirmed.
    waits: Option<u32>,
}

impl Told {
    fn of(commits: &[Commit], begin: Instant, waits: Option<u32>) -> Self {
        let steps = || commits.iter().flat_map(|commit| &commit.steps);
        let operations = || steps().flat_map(|step| &step.operations);
        let elements = operations().map(|operation| operation.keys().count());
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            transactions: number(steps().count()),
            operations: number(operations().count()),
            elements: number(elements.sum()),
            milliseconds: begin.elapsed().as_secs_f64() * 1000.0,
            backend: None,
            removed: Vec::new(),
            waits,
        }
    }

    /// What an agent says that it did.
    fn of_reply(reply: &Value) -> Result<Self, Failure> {
        let malformed = || AskError::Malformed("there is no whole /applied".to_owned());
        let applied = reply.get("applied").ok_or_else(malformed)?;
        let number = |name: &str| applied.get(name).and_then(Value::as_u64);
        let took = applied.get("milliseconds").and_then(Value::as_f64);
        let waits = number("confirm_within_seconds");
        Ok(Self {
            transactions: number("transactions").ok_or_else(malformed)?,
            operations: number("operations").ok_or_else(malformed)?,
            elements: number("elements").ok_or_else(malformed)?,
            milliseconds: took.ok_or_else(malformed)?,
            backend: None,
            removed: Vec::new(),
            waits: waits.and_then(|seconds| u32::try_from(seconds).ok()),
        })
    }

    fn text(&self) -> String {
        let removed = self.removed.iter();
        let removed: String = removed.map(|name| format!("removed: {name}\n")).collect();
        if self.transactions == 0 && removed.is_empty() {
            return "nothing to change\n".to_owned();
        }
        let waits = self.waits.map(|seconds| {
            format!("rolled back in {seconds} s, unless `margay confirm` comes before\n")
        });
        format!(
            "applied: {} transactions, {} operations, {} elements, {:.1} ms\n{removed}{}",
            self.transactions,
            self.operations,
            self.elements,
            self.milliseconds,
            waits.unwrap_or_default()
        )
    }

    fn json(&self) -> String {
        let value = json!({
            "schema": "margay.apply/1",
            "changed": self.transactions > 0 || !self.removed.is_empty(),
            "transactions": self.transactions,
            "operations": self.operations,
            "elements": self.elements,
            "milliseconds": self.milliseconds,
            "backend": self.backend,
            "removed": self.removed,
            "confirm_within_seconds": self.waits,
        });
        format!("{value:#}\n")
    }
}
