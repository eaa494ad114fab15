//! The status for people, on one screen.

use std::fmt::Write;

use super::{EndpointState, Status, StoreLink, Sync, TableHold};
use crate::agent::moment::{Moment, told};
use crate::compile::skeleton::table_key;

/// How many lines of a list are shown.
const LINES_MAX: usize = 8;
/// Where a line that cannot be taken in at a glance is cut, in characters.
const WIDTH_MAX: usize = 160;

impl Status {
    /// The status as one screen of text. Its first line begins with the verdict, and a comma.
    pub fn screen(&self, now: Moment) -> String {
        let mut text = format!(
            "{}, host {}, margay {}, up {}\n",
            self.verdict(now),
            self.host,
            self.version,
            told(self.started.age(now))
        );
        let lines = [
            ("store", self.store_line(now)),
            ("sync", self.sync_line(now)),
            ("table", self.table_line()),
            ("drift", self.drift_line(now)),
            ("commits", self.commits_line(now)),
            ("errors", self.errors_line(now)),
        ];
        for (name, line) in lines {
            // Writing to a String cannot fail.
            let _ok = writeln!(text, "{name:<10} {}", cut(&line));
        }
        if let Some(overlay) = &self.overlay {
            let _ok = writeln!(text, "{:<10} {}", "overlay", cut(&overlay.line(now)));
        }
        let aside = self
            .aside
            .iter()
            .map(|(what, why)| format!("{what}: {why}"));
        list(&mut text, "aside", &self.aside.len().to_string(), aside);
        let problems = self.problems.iter();
        let problems = problems.map(|(key, what)| format!("{key}: {}", what.join("; ")));
        list(
            &mut text,
            "problems",
            &self.problems.len().to_string(),
            problems,
        );
        list(&mut text, "endpoints", &self.counted(), self.troubled());
        text
    }

    fn store_line(&self, now: Moment) -> String {
        let what = &self.store.what;
        match &self.store.link {
            StoreLink::Unknown => format!("{what}, not heard of yet"),
            StoreLink::Connected => format!("{what}, connected"),
            StoreLink::Lost { why, since } => {
                format!("{what}, lost {} ago: {why}", told(since.age(now)))
            }
        }
    }

    fn sync_line(&self, now: Moment) -> String {
        let known = match self.sync {
            Sync::Waiting => "waiting for the store",
            Sync::Listing => "listing",
            Sync::InSync => "in sync",
            Sync::NotReady => "the store says that it is not ready",
        };
        let in_force = match self.in_force {
            Some(at) => format!("in force since {} ago", told(at.age(now))),
            None => "not in force yet".to_owned(),
        };
        format!("{known}, {in_force}")
    }

    fn table_line(&self) -> String {
        let table = self.table;
        let hold = match table.hold {
            TableHold::Owned => "owned",
            TableHold::Shared => "not owned",
        };
        let by = match table.backend {
            "" | "nft" => String::new(),
            other => format!(" by {other}"),
        };
        format!(
            "{}{by}, {hold}, {} chains, {} rules, {} sets, {} maps",
            table_key(),
            table.chains,
            table.rules,
            table.sets,
            table.maps
        )
    }

    fn drift_line(&self, now: Moment) -> String {
        match self.drift.last {
            None => "none".to_owned(),
            Some(at) => format!(
                "repaired {} times, last {} ago",
                self.drift.count,
                told(at.age(now))
            ),
        }
    }

    fn commits_line(&self, now: Moment) -> String {
        let Some(last) = self.commits.last else {
            return self.commits.count.to_string();
        };
        format!(
            "{}, last {} ago: {} transactions, {} operations, {} elements, {:.1} ms",
            self.commits.count,
            told(last.at.age(now)),
            last.transactions,
            last.operations,
            last.elements,
            last.took.as_secs_f64() * 1000.0
        )
    }

    fn errors_line(&self, now: Moment) -> String {
        match &self.failure {
            None => "none".to_owned(),
            Some(failure) => format!("since {}: {}", told(failure.since.age(now)), failure.why),
        }
    }

    /// `12: 10 up, 1 down, 1 error`.
    fn counted(&self) -> String {
        let count = |state| {
            let endpoints = self.endpoints.values();
            endpoints.filter(|endpoint| endpoint.state == state).count()
        };
        let states = [EndpointState::Up, EndpointState::Down, EndpointState::Error];
        let counts = states.map(|state| (count(state), state));
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<_> = counts.map(|(n, state)| format!("{n} {state}")).collect();
        match words.is_empty() {
            true => "0".to_owned(),
            false => words.join(", "),
        }
    }

    /// The endpoints that are not up, those in error first.
    fn troubled(&self) -> impl Iterator<Item = String> {
        let of = |state| {
            let endpoints = self.endpoints.iter();
            endpoints.filter(move |(_, endpoint)| endpoint.state == state)
        };
        of(EndpointState::Error)
            .chain(of(EndpointState::Down))
            .map(|(name, endpoint)| format!("{name} {}: {}", endpoint.interface, endpoint.state))
    }
}

