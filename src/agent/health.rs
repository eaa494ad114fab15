//! Liveness and readiness, as Felix answers them: who reports, how long ago, and what.
//!
//! The names of the reporters are keys of Felix's `HealthTimeoutOverrides`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::http::{Answer, Pages};
use crate::net::InvalidValue;

/// The port where Felix is asked, on localhost.
pub const PORT: u16 = 9099;

/// Who reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reporter {
    /// The start, up to the moment when everything runs.
    FelixStartup,
    /// What turns documents into what is known.
    CalculationGraph,
    /// What programs the kernel.
    InternalDataplaneMainLoop,
}

/// What a reporter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether it works.
    pub liveness: Liveness,
    /// Whether it does what it is for.
    pub readiness: Readiness,
    /// Anything to add, on one line.
    pub detail: String,
}

/// Whether a reporter works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It does.
    Live,
    /// It cannot go on: the agent should be restarted.
    Dead,
}

/// Whether a reporter does what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// Not yet, or not now.
    NotReady,
}

/// How the monotonic clock is read.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The reports, shared by those who report and those who ask.
#[derive(Clone)]
pub struct Health {
    clock: Clock,
    entries: Arc<Mutex<BTreeMap<Reporter, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    /// How old a report may become; `None` is any age.
    timeout: Option<Duration>,
    latest: Report,
    at: Instant,
}

impl Reporter {
    /// Every reporter.
    pub const ALL: [Self; 3] = [
        Self::FelixStartup,
        Self::CalculationGraph,
        Self::InternalDataplaneMainLoop,
    ];

    /// How old its report may become, if nothing else is configured.
    pub fn timeout(self) -> Option<Duration> {
        match self {
            Self::FelixStartup => None,
            Self::CalculationGraph => Some(Duration::from_secs(30)),
            Self::InternalDataplaneMainLoop => Some(Duration::from_secs(90)),
        }
    }
}

impl fmt::Display for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FelixStartup => "FelixStartup",
            Self::CalculationGraph => "CalculationGraph",
            Self::InternalDataplaneMainLoop => "InternalDataplaneMainLoop",
        })
    }
}

impl FromStr for Reporter {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let found = Self::ALL.into_iter().find(|one| one.to_string() == text);
        let allowed = "FelixStartup, CalculationGraph or InternalDataplaneMainLoop";
        found.ok_or_else(|| InvalidValue::new("health reporter", text, allowed))
    }
}

impl Report {
    /// All is well.
    pub fn ready() -> Self {
        Self {
            liveness: Liveness::Live,
            readiness: Readiness::Ready,
            detail: String::new(),
        }
    }

    /// It works, and something is missing.
    pub fn not_ready(detail: &str) -> Self {
        Self {
            readiness: Readiness::NotReady,
            detail: detail.to_owned(),
            ..Self::ready()
        }
    }
}

