//! A run becomes lines.

use serde_json::{Map, Value};

use super::{SCALE, SCHEMA};
use crate::bench::measurement::{Claim, Measurement, Run, Skip};

/// All lines of a run, each with its end. A measurement without a round has none.
pub fn write(run: &Run) -> String {
    let facts = run.facts.iter().map(|(name, value)| fact(name, value));
    let samples = run.measurements.iter().flat_map(samples);
    let lines = facts
        .chain(samples)
        .chain(run.skips.iter().map(skip))
        .chain(run.claims.iter().map(claim));
    lines
        .map(|line| format!("{}\n", Value::Object(line)))
        .collect()
}

fn line<const N: usize>(kind: &str, fields: [(&str, Value); N]) -> Map<String, Value> {
    let begin = [("schema", SCHEMA.into()), ("kind", kind.into())];
    let fields = begin.into_iter().chain(fields);
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn fact(name: &str, value: &str) -> Map<String, Value> {
    line("fact", [("name", name.into()), ("value", value.into())])
}

fn samples(measurement: &Measurement) -> impl Iterator<Item = Map<String, Value>> {
    let rounds = measurement.values.iter().enumerate();
    rounds.map(|(iter, value)| sample(measurement, iter, *value))
}

fn sample(measurement: &Measurement, iter: usize, value: f64) -> Map<String, Value> {
    let mut line = line(
        "sample",
        [
            ("scenario", measurement.scenario.as_str().into()),
            ("phase", measurement.phase.as_str().into()),
            ("peer", measurement.peer.as_str().into()),
            ("metric", measurement.metric.as_str().into()),
            ("unit", measurement.unit.word().into()),
            ("iter", iter.into()),
            ("value", value.into()),
            ("ok", value.is_finite().into()),
        ],
    );
    for (axis, size) in &measurement.scale {
        line.insert(format!("{SCALE}{axis}"), (*size).into());
    }
    line
}

fn skip(skip: &Skip) -> Map<String, Value> {
    line(
        "skip",
        [
            ("scenario", skip.scenario.as_str().into()),
            ("peer", skip.peer.as_str().into()),
            ("reason", skip.reason.as_str().into()),
        ],
    )
}

fn claim(claim: &Claim) -> Map<String, Value> {
    line(
        "claim",
        [
            ("scenario", claim.scenario.as_str().into()),
            ("what", claim.what.as_str().into()),
            ("value", claim.value.into()),
            ("low", claim.interval.map(|interval| interval.low).into()),
            ("high", claim.interval.map(|interval| interval.high).into()),
            ("limit", claim.limit.word().into()),
            ("bound", claim.limit.bound().into()),
            ("holds", claim.holds().into()),
            ("floor", claim.floor.as_deref().into()),
        ],
    )
}
