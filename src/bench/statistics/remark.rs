//! What is odd about rounds, and how to measure better.

use std::fmt;

use super::{Summary, median};

/// A round is odd where it is farther from the median than so many spreads (14.8 deviations, if values were normal).
const SPREADS: f64 = 22.0;
/// Values that hardly differ at all have no odd ones among them: the least spread, as a share of the median.
const SPREAD_MIN: f64 = 0.01;

/// What is odd about the rounds of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// So many rounds have no value.
    Failed(usize),
    /// The first round took much longer than the others.
    SlowStart,
    /// So many rounds are far from all others.
    Outliers(usize),
    /// It has fewer rounds than others have.
    Fewer {
        /// How many it has.
        rounds: usize,
        /// How many others have.
        of: usize,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = |count: &usize| match count {
            1 => "1 round".to_owned(),
            _ => format!("{count} rounds"),
        };
        match self {
            Self::Failed(count) => write!(f, "{} without a value", rounds(count)),
            Self::SlowStart => write!(
                f,
                "the first round took much longer than the others: caches were cold, so warm up for longer"
            ),
            Self::Outliers(count) => write!(
                f,
                "{} far from all others: something else ran, so measure again on a quiet machine",
                rounds(count)
            ),
            Self::Fewer { rounds: own, of } => write!(
                f,
                "{} where others have {of}: it was too slow for more, or failed",
                rounds(own)
            ),
        }
    }
}

/// All that is odd.
pub fn remarks(values: &[f64]) -> Vec<Remark> {
    let failed = values.iter().filter(|value| !value.is_finite()).count();
    let odd = odd(values);
    let slow = odd.first() == Some(&0) && values.first().is_some_and(|v| *v > median(values));
    let outliers = odd.len() - usize::from(slow);
    let remarks = [
        (failed > 0).then_some(Remark::Failed(failed)),
        slow.then_some(Remark::SlowStart),
        (outliers > 0).then_some(Remark::Outliers(outliers)),
    ];
    remarks.into_iter().flatten().collect()
}

/// Which rounds are odd.
fn odd(values: &[f64]) -> Vec<usize> {
    let Some(summary) = Summary::of(values) else {
        return Vec::new();
    };
    let spread = summary.spread.max(summary.median.abs() * SPREAD_MIN);
    let far = |value: f64| (value - summary.median).abs() > SPREADS * spread;
    let rounds = values.iter().enumerate();
    let odd = rounds.filter(|(_, value)| value.is_finite() && far(**value));
    odd.map(|(round, _)| round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: [f64; 7] = [10.0, 11.0, 10.5, 9.5, 10.0, 10.2, 11.5];

    fn with(at: usize, value: f64) -> Vec<Remark> {
        let mut values = CALM;
        values[at] = value;
        remarks(&values)
    }

    #[test]
    fn what_is_far_from_all_others_is_said() {
        assert_eq!(remarks(&CALM), []);
        assert_eq!(with(0, 90.0), [Remark::SlowStart]);
        assert_eq!(with(3, 90.0), [Remark::Outliers(1)]);
        assert_eq!(with(0, -90.0), [Remark::Outliers(1)]);
        assert_eq!(with(3, f64::NAN), [Remark::Failed(1)]);
        assert_eq!(remarks(&[1.0, 1.0, 1.0, 1.001]), []);
        assert_eq!(remarks(&[1.0, 1.0, 1.0, 2.0]), [Remark::Outliers(1)]);
        assert_eq!(remarks(&[]), []);
    }
}
