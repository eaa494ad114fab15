//! Objects that the kernel does not take: put aside, tried again, never in the way of the rest.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::{Action, Event, Object, Policy, Profile, Rule};

/// When an object is tried again for the first time, and how seldom at last.
const WAITS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// Objects that the kernel does not take, with what was said of them.
#[derive(Debug, Default)]
pub struct Quarantine {
    aside: BTreeMap<Object, Aside>,
    /// Those that are being tried again, and how long they had waited.
    tried: BTreeMap<Object, Duration>,
}

/// An object that the kernel does not take.
#[derive(Debug, Clone)]
pub struct Aside {
    /// What it should be.
    pub wanted: Event,
    /// What the kernel said.
    pub why: String,
    /// When it is tried again.
    pub again: Instant,
    wait: Duration,
}

impl Quarantine {
    /// The objects and why they are here.
    pub fn iter(&self) -> impl Iterator<Item = (&Object, &Aside)> {
        self.aside.iter()
    }

    /// Whether an object is here.
    pub fn holds(&self, object: &Object) -> bool {
        self.aside.contains_key(object)
    }

    /// Puts an object aside; one that was just tried again waits twice as long.
    pub(super) fn put(&mut self, object: Object, wanted: Event, why: &str, now: Instant) {
        let (first, longest) = WAITS;
        let waited = self.tried.remove(&object);
        let wait = waited.map_or(first, |waited| (waited * 2).min(longest));
        let aside = Aside {
            wanted,
            why: why.to_owned(),
            again: now + wait,
            wait,
        };
        // What it should be was said the first time; now it is what stands in its place.
        let wanted = self.aside.remove(&object).map(|aside| aside.wanted);
        let aside = Aside {
            wanted: wanted.unwrap_or_else(|| aside.wanted.clone()),
            ..aside
        };
        self.aside.insert(object, aside);
    }

    /// Forgets the objects that events speak of: what is said of them now is tried at once.
    pub(super) fn admit(&mut self, events: &[Event]) {
        for event in events {
            self.aside.remove(&event.object());
        }
    }

    /// What to try again by now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Event> {
        let due = self.aside.iter().filter(|(_, aside)| aside.again <= now);
        let due: Vec<Object> = due.map(|(object, _)| object.clone()).collect();
        let mut events = Vec::new();
        for object in due {
            if let Some(aside) = self.aside.remove(&object) {
                self.tried.insert(object, aside.wait);
                events.push(aside.wanted);
            }
        }
        events
    }

    /// Everything that was tried again is in force.
    pub(super) fn released(&mut self) {
        self.tried.clear();
    }

    /// When the next object is tried again.
    pub fn next(&self) -> Option<Instant> {
        self.aside.values().map(|aside| aside.again).min()
    }
}

/// What stands in the place of an object that the kernel never took: nothing that allows anything.
pub(super) fn shut(event: Event) -> Event {
    let denied = || vec![Rule::of_all(Action::Deny)];
    match event {
        Event::Policy(policy) => Event::Policy(Box::new(Policy {
            ingress: denied(),
            egress: denied(),
            ..*policy
        })),
        Event::Profile(profile) => Event::Profile(Box::new(Profile {
            ingress: denied(),
            egress: denied(),
            ..*profile
        })),
        Event::Group(_)
        | Event::Endpoint(_)
        | Event::GroupGone(_)
        | Event::EndpointGone(_)
        | Event::Settings(_)
        | Event::Tier(_)
        | Event::TierGone(_)
        | Event::PolicyGone(_)
        | Event::ProfileGone(_)
        | Event::NetworkSet(_)
        | Event::NetworkSetGone(_)
        | Event::Configuration(_)
        | Event::ConfigurationGone(_)
        | Event::Node(_)
        | Event::NodeGone(_)
        | Event::Readiness(_) => event.undone(),
    }
}