/// A count, and below it the first entries of a list.
fn list(text: &mut String, name: &str, count: &str, mut entries: impl Iterator<Item = String>) {
    let _ok = writeln!(text, "{name:<10} {count}");
    for entry in entries.by_ref().take(LINES_MAX) {
        let _ok = writeln!(text, "  {}", cut(&entry));
    }
    let more = entries.count();
    if more > 0 {
        let _ok = writeln!(text, "  and {more} more: -o json has all");
    }
}

/// One line, no longer than a screen bears, without what would move the cursor.
fn cut(line: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = line.chars().take(WIDTH_MAX).map(printable).collect();
    if line.chars().nth(WIDTH_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{
        Commits, EndpointStatus, LastRound, Repeated, RoundFailure, TableStatus, Verdict,
    };
    use super::*;

    /// One with something in every line, 90 seconds after it was started.
    fn full() -> (Status, Moment) {
        let started = Moment {
            monotonic: std::time::Instant::now(),
            wall: std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_849_200),
        };
        let age = Duration::from_secs(90);
        let now = Moment {
            monotonic: started.monotonic + age,
            wall: started.wall + age,
        };
        let mut status = Status::new("node1", "etcd https://10.0.0.1:2379", started);
        status.sync = Sync::InSync;
        status.store.link = StoreLink::Connected;
        status.in_force = Some(started);
        status.table = TableStatus {
            backend: "nft",
            hold: TableHold::Owned,
            chains: 20,
            rules: 80,
            sets: 12,
            maps: 3,
        };
        status.commits = Commits {
            count: 7,
            last: Some(LastRound {
                at: started,
                transactions: 3,
                operations: 14,
                elements: 900,
                took: Duration::from_micros(8_440),
            }),
        };
        let names = ["web", "db", "mail"];
        let states = [EndpointState::Up, EndpointState::Down, EndpointState::Error];
        for (name, state) in names.iter().zip(states) {
            let interface = format!("tap-{name}").parse().expect("a name");
            let endpoint = EndpointStatus { interface, state };
            let name = name.parse().expect("a name");
            status.endpoints.insert(name, endpoint);
        }
        (status, now)
    }

    #[test]
    fn a_healthy_agent_is_one_screen() {
        let (status, now) = full();
        let text = "\
healthy, host node1, margay VERSION, up 1m 30s
store      etcd https://10.0.0.1:2379, connected
sync       in sync, in force since 1m 30s ago
table      inet margay, owned, 20 chains, 80 rules, 12 sets, 3 maps
drift      none
commits    7, last 1m 30s ago: 3 transactions, 14 operations, 900 elements, 8.4 ms
errors     none
aside      0
problems   0
endpoints  1 up, 1 down, 1 error
  mail tap-mail: error
  db tap-db: down
";
        let text = text.replace("VERSION", env!("CARGO_PKG_VERSION"));
        assert_eq!(status.screen(now), text);
    }

    #[test]
    fn a_sick_agent_says_why_and_stays_one_screen() {
        let (mut status, now) = full();
        let since = status.started;
        status.store.link = StoreLink::Lost {
            why: "connection refused".to_owned(),
            since,
        };
        status.drift = Repeated {
            count: 2,
            last: Some(since),
        };
        status.failure = Some(RoundFailure {
            why: format!("no\x1b[2J{}", "x".repeat(300)),
            since,
        });
        for n in 0..20 {
            status
                .aside
                .insert(format!("policy {n:02}"), "no".to_owned());
            let what = vec!["spec.x: bad".to_owned(), "spec.y: bad".to_owned()];
            status.problems.insert(format!("/calico/{n:02}"), what);
        }
        let text = status.screen(now);
        assert!(text.lines().count() <= 32, "{text}");
        for line in [
            "failed, host node1",
            "\nstore      etcd https://10.0.0.1:2379, lost 1m 30s ago: connection refused\n",
            "\ndrift      repaired 2 times, last 1m 30s ago\n",
            "\nerrors     since 1m 30s: no [2Jxxx",
            "\naside      20\n  policy 00: no\n",
            "\n  /calico/07: spec.x: bad; spec.y: bad\n  and 12 more: -o json has all\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn programs_find_the_same() {
        let (mut status, now) = full();
        status.failure = Some(RoundFailure {
            why: "no".to_owned(),
            since: status.started,
        });
        assert_eq!(status.verdict(now), Verdict::Failed);
        let json = status.json(now);
        for (pointer, value) in [
            ("/schema", "margay.status/1"),
            ("/health", "failed"),
            ("/host", "node1"),
            ("/started", "2026-11-28T07:00:00Z"),
            ("/store/link", "connected"),
            ("/sync", "in-sync"),
            ("/table/hold", "owned"),
            ("/commits/last/at", "2026-11-28T07:00:00Z"),
            ("/failure/why", "no"),
            ("/endpoints/mail/state", "error"),
            ("/endpoints/mail/interface", "tap-mail"),
        ] {
            let found = json.pointer(pointer).and_then(|value| value.as_str());
            assert_eq!(found, Some(value), "{pointer}");
        }
        assert_eq!(json["uptime_seconds"], 90);
        assert_eq!(json["commits"]["last"]["elements"], 900);
        assert!(json["drift"]["last"].is_null());
    }
}
