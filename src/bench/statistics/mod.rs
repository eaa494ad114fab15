//! What rounds say: their middle, their spread, and how sure a ratio or a difference is.

pub mod interval;
pub mod rank;
pub mod remark;

pub use interval::{Interval, Ratio, around, paired, unpaired};
pub use rank::difference;
pub use remark::{Remark, remarks};

/// Several rounds in a few numbers. Rounds without a finite value are counted and left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Rounds with a value.
    pub rounds: usize,
    /// Rounds without.
    pub failed: usize,
    /// The lowest value.
    pub low: f64,
    /// A quarter of all values is below.
    pub p25: f64,
    /// Half of them are.
    pub median: f64,
    /// Three quarters are.
    pub p75: f64,
    /// Nine tenths are.
    pub p90: f64,
    /// All but one in a hundred are; of fewer rounds, what lies on the way to the highest.
    pub p99: f64,
    /// The highest value.
    pub high: f64,
    /// The median of the distances from the median: unlike a deviation, one odd round leaves it as it is.
    pub spread: f64,
}

impl Summary {
    /// Of values that are there; nothing where none is.
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let at = |share| quantile(&sorted, share);
        Some(Self {
            rounds: sorted.len(),
            failed: values.len() - sorted.len(),
            low,
            p25: at(0.25),
            median: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p99: at(0.99),
            high,
            spread: spread(&sorted),
        })
    }
}

/// The finite ones in ascending order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value below which a share of sorted values is, between two neighbours in proportion; not a number
/// where there are none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a share of a length"
    )]
    let at = place as usize;
    let rest = place - at as f64;
    match (sorted.get(at), sorted.get(at + 1)) {
        // What is infinite may not be multiplied by nothing.
        (Some(here), Some(next)) if rest > 0.0 => here * (1.0 - rest) + next * rest,
        (Some(here), _) => *here,
        (None, _) => f64::NAN,
    }
}

/// The value in the middle, of two the mean; not a number where there are none.
pub fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// The median of the distances from the median.
fn spread(sorted: &[f64]) -> f64 {
    let middle = quantile(sorted, 0.5);
    let distances: Vec<f64> = sorted.iter().map(|value| (value - middle).abs()).collect();
    median(&distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let of = |values: &[f64]| Summary::of(values).unwrap();
        let ten: Vec<f64> = (0..=10).rev().map(f64::from).collect();
        let summary = of(&ten);
        assert_eq!(
            (summary.median, summary.p90, summary.high),
            (5.0, 9.0, 10.0)
        );
        assert!((summary.p99 - 9.9).abs() < 1e-9, "{summary:?}");
        assert_eq!((summary.low, summary.p25, summary.spread), (0.0, 2.5, 3.0));
        assert_eq!(of(&[1.0, 2.0]).median, 1.5);
        let one = of(&[7.0]);
        assert_eq!(
            (one.median, one.p99, one.spread, one.rounds),
            (7.0, 7.0, 0.0, 1)
        );
    }

    #[test]
    fn a_round_without_value_is_counted_and_left_out() {
        let summary = Summary::of(&[f64::NAN, 1.0, f64::INFINITY, 3.0]).unwrap();
        assert_eq!(
            (summary.rounds, summary.failed, summary.median),
            (2, 2, 2.0)
        );
        assert_eq!(Summary::of(&[f64::NAN]), None);
        assert_eq!(Summary::of(&[]), None);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn one_odd_round_leaves_the_spread() {
        let calm = Summary::of(&[10.0, 11.0, 12.0, 13.0, 14.0]).unwrap();
        let odd = Summary::of(&[10.0, 11.0, 12.0, 13.0, 9_000.0]).unwrap();
        assert_eq!((calm.spread, calm.median), (odd.spread, odd.median));
    }
}
