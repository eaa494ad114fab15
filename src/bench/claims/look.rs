//! What a run measured, looked up and put side by side round for round.

use crate::bench::measurement::{Measurement, Run};
use crate::bench::scenario::{Phase, Word};
use crate::bench::statistics::{Interval, around, median};

/// Looks things up in a run.
pub(super) struct Of<'a>(pub(super) &'a Run);

/// Which measurement.
#[derive(Clone, Copy)]
pub(super) struct Which<'a> {
    pub(super) scenario: &'a str,
    pub(super) at: &'a [(&'a str, u64)],
    pub(super) phase: Phase,
    pub(super) metric: &'a str,
}

/// The middle of some rounds, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Middle {
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
}

impl Of<'_> {
    fn values(&self, which: Which<'_>, peer: &str) -> Option<&[f64]> {
        let there = |known: &&Measurement| {
            let at = which.at.iter();
            let mut at = at.map(|(axis, value)| known.scale.get(*axis) == Some(value));
            known.scenario == which.scenario
                && known.phase == which.phase.word()
                && known.peer == peer
                && known.metric == which.metric
                && at.all(|same| same)
        };
        let found = self.0.measurements.iter().find(there)?;
        (!found.values.is_empty()).then_some(&found.values)
    }

    /// The middle, over the rounds, of what is made of the values of some peers in the same round.
    pub(super) fn rounds<const N: usize>(
        &self,
        sides: [(Which<'_>, &str); N],
        combine: impl Fn([f64; N]) -> f64,
    ) -> Option<Middle> {
        let mut columns = Vec::new();
        for (which, peer) in sides {
            columns.push(self.values(which, peer)?);
        }
        let rounds = columns.iter().map(|column| column.len()).min()?;
        let of_round = |round: usize| {
            let values = columns.iter().filter_map(|column| column.get(round));
            let values: Vec<f64> = values.copied().collect();
            Some(combine(values.try_into().ok()?))
        };
        let values: Vec<f64> = (0..rounds).filter_map(of_round).collect();
        Some(Middle {
            value: median(&values),
            interval: around(&values),
        })
    }

    pub(super) fn median(&self, which: Which<'_>, peer: &str) -> Option<f64> {
        let middle = self.rounds([(which, peer)], |[value]| value);
        middle.map(|middle| middle.value)
    }

    /// How many times the second peer's values the first's are.
    pub(super) fn ratio(&self, which: Which<'_>, first: &str, second: &str) -> Option<Middle> {
        self.rounds([(which, first), (which, second)], |[a, b]| a / b)
    }
}
