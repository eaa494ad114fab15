//! How sure a ratio is: the same rounds, drawn again and again with replacement.
//!
//! The draws come from a fixed seed, so a report made again says the same.

use std::fmt;

use super::{median, quantile, sorted};
use crate::bench::quantity::number;
use crate::scenario::Random;

/// How often the rounds are drawn again.
const DRAWS: usize = 2_000;
/// Of fewer rounds than these an interval would claim more than they know.
const ROUNDS_MIN: usize = 5;
/// What lies outside at either end: 95 % are within.
const TAIL: f64 = 0.025;
const SEED: u64 = 95;

/// Where the true value is, in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Not below.
    pub low: f64,
    /// Not above.
    pub high: f64,
}

/// How many times one quantity is another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The ratio; infinite where something stands against nothing.
    pub value: f64,
    /// How sure it is; nothing where there are fewer than five rounds.
    pub interval: Option<Interval>,
}

impl fmt::Display for Interval {
    /// `1.18 to 1.25`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", told(self.low), told(self.high))
    }
}

impl fmt::Display for Ratio {
    /// `1.21 (1.18 to 1.25)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", told(self.value))?;
        match self.interval {
            Some(interval) => write!(f, " ({interval})"),
            None => Ok(()),
        }
    }
}

fn told(value: f64) -> String {
    match value.is_infinite() {
        true => "inf".to_owned(),
        false => number(value),
    }
}

/// Where the median of such rounds is.
pub fn around(values: &[f64]) -> Option<Interval> {
    let values = sorted(values);
    let mut random = Random::new(SEED);
    interval(values.len(), || median(&drawn(&values, &mut random)))
}

/// The median of the ratios of rounds that were measured side by side, so that what drifts hits both.
/// Nothing where no round has both, or where one divides by nothing or less.
pub fn paired(own: &[f64], base: &[f64]) -> Option<Ratio> {
    let pairs = own.iter().zip(base);
    let pairs = pairs.filter(|(own, base)| own.is_finite() && base.is_finite());
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() || pairs.iter().any(|(_, base)| **base <= 0.0) {
        return None;
    }
    let ratios: Vec<f64> = pairs.iter().map(|(own, base)| *own / *base).collect();
    Some(Ratio {
        value: median(&ratios),
        interval: around(&ratios),
    })
}

/// The ratio of the medians of two runs, whose rounds have nothing to do with each other. Nothing where one
/// of them is below zero, or has no rounds.
pub fn unpaired(own: &[f64], base: &[f64]) -> Option<Ratio> {
    let (own, base) = (sorted(own), sorted(base));
    let value = over(median(&own), median(&base))?;
    let mut random = Random::new(SEED);
    let draw = || {
        let (own, base) = (drawn(&own, &mut random), drawn(&base, &mut random));
        over(median(&own), median(&base)).unwrap_or(value)
    };
    Some(Ratio {
        value,
        interval: interval(own.len().min(base.len()), draw),
    })
}

fn over(own: f64, base: f64) -> Option<f64> {
    match (own >= 0.0, base >= 0.0) {
        (true, true) if own == 0.0 && base == 0.0 => Some(1.0),
        (true, true) => Some(own / base),
        (false, _) | (_, false) => None,
    }
}

fn interval(rounds: usize, mut draw: impl FnMut() -> f64) -> Option<Interval> {
    if rounds < ROUNDS_MIN {
        return None;
    }
    let mut draws: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    draws.sort_by(f64::total_cmp);
    Some(Interval {
        low: quantile(&draws, TAIL),
        high: quantile(&draws, 1.0 - TAIL),
    })
}

/// As many of the values, each any of them.
fn drawn(values: &[f64], random: &mut Random) -> Vec<f64> {
    let any = |_| values.get(random.below(values.len())).copied();
    (0..values.len()).filter_map(any).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [f64; 9] = [10.0, 11.0, 9.0, 10.0, 12.0, 10.5, 9.5, 10.0, 11.0];

    #[test]
    fn what_drifts_together_leaves_the_ratio() {
        let drift = |factor: f64| -> Vec<f64> {
            (0..9).map(|round| factor * f64::from(1 + round)).collect()
        };
        let ratio = paired(&drift(30.0), &drift(10.0)).unwrap();
        let interval = ratio.interval.unwrap();
        assert_eq!((ratio.value, interval.low, interval.high), (3.0, 3.0, 3.0));
        let apart = unpaired(&drift(30.0), &drift(10.0))
            .unwrap()
            .interval
            .unwrap();
        assert!(apart.low < 2.0 && apart.high > 4.0, "{apart:?}");
    }

    #[test]
    fn an_interval_holds_the_ratio_and_is_always_the_same() {
        let own = BASE.map(|value| value * 1.2 + 0.3);
        let ratio = paired(&own, &BASE).unwrap();
        let Interval { low, high } = ratio.interval.unwrap();
        assert!(
            1.2 < low && low <= ratio.value && ratio.value <= high && high < 1.25,
            "{ratio}"
        );
        assert_eq!(paired(&own, &BASE), Some(ratio));
    }

    #[test]
    fn a_ratio_without_sense_is_none() {
        assert_eq!(paired(&[1.0, 2.0], &[0.0, 1.0]), None);
        assert_eq!(paired(&[1.0], &[f64::NAN]), None);
        assert_eq!(paired(&[], &[]), None);
        assert_eq!(unpaired(&[1.0], &[-1.0]), None);
        assert_eq!(unpaired(&[], &[1.0]), None);
        assert_eq!(unpaired(&[0.0], &[0.0]).unwrap().value, 1.0);
        assert_eq!(unpaired(&[3.0], &[0.0]).unwrap().to_string(), "inf");
        assert_eq!(unpaired(&[3.0], &[2.0]).unwrap().to_string(), "1.50");
    }

    #[test]
    fn few_rounds_have_no_interval() {
        assert_eq!(paired(&BASE[..4], &BASE[..4]).unwrap().interval, None);
        assert!(paired(&BASE[..5], &BASE[..5]).unwrap().interval.is_some());
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let mut random = Random::new(1);
        let mut sum_of_dice =
            || f64::from(u32::try_from(40 + random.below(7) + random.below(7)).unwrap());
        let holds = (0..100).filter(|_| {
            let own: Vec<f64> = (0..25).map(|_| 2.0 * sum_of_dice()).collect();
            let base: Vec<f64> = (0..25).map(|_| sum_of_dice()).collect();
            let interval = unpaired(&own, &base).unwrap().interval.unwrap();
            interval.low <= 2.0 && 2.0 <= interval.high
        });
        let holds = holds.count();
        assert!(holds >= 88, "{holds} of 100");
    }
}
