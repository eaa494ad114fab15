//! Which claims a run makes, and what of.

use super::*;
use std::collections::BTreeSet;

use crate::bench::measurement::{Measurement, Unit};
use crate::bench::peer;
use crate::bench::scenario::{MUST_HOLD, Scenario, builtin, must_hold};

fn measured(peer: &str, rules: u64, values: &[f64]) -> Measurement {
    Measurement {
        scenario: "packets".to_owned(),
        scale: [("rules".to_owned(), rules)].into(),
        phase: Phase::PacketNew.word().to_owned(),
        peer: peer.to_owned(),
        metric: "packet".to_owned(),
        unit: Unit::Nanoseconds,
        values: values.to_vec(),
    }
}

#[test]
fn what_was_not_measured_is_not_claimed() {
    assert_eq!(judged(&Run::default()), Vec::new());
}

/// Whether a phase may give a quantity: what must never happen is judged wherever it is counted.
fn gives(phase: Phase, metric: &str) -> bool {
    match metric {
        "wrong-per-update-member" => phase == Phase::WrongVerdicts,
        "packets-lost" | "messages-sent" => phase == Phase::RestartTakeover,
        _ => true,
    }
}

/// A run that measured everything everywhere.
fn whole(scenarios: &[Scenario]) -> Run {
    let metrics = [
        "packet",
        "wall",
        "cpu",
        "wall-listed",
        "peak-memory",
        "bytes",
        "added-p99",
        "altered-element-found",
        "wrong-per-update-member",
        "packets-lost",
        "messages-sent",
    ];
    let mut measurements = Vec::new();
    for scenario in scenarios {
        for point in scenario.points() {
            for (phase, peer) in scenario
                .phases
                .iter()
                .flat_map(|phase| peer::all().into_iter().map(move |peer| (phase, peer)))
            {
                let given = metrics.into_iter().filter(|metric| gives(*phase, metric));
                measurements.extend(given.map(|metric| Measurement {
                    scenario: scenario.name.clone(),
                    scale: scenario.scale(&point),
                    phase: phase.word().to_owned(),
                    peer: peer.name().to_owned(),
                    metric: metric.to_owned(),
                    unit: Unit::Count,
                    values: vec![1.0; 5],
                }));
            }
        }
    }
    Run {
        measurements,
        ..Run::default()
    }
}

#[test]
fn what_must_hold_is_judged_by_the_scenarios_that_say_so() {
    let all = judged(&whole(&builtin()));
    let named: BTreeSet<&str> = all.iter().map(|claim| claim.scenario.as_str()).collect();
    assert_eq!(named, BTreeSet::from(MUST_HOLD));
    let own = judged(&whole(&must_hold()));
    assert_eq!(own.len(), all.len());
    assert!(
        own.iter().all(|claim| own
            .iter()
            .filter(|other| (&other.what, &other.scenario) == (&claim.what, &claim.scenario))
            .count()
            == 1),
        "a claim is there twice"
    );
}

#[test]
fn rounds_are_compared_with_each_other() {
    let run = Run {
        measurements: vec![
            // The machine slows down from round to round; margay is always 1,000 above the floor.
            measured("empty", RULES, &[1_000.0, 2_000.0, 3_000.0]),
            measured("margay", RULES, &[2_000.0, 3_000.0, 4_000.0]),
            measured("empty", 10, &[1_100.0, 2_100.0, 3_100.0]),
            measured("margay", 10, &[2_000.0, 3_000.0, 4_000.0]),
            measured("linear-nft", RULES, &[101_000.0, 102_000.0, 103_000.0]),
        ],
        ..Run::default()
    };
    let claims = judged(&run);
    let values: Vec<f64> = claims.iter().map(|claim| claim.value).collect();
    assert_eq!(values, [100.0, 100.0]);
    let floors: Vec<_> = claims.iter().map(|claim| &claim.floor).collect();
    assert!(floors[0].is_none(), "it holds");
    assert!(
        floors[1]
            .as_ref()
            .is_some_and(|floor| floor.contains("1000 ns"))
    );
}
