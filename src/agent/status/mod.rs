//! What the agent says of itself: a snapshot, which the loop publishes and others read.

mod endpoint;
mod endpoints;
mod json;
mod overlay;
mod round;
mod screen;
mod store;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::dataplane::Done;
use super::moment::Moment;

pub use endpoint::{EndpointState, EndpointStatus};
pub use endpoints::Endpoints;
pub use overlay::OverlayStatus;
pub use round::{Commits, LastRound, Repeated, RoundFailure};
pub use store::{Store, StoreLink, Sync};
pub use table::{TableHold, TableStatus};

/// How long somebody else's change of the table is a finding after it was undone.
const DRIFT_TOLD: Duration = Duration::from_secs(300);

/// A snapshot of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The host that it is for.
    pub host: String,
    /// The version of the program.
    pub version: String,
    /// When it was started.
    pub started: Moment,
    /// Where policy comes from.
    pub store: Store,
    /// How much of the store is known.
    pub sync: Sync,
    /// Since when all that is known is in force, for the first time since the start; `None` before.
    pub in_force: Option<Moment>,
    /// What the kernel holds.
    pub table: TableStatus,
    /// What others changed in the table and was put back.
    pub drift: Repeated,
    /// The commits so far.
    pub commits: Commits,
    /// Why the last round came to nothing, if it did.
    pub failure: Option<RoundFailure>,
    /// What `margay apply` put in the place of what the store says.
    pub overlay: Option<OverlayStatus>,
    /// The objects that the kernel does not take, and what it said.
    pub aside: BTreeMap<String, String>,
    /// What is wrong with values of the store that are not used, by key.
    pub problems: BTreeMap<String, Vec<String>>,
    /// What is odd about values of the store that are used, by key.
    pub warnings: BTreeMap<String, Vec<String>>,
    /// Why what the store says of the agent itself is not acted by, if it is not.
    pub configuration: Option<String>,
    /// The endpoints of this host.
    pub endpoints: Endpoints,
}

/// How the agent is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The last round of programming came to nothing.
    Failed,
    /// Something that policy says is not in force, or it cannot be known what it says.
    NotReady,
    /// Somebody else changed the table within the last five minutes; it was put back.
    Drifted,
    /// All is known and in force.
    Healthy,
}

impl Status {
    /// The status of an agent that was just started.
    pub fn new(host: &str, store: &str, started: Moment) -> Self {
        Self {
            host: host.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started,
            store: Store {
                what: store.to_owned(),
                link: StoreLink::Unknown,
            },
            sync: Sync::Waiting,
            in_force: None,
            table: TableStatus::default(),
            drift: Repeated::default(),
            commits: Commits::default(),
            failure: None,
            overlay: None,
            aside: BTreeMap::new(),
            problems: BTreeMap::new(),
            warnings: BTreeMap::new(),
            configuration: None,
            endpoints: Endpoints::default(),
        }
    }

    /// How the agent is.
    pub fn verdict(&self, now: Moment) -> Verdict {
        let drifted = self.drift.last.is_some_and(|at| at.age(now) < DRIFT_TOLD);
        let known = self.sync == Sync::InSync && self.store.link == StoreLink::Connected;
        let in_force = self.in_force.is_some() && self.unusable().is_none();
        match () {
            () if self.failure.is_some() => Verdict::Failed,
            () if !known || !in_force => Verdict::NotReady,
            () if drifted => Verdict::Drifted,
            () => Verdict::Healthy,
        }
    }

    /// What policy says and is not in force, in one line; none where all is.
    pub fn unusable(&self) -> Option<String> {
        let mut why = Vec::new();
        if let Some(fault) = &self.configuration {
            why.push(format!("configuration: {fault}"));
        }
        for (count, of) in [
            (self.problems.len(), "values of the store cannot be used"),
            (self.aside.len(), "objects are not taken by the kernel"),
        ] {
            if count > 0 {
                why.push(format!("{count} {of}"));
            }
        }
        (!why.is_empty()).then(|| why.join("; "))
    }

