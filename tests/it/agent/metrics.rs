//! The metrics: what is declared is what is served, and Felix's are Felix's.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use margay::agent::dataplane::{Done, Failure};
use margay::agent::metrics::Metrics;
use margay::agent::metrics::counts::Counts;
use margay::agent::metrics::declared::{DECLARED, Kind};
use margay::backend::{CommitError, ObserveError};
use margay::compile::skeleton::table_key;
use margay::model::{Event, Readiness, State};
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};

use super::in_force;

/// Felix's own metrics that may be claimed: type, name, labels. From its source, Calico 3.30 and later.
const FELIX: &str = "
gauge felix_host host
gauge felix_resync_state
gauge felix_active_local_endpoints
gauge felix_active_local_policies
gauge felix_active_local_selectors
gauge felix_cluster_num_hosts
gauge felix_cluster_num_host_endpoints
gauge felix_cluster_num_workload_endpoints
gauge felix_cluster_num_tiers
gauge felix_cluster_num_policies
gauge felix_cluster_num_profiles
gauge felix_int_dataplane_initial_resync_time_seconds
gauge felix_nft_chains ip_version
gauge felix_nft_rules ip_version
gauge felix_nft_sets ip_version
gauge felix_nft_maps ip_version
counter felix_resyncs_started
counter felix_calc_graph_updates_processed type
counter felix_calc_graph_output_events
counter felix_int_dataplane_failures
counter felix_int_dataplane_messages type
counter felix_nft_calls
counter felix_nft_errors
counter felix_nft_list_calls
counter felix_nft_list_errors
counter felix_nft_set_calls
counter felix_nft_set_errors
counter felix_logs_dropped
counter felix_log_errors
summary felix_calc_graph_update_time_seconds
summary felix_int_dataplane_apply_time_seconds
summary felix_int_dataplane_msg_batch_size
summary felix_int_dataplane_iface_msg_batch_size
summary felix_int_dataplane_addr_msg_batch_size
";

/// What was served.
struct Served {
    /// The type by name, of what has a help line too.
    types: BTreeMap<String, String>,
    /// The values by series: name and labels.
    values: BTreeMap<String, f64>,
}

fn served(metrics: &Metrics) -> Served {
    let text = metrics.text();
    let mut helped = BTreeSet::new();
    let mut types = BTreeMap::new();
    let mut values = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped.insert(help.split_once(' ').unwrap().0.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "{name} has no help");
            types.insert(name.to_owned(), kind.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            values.insert(series.to_owned(), value.parse().unwrap());
        }
    }
    Served { types, values }
}

/// Metrics to which everything happened once.
fn busy() -> Metrics {
    let metrics = Metrics::new("node1").unwrap();
    let mut status = in_force();
    status.table.chains = 20;
    metrics.published(&status);
    metrics.counted(&Counts::of(&State::default(), (0, 3)));
    metrics.resync_started();
    let event = Event::Readiness(Readiness::Ready);
    metrics.updated(&[event.clone(), event], Duration::from_millis(2));
    metrics.committed(&done());
    metrics.failed(&CommitError::Contended.into());
    let unreachable = ObserveError::Unreachable(io::ErrorKind::Other.into());
    metrics.failed(&Failure::from(unreachable));
    metrics.looked(1);
    metrics.logs_dropped(5);
    metrics.repaired();
    metrics.flows_cut(4);
    metrics
}

/// A commit of two transactions.
fn done() -> Done {
    let step = |operation| Step {
        phase: Phase::Switch,
        wait: Wait::None,
        operations: vec![operation],
    };
    let commit = Commit {
        table: table_key(),
        steps: vec![step(Operation::AddTable), step(Operation::DeleteTable)],
    };
    Done {
        commits: vec![commit],
        took: Duration::from_millis(8),
        ..Done::default()
    }
}

#[test]
fn names_types_and_labels_are_felixs_or_begin_with_margay() {
    let word = |kind| match kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Summary => "summary",
    };
    let felix: BTreeSet<&str> = FELIX.lines().filter(|line| !line.is_empty()).collect();
    for declared in DECLARED {
        let line = [&[word(declared.kind), declared.name], declared.labels].concat();
        let ours = declared.name.starts_with("margay_");
        assert!(ours || felix.contains(&*line.join(" ")), "{line:?}");
        assert!(declared.help.ends_with('.'), "{}", declared.help);
    }
    let names: BTreeSet<_> = DECLARED.iter().map(|declared| declared.name).collect();
    assert_eq!(names.len(), DECLARED.len(), "a name is declared twice");
}

#[test]
fn what_is_declared_is_what_is_served() {
    let served = served(&busy());
    let declared: BTreeSet<_> = DECLARED.iter().map(|declared| declared.name).collect();
    let names: BTreeSet<_> = served.types.keys().map(String::as_str).collect();
    assert_eq!(names, declared);
    for declared in DECLARED {
        let kind = &*served.types[declared.name];
        let expected = match declared.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Summary => "summary",
        };
        assert_eq!(kind, expected, "{}", declared.name);
    }
    for series in served.values.keys() {
        let base = series.split('{').next().unwrap();
        let base = ["_sum", "_count"]
            .iter()
            .find_map(|end| base.strip_suffix(end))
            .unwrap_or(base);
        assert!(declared.contains(base), "{series}");
    }
}

#[test]
fn what_happened_is_counted_without_a_suffix() {
    let served = served(&busy());
    for (series, value) in [
        ("felix_host{host=\"node1\"}", 1.0),
        ("felix_resync_state", 3.0),
        ("felix_resyncs_started", 1.0),
        ("felix_active_local_policies", 3.0),
        (
            "felix_calc_graph_updates_processed{type=\"ReadyFlagKey\"}",
            2.0,
        ),
        ("felix_int_dataplane_failures", 2.0),
        ("felix_nft_calls", 2.0),
        ("felix_nft_errors", 1.0),
        ("felix_nft_list_calls", 1.0),
        ("felix_nft_list_errors", 1.0),
        ("felix_logs_dropped", 5.0),
        ("felix_nft_chains{ip_version=\"inet\"}", 20.0),
        ("felix_int_dataplane_msg_batch_size_count", 1.0),
        ("felix_int_dataplane_msg_batch_size_sum", 2.0),
        ("felix_int_dataplane_apply_time_seconds_sum", 0.008),
        ("margay_commits", 1.0),
        ("margay_transactions", 2.0),
        ("margay_drift_repairs", 1.0),
        ("margay_flows_cut", 4.0),
        ("margay_store_connected", 1.0),
    ] {
        assert_eq!(served.values.get(series), Some(&value), "{series}");
    }
    for quantile in ["0.5", "0.9", "0.99"] {
        let series = format!("felix_int_dataplane_apply_time_seconds{{quantile=\"{quantile}\"}}");
        let value = served.values[&series];
        // A sketch is right within one part in ten thousand.
        assert!((value - 0.008).abs() < 0.008e-3, "{series} {value}");
    }
}

#[test]
fn everything_without_labels_is_there_before_it_happens() {
    let served = served(&Metrics::new("node1").unwrap());
    for declared in DECLARED
        .iter()
        .filter(|declared| declared.labels.is_empty())
    {
        assert!(
            served.types.contains_key(declared.name),
            "{}",
            declared.name
        );
    }
}
