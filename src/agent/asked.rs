//! What the daemon does when it is asked by its socket: `apply`, `confirm`, `rollback`.

use std::collections::BTreeMap;
use std::time::Instant;

use tracing::{info, warn};

use super::control::{Applied, Apply, Refusal, Reply};
use super::moment::Moment;
use super::work::Work;
use crate::backend::Backend;
use crate::codec::Keys;
use crate::model::{Event, Object};

impl<B: Backend> Work<B> {
    /// Puts documents in the place of what the store says. They are in force when this ends, or nothing
    /// of them is.
    pub fn apply(&mut self, apply: &Apply) -> Reply {
        match self.overlaid(apply) {
            Ok(applied) => Reply::Applied(applied),
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// Keeps what the last apply did.
    pub fn confirm(&mut self) -> Reply {
        match self.overlay().confirm() {
            Some(_) => {
                info!("what the last apply did is confirmed");
                Reply::Told("confirmed: what the last apply did stays".to_owned())
            }
            None => refused("nothing waits to be confirmed"),
        }
    }

    /// Undoes the last apply.
    pub fn roll_back(&mut self) -> Reply {
        match (self.undo("as asked"), self.may_program()) {
            (false, _) => refused("there is nothing to undo: the store alone is in force"),
            (true, false) => refused("it is undone as soon as the store is known and ready again"),
            (true, true) => match self.in_the_way() {
                None => Reply::Told("rolled back".to_owned()),
                Some(why) => refused(&format!("undone, and not in force yet: {why}")),
            },
        }
    }

    /// Undoes the last apply if it was to be confirmed by now.
    pub fn undo_if_due(&mut self, now: Instant) {
        if self.overlay().until().is_some_and(|until| until <= now) {
            self.undo("nobody confirmed it in time");
        }
    }

    fn overlaid(&mut self, apply: &Apply) -> Result<Applied, Refusal> {
        let host = self.voice().last().host.clone();
        if apply.host != host {
            let why = format!("it works for host {host}, not for {}", apply.host);
            return Err(Refusal::Unsafe(why));
        }
        if self.overlay().until().is_some() {
            return Err(Refusal::Unsafe(
                "another apply waits to be confirmed: `margay confirm` keeps what it did, `margay \
                 rollback` undoes it"
                    .to_owned(),
            ));
        }
        if !self.may_program() {
            let why = "what the store holds is not known yet, or not ready: ask again later";
            return Err(Refusal::Failed(why.to_owned()));
        }
        let events = events(apply)?.into_iter();
        let events = events.map(|event| self.without_process(event)).collect();
        let earlier = self.overlay().clone();
        let before = self.voice().status().commits.count;
        let touched = self.overlay().replace(events, Moment::now());
        self.lay(touched);
        if let Some(why) = self.in_the_way() {
            let touched = self.overlay().restore(earlier);
            self.lay(touched);
            return Err(Refusal::Failed(why));
        }
        let commits = self.voice().status().commits;
        let last = commits.last.filter(|_| commits.count != before);
        // Where nothing changed there is nothing to confirm.
        let confirm_within = apply.confirm_within.filter(|_| last.is_some());
        if let Some(within) = confirm_within {
            self.overlay().wait(within, Instant::now());
        }
        info!(
            documents = apply.documents.len(),
            "applied over what the store says"
        );
        Ok(Applied {
            last,
            confirm_within,
        })
    }

    /// What documents say of the daemon itself is left to the store: it could end the daemon, and what
    /// was applied with it.
    fn without_process(&self, mut event: Event) -> Event {
        let object = event.object();
        if let Event::Configuration(said) = &mut event {
            said.process.clear();
            if let Some(Event::Configuration(stored)) = self.stored(&object) {
                said.process = stored.process;
            }
        }
        event
    }

    /// Why what covers the store is not in force, if it is not.
    fn in_the_way(&mut self) -> Option<String> {
        if let Some(failure) = &self.voice().status().failure {
            return Some(failure.why.clone());
        }
        let aside: BTreeMap<_, _> = self.aside().collect();
        let objects = self.overlay().objects();
        let mut aside = aside.into_iter();
        let first = aside.find(|(object, _)| objects.contains(object));
        first.map(|(object, why)| format!("{object}: {why}"))
    }

    fn undo(&mut self, why: &str) -> bool {
        let Some(touched) = self.overlay().undo() else {
            return false;
        };
        warn!(%why, "the last apply is rolled back");
        self.lay(touched);
        true
    }

    /// Says of each object what counts now, and programs that.
    fn lay(&mut self, touched: BTreeMap<Object, Event>) {
        let said = touched
            .into_iter()
            .map(|(object, event)| self.counts(&object, event));
        let events: Vec<_> = said.collect();
        self.changed(events);
        self.weigh();
        self.round(Instant::now());
    }
}

fn events(apply: &Apply) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::new();
    for (name, text) in &apply.documents {
        let read = Keys::Files.read(&[(name, text.as_bytes())]);
        if read.has_errors() {
            let problems: Vec<_> = read.problems.iter().map(ToString::to_string).collect();
            return Err(Refusal::Failed(problems.join("\n")));
        }
        // Whether the store is fit to be read only the store can say.
        let said = read.events.into_iter();
        events.extend(said.filter(|event| event.object() != Object::Readiness));
    }
    Ok(events)
}

fn refused(why: &str) -> Reply {
    Reply::Refused(Refusal::Failed(why.to_owned()))
}
