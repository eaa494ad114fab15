//! What is counted, for Prometheus. The loop says what happened, and no name of a metric.

pub mod counts;
pub mod declared;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
pub use metrics_exporter_prometheus::BuildError;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::dataplane::{Done, Failure};
use super::http::{Answer, Pages};
use super::moment::Moment;
use super::status::{LastRound, Status, StoreLink, Sync};
use crate::model::Event;
use counts::{Counts, kind};
use declared::{DECLARED, Declared, Kind};

/// The port where Felix serves them.
pub const PORT: u16 = 9091;

/// The quantiles of Felix's summaries.
const QUANTILES: &[f64] = &[0.5, 0.9, 0.99];
/// Quantiles are of the last ten minutes, in five parts, as Felix's are.
const WINDOW: (Duration, NonZeroU32) =
    (Duration::from_secs(120), NonZeroU32::MIN.saturating_add(4));

/// The label that tells one table from the other where there is one for each family.
const IP_VERSION: &[(&str, &str)] = &[("ip_version", "inet")];

/// What is counted.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Metrics {
    /// Nothing counted yet, on a host.
    ///
    /// # Errors
    /// The exporter refuses its settings, which are constant.
    pub fn new(host: &str) -> Result<Self, BuildError> {
        let (duration, count) = WINDOW;
        let recorder = PrometheusBuilder::new()
            .set_quantiles(QUANTILES)?
            .set_bucket_duration(duration)?
            .set_bucket_count(count)
            .build_recorder();
        let handle = recorder.handle();
        let metrics = Self {
            recorder: Arc::new(recorder),
            handle,
        };
        DECLARED
            .iter()
            .for_each(|declared| metrics.declare(declared));
        metrics.set(declared::HOST, &[("host", host)], 1);
        Ok(metrics)
    }

    /// A status was published.
    pub fn published(&self, status: &Status) {
        let known = match status.sync {
            Sync::Waiting | Sync::NotReady => 1,
            Sync::Listing => 2,
            Sync::InSync => 3,
        };
        let connected = usize::from(status.store.link == StoreLink::Connected);
        let table = status.table;
        self.set(declared::RESYNC_STATE, &[], known);
        self.set(declared::STORE_CONNECTED, &[], connected);
        self.set(declared::LOCAL_ENDPOINTS, &[], status.endpoints.len());
        self.set(declared::ASIDE, &[], status.aside.len());
        self.set(declared::STORE_PROBLEMS, &[], status.problems.len());
        self.set(declared::NFT_CHAINS, IP_VERSION, table.chains);
        self.set(declared::NFT_RULES, IP_VERSION, table.rules);
        self.set(declared::NFT_SETS, IP_VERSION, table.sets);
        self.set(declared::NFT_MAPS, IP_VERSION, table.maps);
        if let Some(at) = status.in_force {
            let took = status.started.age(at).as_secs_f64();
            self.gauge(declared::INITIAL_RESYNC, &[]).set(took);
        }
        // What summaries were told is kept until somebody looks; nobody may.
        self.handle.run_upkeep();
    }

    /// Everything was counted.
    pub fn counted(&self, counts: &Counts) {
        self.set(declared::HOSTS, &[], counts.hosts);
        self.set(declared::ENDPOINTS, &[], counts.endpoints);
        self.set(declared::TIERS, &[], counts.tiers);
        self.set(declared::POLICIES, &[], counts.policies);
        self.set(declared::PROFILES, &[], counts.profiles);
        self.set(declared::LOCAL_POLICIES, &[], counts.local_policies);
    }

    /// A listing of the whole store was begun.
    pub fn resync_started(&self) {
        self.add(declared::RESYNCS_STARTED, &[], 1);
    }

    /// Changes that came together were compiled.
    pub fn updated(&self, events: &[Event], took: Duration) {
        let mut kinds = BTreeMap::<_, usize>::new();
        for event in events {
            *kinds.entry(kind(event)).or_default() += 1;
        }
        for (kind, count) in kinds {
            self.add(declared::UPDATES, &[("type", kind)], count);
        }
        self.observe(declared::BATCH_SIZE, count_of(events.len()));
        self.observe(declared::UPDATE_TIME, took.as_secs_f64());
    }

    /// A round of programming went through.
    pub fn committed(&self, done: &Done) {
        self.observe(declared::APPLY_TIME, done.took.as_secs_f64());
        self.add(declared::COMMITS, &[], done.commits.len());
        let Some(round) = LastRound::of(&done.commits, done.took, Moment::now()) else {
            return;
        };
        self.add(declared::NFT_CALLS, &[], round.transactions);
        self.add(declared::TRANSACTIONS, &[], round.transactions);
        self.add(declared::OPERATIONS, &[], round.operations);
        self.add(declared::ELEMENTS, &[], round.elements);
    }

    /// A round of programming came to nothing.
    pub fn failed(&self, failure: &Failure) {
        self.add(declared::FAILURES, &[], 1);
        match failure {
            Failure::Commit(_) => self.add(declared::NFT_ERRORS, &[], 1),
            Failure::Observe(_) => self.add(declared::NFT_LIST_ERRORS, &[], 1),
        }
    }

    /// The table was read back, or it was tried, so often.
    pub fn looked(&self, count: usize) {
        self.add(declared::NFT_LIST_CALLS, &[], count);
    }

    /// The log dropped so many lines since the start.
    pub fn logs_dropped(&self, count: u64) {
        self.counter(declared::LOGS_DROPPED, &[]).absolute(count);
    }

    /// What somebody else changed in the table was put back.
    pub fn repaired(&self) {
        self.add(declared::DRIFT_REPAIRS, &[], 1);
    }

    /// Connections were cut that policy no longer allows.
    pub fn flows_cut(&self, count: usize) {
        self.add(declared::FLOWS_CUT, &[], count);
    }

    /// All of it in the text format of Prometheus.
    pub fn text(&self) -> String {
        self.handle.render()
    }

    /// Describes a metric; one without labels is there from the start.
    fn declare(&self, declared: &Declared) {
        let (name, help) = (declared.name, declared.help);
        let there = declared.labels.is_empty();
        match declared.kind {
            Kind::Gauge => self.recorder.describe_gauge(name.into(), None, help.into()),
            Kind::Counter => self
                .recorder
                .describe_counter(name.into(), None, help.into()),
            Kind::Summary => self
                .recorder
                .describe_histogram(name.into(), None, help.into()),
        }
        match declared.kind {
            Kind::Gauge if there => self.gauge(declared, &[]).set(0.0),
            Kind::Counter if there => self.add(declared, &[], 0),
            Kind::Summary => drop(self.histogram(declared)),
            Kind::Gauge | Kind::Counter => {}
        }
    }

    fn set(&self, declared: &Declared, labels: &[(&'static str, &str)], value: usize) {
        self.gauge(declared, labels).set(count_of(value));
    }

    fn add(&self, declared: &Declared, labels: &[(&'static str, &str)], count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.counter(declared, labels).increment(count);
    }

    fn observe(&self, declared: &Declared, value: f64) {
        self.histogram(declared).record(value);
    }

    fn gauge(&self, declared: &Declared, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder
            .register_gauge(&key(declared, labels), &METADATA)
    }

    fn counter(&self, declared: &Declared, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder
            .register_counter(&key(declared, labels), &METADATA)
    }

    fn histogram(&self, declared: &Declared) -> Histogram {
        self.recorder
            .register_histogram(&key(declared, &[]), &METADATA)
    }
}

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn key(declared: &Declared, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(declared.name, labels.collect::<Vec<_>>())
}

/// A count as Prometheus has it; above 2^53 it is rounded.
fn count_of(count: usize) -> f64 {
    count as f64
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Pages for Metrics {
    fn page(&self, path: &str) -> Option<Answer> {
        (path == "/metrics").then(|| Answer::Metrics(self.text()))
    }
}
