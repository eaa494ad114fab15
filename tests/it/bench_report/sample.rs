//! A small run, with names that nobody should have.

use std::collections::BTreeMap;

use margay::bench::measurement::{Claim, Limit, Measurement, Run, Skip, Unit};
use margay::bench::statistics::Interval;
use margay::scenario::Random;

/// A text that means something to HTML, Markdown, CSV and JSON, and to whoever fetches what pages name.
pub(super) const HOSTILE: &str = "\"><script>alert(1)</script>|*x*, `y`\\ <img src=//a.example/>";

/// Rounds of every measurement.
const ROUNDS: usize = 7;

/// The run, the same each time.
pub(super) fn run() -> Run {
    let mut random = Random::new(7);
    let mut measurements = Vec::new();
    for members in [1_000, 30_000, 1_000_000] {
        for (peer, nanoseconds) in [("nft", 2_400), ("margay", 620), ("replay", 590)] {
            let scale = [("members", members)];
            let base = (members * nanoseconds + 2_000_000) as f64;
            let names = ["members", "cold-load", peer, "wall"];
            measurements.push(measurement(
                names,
                Unit::Nanoseconds,
                &scale,
                base,
                &mut random,
            ));
        }
    }
    for (peer, base) in [("margay", 25_300.0), ("nft", 2.5e6), (HOSTILE, 4.2e6)] {
        let names = ["members", "one-member", peer, "wall"];
        let scale = [("members", 1_000_000)];
        measurements.push(measurement(
            names,
            Unit::Nanoseconds,
            &scale,
            base,
            &mut random,
        ));
    }
    for (peer, base) in [("margay", 48_000.0), ("nft", 21_000.0)] {
        let names = ["packets", "connections", peer, "rate"];
        measurements.push(measurement(names, Unit::PerSecond, &[], base, &mut random));
    }
    for (peer, values) in [
        ("margay", [0.0; 5]),
        ("nft", [3.0, 0.0, f64::NAN, 7.0, 2.0]),
    ] {
        let names = ["packets", "update", peer, "wrong verdicts"];
        let mut wrong = measurement(names, Unit::Count, &[], 0.0, &mut random);
        wrong.values = values.to_vec();
        measurements.push(wrong);
    }
    Run {
        facts: facts(),
        measurements,
        skips: vec![Skip {
            scenario: "packets".to_owned(),
            peer: "iptables-nft".to_owned(),
            reason: "iptables-nft-restore is not installed".to_owned(),
        }],
        claims: claims(),
    }
}

/// The run with all of a peer's times made longer by a factor.
pub(super) fn at_pace(run: &Run, peer: &str, factor: f64) -> Run {
    let mut run = run.clone();
    for measurement in &mut run.measurements {
        if measurement.peer == peer && measurement.unit == Unit::Nanoseconds {
            measurement
                .values
                .iter_mut()
                .for_each(|value| *value *= factor);
        }
    }
    run
}

/// Rounds up to a tenth above a base; the first of some a good deal more.
fn measurement(
    [scenario, phase, peer, metric]: [&str; 4],
    unit: Unit,
    scale: &[(&str, u64)],
    base: f64,
    random: &mut Random,
) -> Measurement {
    let scale = scale.iter().map(|(axis, size)| ((*axis).to_owned(), *size));
    let mut values: Vec<f64> = (0..ROUNDS)
        .map(|_| (base * (1.0 + random.below(100) as f64 / 1_000.0)).round())
        .collect();
    if phase == "one-member" && peer == "nft" {
        values[0] = base * 9.0;
    }
    Measurement {
        scenario: scenario.to_owned(),
        scale: scale.collect::<BTreeMap<_, _>>(),
        phase: phase.to_owned(),
        peer: peer.to_owned(),
        metric: metric.to_owned(),
        unit,
        values,
    }
}

fn facts() -> Vec<(String, String)> {
    let facts = [
        ("date", "2026-12-01 09:12 UTC"),
        ("processor", "2 x a processor"),
        ("kernel", "Linux 6.18"),
        ("command", HOSTILE),
    ];
    facts
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn claims() -> Vec<Claim> {
    let claim = |scenario: &str, what: &str, value, limit, floor: Option<&str>| Claim {
        scenario: scenario.to_owned(),
        what: what.to_owned(),
        value,
        interval: (value > 0.0).then_some(Interval {
            low: value * 0.9,
            high: value * 1.1,
        }),
        limit,
        floor: floor.map(str::to_owned),
    };
    vec![
        claim(
            "members",
            "one member, times as fast as nft -f",
            98.6,
            Limit::AtLeast(90.0),
            None,
        ),
        claim(
            "members",
            HOSTILE,
            1.31,
            Limit::AtMost(1.1),
            Some("replay of the same bytes is noisy here: 1.25 to itself"),
        ),
        claim(
            "packets",
            "wrong verdicts per update",
            0.0,
            Limit::AtMost(0.0),
            None,
        ),
    ]
}
