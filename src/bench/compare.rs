//! Two runs, measurement by measurement: what became worse by more than a threshold, and surely.

use std::collections::BTreeMap;
use std::fmt;

use super::measurement::{Measurement, Run, Unit};
use super::quantity::{Direction, direction};
use super::statistics::{Ratio, Summary, difference, unpaired};

/// Above this probability that nothing differs, a difference is not believed. A run has a hundred
/// measurements, so one in a hundred would be taken for different by chance, were it not for the threshold.
pub const P_MAX: f64 = 0.01;

/// Two runs beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The share up to which a change does not count: 0.1 is 10 %.
    pub threshold: f64,
    /// Facts that differ, with what each run says; nothing is said of one that a run does not have.
    pub facts: Vec<(String, [String; 2])>,
    /// In the order of the run before, then what only the one after has.
    pub pairs: Vec<Pair>,
}

/// One quantity in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The scenario's name.
    pub scenario: String,
    /// How large the world was.
    pub scale: BTreeMap<String, u64>,
    /// What was done meanwhile.
    pub phase: String,
    /// Who did it.
    pub peer: String,
    /// The quantity.
    pub metric: String,
    /// Of what its values are.
    pub unit: Unit,
    /// The median before, if any round has a value.
    pub before: Option<f64>,
    /// The median after.
    pub after: Option<f64>,
    /// How many times that before the median after is.
    pub ratio: Option<Ratio>,
    /// How probable such a difference is where there is none.
    pub p: Option<f64>,
    /// What that means.
    pub outcome: Outcome,
}

/// What became of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It changed by no more than the threshold.
    Same,
    /// It is surely worse: more time, more bytes, less a second.
    Worse,
    /// It is surely better.
    Better,
    /// It seems to have changed, but its rounds are too few or too noisy to say so.
    Unclear,
    /// Only the run before has it.
    OnlyBefore,
    /// Only the run after has it.
    OnlyAfter,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Worse,
        Self::Better,
        Self::Same,
        Self::Unclear,
        Self::OnlyBefore,
        Self::OnlyAfter,
    ];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Unclear => "unclear",
            Self::OnlyBefore => "only before",
            Self::OnlyAfter => "only after",
        })
    }
}

impl Comparison {
    /// How many quantities have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.pairs
            .iter()
            .filter(|pair| pair.outcome == outcome)
            .count()
    }
}

/// Compares two runs. A change counts from a threshold on, where 0.1 is 10 %.
pub fn compare(before: &Run, after: &Run, threshold: f64) -> Comparison {
    let of = |run: &Run, measurement: &Measurement| -> Option<Vec<f64>> {
        let same = run
            .measurements
            .iter()
            .find(|other| same(other, measurement));
        same.map(|found| found.values.clone())
    };
    let old = before.measurements.iter().map(|measurement| {
        let values = [Some(measurement.values.clone()), of(after, measurement)];
        pair(measurement, values, threshold)
    });
    let new = after.measurements.iter();
    let new = new.filter(|measurement| of(before, measurement).is_none());
    let new = new.map(|m| pair(m, [None, Some(m.values.clone())], threshold));
    Comparison {
        threshold,
        facts: facts(before, after),
        pairs: old.chain(new).collect(),
    }
}

fn facts(before: &Run, after: &Run) -> Vec<(String, [String; 2])> {
    let differing = before.facts.iter().filter_map(|(name, value)| {
        let (_, other) = after.facts.iter().find(|(other, _)| other == name)?;
        (other != value).then(|| (name.clone(), [value.clone(), other.clone()]))
    });
    differing.collect()
}

/// Whether two measurements are of the same quantity.
fn same(one: &Measurement, other: &Measurement) -> bool {
    let names = |m: &Measurement| [&m.scenario, &m.phase, &m.peer, &m.metric].map(String::clone);
    one.unit == other.unit && one.scale == other.scale && names(one) == names(other)
}

fn pair(measurement: &Measurement, [before, after]: [Option<Vec<f64>>; 2], threshold: f64) -> Pair {
    let median = |values: &Option<Vec<f64>>| {
        let summary = values.as_deref().and_then(Summary::of);
        summary.map(|summary| summary.median)
    };
    let (ratio, p, outcome) = match (&before, &after) {
        (Some(before), Some(after)) => {
            let direction = direction(&measurement.metric, measurement.unit);
            judged(before, after, direction, threshold)
        }
        (Some(_), None) => (None, None, Outcome::OnlyBefore),
        (None, _) => (None, None, Outcome::OnlyAfter),
    };
    Pair {
        scenario: measurement.scenario.clone(),
        scale: measurement.scale.clone(),
        phase: measurement.phase.clone(),
        peer: measurement.peer.clone(),
        metric: measurement.metric.clone(),
        unit: measurement.unit,
        before: median(&before),
        after: median(&after),
        ratio,
        p,
        outcome,
    }
}