impl Health {
    /// Nobody reports yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            entries: Arc::default(),
        }
    }

    /// A reporter is to be heard of within its timeout, and is not ready before it is. As in Felix, a
    /// timeout of zero is none.
    pub fn expect(&self, reporter: Reporter, timeout: Option<Duration>) {
        let entry = Entry {
            timeout: timeout.filter(|timeout| !timeout.is_zero()),
            latest: Report::not_ready("nothing reported yet"),
            at: (self.clock)(),
        };
        self.entries().insert(reporter, entry);
    }

    /// How long a reporter that is expected may be silent from now on.
    pub fn allow(&self, reporter: Reporter, timeout: Option<Duration>) {
        if let Some(entry) = self.entries().get_mut(&reporter) {
            entry.timeout = timeout.filter(|timeout| !timeout.is_zero());
        }
    }

    /// A reporter reports; one that was not expected has the timeout of its kind.
    pub fn report(&self, reporter: Reporter, report: Report) {
        let at = (self.clock)();
        let mut entries = self.entries();
        let timeout = match entries.get(&reporter) {
            Some(entry) => entry.timeout,
            None => reporter.timeout(),
        };
        let latest = report;
        entries.insert(
            reporter,
            Entry {
                timeout,
                latest,
                at,
            },
        );
    }

    /// Whether all reporters are alive.
    pub fn liveness(&self) -> Liveness {
        let now = (self.clock)();
        let entries = self.entries();
        match entries.values().all(|entry| entry.is_live(now)) {
            true => Liveness::Live,
            false => Liveness::Dead,
        }
    }

    /// Whether all reporters are ready.
    pub fn readiness(&self) -> Readiness {
        let now = (self.clock)();
        let entries = self.entries();
        match entries.values().all(|entry| entry.is_ready(now)) {
            true => Readiness::Ready,
            false => Readiness::NotReady,
        }
    }

    /// The reports as a table of ASCII; nothing, if nobody reports.
    pub fn table(&self) -> String {
        let now = (self.clock)();
        let entries = self.entries();
        let rows = entries.iter().map(|(name, entry)| entry.row(*name, now));
        let rows: Vec<_> = rows.collect();
        match rows.is_empty() {
            true => String::new(),
            false => drawn(&rows),
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Reporter, Entry>> {
        // A map of whole values is whole whoever died while holding it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

impl Pages for Health {
    fn page(&self, path: &str) -> Option<Answer> {
        let good = match path {
            "/liveness" => self.liveness() == Liveness::Live,
            "/readiness" => self.readiness() == Readiness::Ready,
            _ => return None,
        };
        let table = self.table();
        Some(match good {
            true if table.is_empty() => Answer::Empty,
            true => Answer::Text(table),
            false => Answer::Unavailable(table),
        })
    }
}

impl Entry {
    fn is_stale(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.at);
        self.timeout.is_some_and(|timeout| age > timeout)
    }

    fn is_live(&self, now: Instant) -> bool {
        self.latest.liveness == Liveness::Live && !self.is_stale(now)
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.latest.readiness == Readiness::Ready && !self.is_stale(now)
    }

    fn row(&self, name: Reporter, now: Instant) -> [String; 5] {
        let word = |good: &str, bad: &str, is_good: bool| match (self.is_stale(now), is_good) {
            (true, _) => "timed out".to_owned(),
            (false, true) => format!("reporting {good}"),
            (false, false) => format!("reporting {bad}"),
        };
        let timeout = self.timeout.map(humantime::format_duration);
        let detail = self.latest.detail.replace(|c: char| c.is_control(), " ");
        [
            name.to_string(),
            timeout.map_or_else(|| "-".to_owned(), |timeout| timeout.to_string()),
            word("live", "non-live", self.latest.liveness == Liveness::Live),
            word(
                "ready",
                "non-ready",
                self.latest.readiness == Readiness::Ready,
            ),
            detail,
        ]
    }
}

/// A table with a frame, each column as wide as its widest cell.
fn drawn(rows: &[[String; 5]]) -> String {
    let head = ["COMPONENT", "TIMEOUT", "LIVENESS", "READINESS", "DETAIL"].map(str::to_owned);
    let all = || [&head].into_iter().chain(rows);
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!(" {cell:width$} "))
            .collect();
        format!("|{}|\n", cells.join("|"))
    };
    let rule = widths.map(|width| "-".repeat(width + 2)).join("+");
    let rule = format!("+{rule}+\n");
    let rows: String = rows.iter().map(line).collect();
    format!("{rule}{}{rule}{rows}{rule}", line(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Health whose clock stands until it is moved.
    fn health() -> (Health, impl Fn(u64)) {
        let now = Arc::new(Mutex::new(Instant::now()));
        let read = now.clone();
        let health = Health::new(Arc::new(move || *read.lock().expect("a clock")));
        (health, move |seconds| {
            *now.lock().expect("a clock") += Duration::from_secs(seconds);
        })
    }

    fn statuses(health: &Health) -> [u16; 2] {
        ["/liveness", "/readiness"].map(|path| health.page(path).expect("a page").status())
    }

    #[test]
    fn nobody_who_reports_has_nothing_to_say() {
        let (health, _) = health();
        assert_eq!(statuses(&health), [204, 204]);
        assert_eq!(health.page("/"), None);
    }

    #[test]
    fn readiness_comes_with_the_last_reporter_and_goes_with_silence() {
        let (health, pass) = health();
        for reporter in Reporter::ALL {
            health.expect(reporter, reporter.timeout());
        }
        assert_eq!(statuses(&health), [200, 503]);
        health.report(Reporter::FelixStartup, Report::ready());
        health.report(Reporter::CalculationGraph, Report::ready());
        assert_eq!(statuses(&health), [200, 503]);
        health.report(Reporter::InternalDataplaneMainLoop, Report::ready());
        assert_eq!(statuses(&health), [200, 200]);
        pass(30);
        assert_eq!(statuses(&health), [200, 200]);
        pass(1);
        assert_eq!(statuses(&health), [503, 503]);
        health.report(Reporter::CalculationGraph, Report::ready());
        assert_eq!(statuses(&health), [200, 200]);
        health.report(Reporter::InternalDataplaneMainLoop, Report::not_ready("no"));
        assert_eq!(statuses(&health), [200, 503]);
    }

    #[test]
    fn a_timeout_of_zero_is_none() {
        let (health, pass) = health();
        health.expect(Reporter::CalculationGraph, Some(Duration::ZERO));
        health.report(Reporter::CalculationGraph, Report::ready());
        pass(86_400);
        assert_eq!(statuses(&health), [200, 200]);
        assert!(health.table().contains("| CalculationGraph | -  "));
    }

    #[test]
    fn the_table_says_who_and_why() {
        let (health, pass) = health();
        let slow = Some(Duration::from_secs(300));
        health.expect(Reporter::InternalDataplaneMainLoop, slow);
        health.report(
            Reporter::InternalDataplaneMainLoop,
            Report::not_ready("first\nsync"),
        );
        health.report(Reporter::CalculationGraph, Report::ready());
        health.report(Reporter::FelixStartup, Report::ready());
        pass(31);
        let table = "\
+---------------------------+---------+----------------+---------------------+------------+
| COMPONENT                 | TIMEOUT | LIVENESS       | READINESS           | DETAIL     |
+---------------------------+---------+----------------+---------------------+------------+
| FelixStartup              | -       | reporting live | reporting ready     |            |
| CalculationGraph          | 30s     | timed out      | timed out           |            |
| InternalDataplaneMainLoop | 5m      | reporting live | reporting non-ready | first sync |
+---------------------------+---------+----------------+---------------------+------------+
";
        assert_eq!(health.table(), table);
        assert_eq!("CalculationGraph".parse(), Ok(Reporter::CalculationGraph));
        assert!("Other".parse::<Reporter>().is_err());
    }
}