    /// A round of programming went through.
    pub fn done(&mut self, done: &Done, at: Moment) {
        self.failure = None;
        if self.sync == Sync::InSync {
            self.in_force.get_or_insert(at);
        }
        if let Some(last) = LastRound::of(&done.commits, done.took, at) {
            let commits = u64::try_from(done.commits.len()).unwrap_or(u64::MAX);
            self.commits.count = self.commits.count.saturating_add(commits);
            self.commits.last = Some(last);
        }
    }

    /// A round of programming came to nothing.
    pub fn failed(&mut self, why: String, at: Moment) {
        let since = self.failure.as_ref().map_or(at, |failure| failure.since);
        self.failure = Some(RoundFailure { why, since });
    }

    /// What somebody else changed in the table was put back.
    pub fn repaired(&mut self, at: Moment) {
        self.drift.count = self.drift.count.saturating_add(1);
        self.drift.last = Some(at);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::NotReady => "not ready",
            Self::Drifted => "drifted",
            Self::Healthy => "healthy",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(moment: Moment, seconds: u64) -> Moment {
        let age = Duration::from_secs(seconds);
        Moment {
            monotonic: moment.monotonic + age,
            wall: moment.wall + age,
        }
    }

    /// The status of an agent whose store said everything.
    fn in_sync(at: Moment) -> Status {
        let mut status = Status::new("h", "files", at);
        status.sync = Sync::InSync;
        status.store.link = StoreLink::Connected;
        status
    }

    /// A status with a fault of every kind, all but `kept` of them undone.
    fn verdict(kept: &str) -> Verdict {
        let at = Moment::now();
        let mut status = in_sync(at);
        if kept != "start" {
            status.done(&Done::default(), at);
        }
        match kept {
            "failure" => status.failed("no".to_owned(), at),
            "drift" => status.repaired(at),
            "aside" => drop(status.aside.insert("policy p".to_owned(), "no".to_owned())),
            "problem" => drop(status.problems.insert("/k".to_owned(), Vec::new())),
            "configuration" => status.configuration = Some("no".to_owned()),
            "warning" => drop(status.warnings.insert("/k".to_owned(), Vec::new())),
            "sync" => status.sync = Sync::NotReady,
            "silent" => status.store.link = StoreLink::Unknown,
            "lost" => {
                let (why, since) = ("no".to_owned(), at);
                status.store.link = StoreLink::Lost { why, since };
            }
            _ => {}
        }
        status.verdict(later(at, 299))
    }

    #[test]
    fn the_verdict_names_the_worst() {
        assert_eq!(verdict("nothing"), Verdict::Healthy);
        assert_eq!(verdict("warning"), Verdict::Healthy);
        assert_eq!(verdict("failure"), Verdict::Failed);
        assert_eq!(verdict("drift"), Verdict::Drifted);
        for kept in [
            "start",
            "aside",
            "problem",
            "configuration",
            "sync",
            "silent",
            "lost",
        ] {
            assert_eq!(verdict(kept), Verdict::NotReady, "{kept}");
        }
    }

    #[test]
    fn drift_is_forgiven_and_failures_count_from_the_first() {
        let at = Moment::now();
        let mut status = in_sync(at);
        status.failed("one".to_owned(), at);
        status.failed("two".to_owned(), later(at, 5));
        let failure = status.failure.clone().expect("a failure");
        assert_eq!((&*failure.why, failure.since), ("two", at));
        status.repaired(at);
        status.done(&Done::default(), later(at, 9));
        assert_eq!(status.verdict(later(at, 299)), Verdict::Drifted);
        assert_eq!(status.verdict(later(at, 300)), Verdict::Healthy);
        assert_eq!(status.commits, Commits::default());
    }

    #[test]
    fn what_was_in_force_before_all_was_known_does_not_count() {
        let at = Moment::now();
        let mut status = Status::new("h", "files", at);
        status.sync = Sync::Listing;
        status.done(&Done::default(), at);
        assert_eq!(status.in_force, None);
        status.sync = Sync::InSync;
        status.done(&Done::default(), later(at, 1));
        status.done(&Done::default(), later(at, 2));
        assert_eq!(status.in_force, Some(later(at, 1)));
    }
}