/// The ratio, its probability by chance, and what follows: a change counts if it is large and sure.
fn judged(
    before: &[f64],
    after: &[f64],
    direction: Direction,
    threshold: f64,
) -> (Option<Ratio>, Option<f64>, Outcome) {
    let (ratio, p) = (unpaired(after, before), difference(after, before));
    let sure = p.is_some_and(|p| p <= P_MAX);
    let Some(Ratio { value, .. }) = ratio else {
        // Below zero there are no ratios; where all rounds failed there is nothing.
        let outcome = match p.is_some() && !sure {
            true => Outcome::Same,
            false => Outcome::Unclear,
        };
        return (ratio, p, outcome);
    };
    let (up, down) = (value > 1.0 + threshold, value < 1.0 / (1.0 + threshold));
    let outcome = match (up, down, direction) {
        (false, false, _) => Outcome::Same,
        (_, _, Direction::Neither) => Outcome::Unclear,
        (true, _, _) | (_, true, _) if !sure => Outcome::Unclear,
        (true, _, Direction::Down) | (_, true, Direction::Up) => Outcome::Worse,
        (true, _, Direction::Up) | (_, true, Direction::Down) => Outcome::Better,
    };
    (ratio, p, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: [f64; 7] = [10.0, 11.0, 9.0, 10.0, 12.0, 10.5, 9.5];

    fn run(peer: &str, unit: Unit, values: &[f64]) -> Run {
        Run {
            measurements: vec![Measurement {
                scenario: "s".to_owned(),
                scale: BTreeMap::new(),
                phase: "p".to_owned(),
                peer: peer.to_owned(),
                metric: "m".to_owned(),
                unit,
                values: values.to_vec(),
            }],
            ..Run::default()
        }
    }

    fn outcome(unit: Unit, after: &[f64]) -> Outcome {
        let (before, after) = (run("margay", unit, &BEFORE), run("margay", unit, after));
        compare(&before, &after, 0.1).pairs[0].outcome
    }

    #[test]
    fn a_change_counts_if_it_is_large_and_sure() {
        let by = |factor: f64| BEFORE.map(|value| value * factor);
        assert_eq!(outcome(Unit::Nanoseconds, &by(1.0)), Outcome::Same);
        assert_eq!(outcome(Unit::Nanoseconds, &by(1.09)), Outcome::Same);
        assert_eq!(outcome(Unit::Nanoseconds, &by(1.5)), Outcome::Worse);
        assert_eq!(outcome(Unit::Nanoseconds, &by(0.6)), Outcome::Better);
        assert_eq!(outcome(Unit::PerSecond, &by(1.5)), Outcome::Better);
        assert_eq!(outcome(Unit::PerSecond, &by(0.6)), Outcome::Worse);
        assert_eq!(outcome(Unit::Bytes, &[15.0, 16.0]), Outcome::Unclear);
        assert_eq!(outcome(Unit::Nanoseconds, &[f64::NAN; 7]), Outcome::Unclear);
    }

    #[test]
    fn what_was_nothing_and_is_something_is_worse() {
        let compared = |before: [f64; 7], after: [f64; 7]| {
            let [before, after] = [before, after].map(|values| run("margay", Unit::Count, &values));
            compare(&before, &after, 0.1).pairs[0].outcome
        };
        assert_eq!(compared([0.0; 7], [0.0; 7]), Outcome::Same);
        assert_eq!(compared([0.0; 7], [3.0; 7]), Outcome::Worse);
        assert_eq!(compared([3.0; 7], [0.0; 7]), Outcome::Better);
    }

    #[test]
    fn what_one_run_has_alone_is_said() {
        let unit = Unit::Nanoseconds;
        let mut before = run("margay", unit, &BEFORE);
        let mut after = run("nft", unit, &BEFORE);
        before.facts = vec![
            ("kernel".to_owned(), "6.1".to_owned()),
            ("only".to_owned(), String::new()),
        ];
        after.facts = vec![("kernel".to_owned(), "6.18".to_owned())];
        let comparison = compare(&before, &after, 0.1);
        let outcomes: Vec<_> = comparison.pairs.iter().map(|pair| pair.outcome).collect();
        assert_eq!(outcomes, [Outcome::OnlyBefore, Outcome::OnlyAfter]);
        assert_eq!(comparison.count(Outcome::Worse), 0);
        let kernels = ["6.1".to_owned(), "6.18".to_owned()];
        assert_eq!(comparison.facts, [("kernel".to_owned(), kernels)]);
    }
}
