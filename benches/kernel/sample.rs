//! Repeated measurements, of which the median counts and the ends are shown.

use std::fmt;

/// How often each side of a pair is measured.
pub(crate) const ROUNDS: usize = 9;

/// One quantity measured several times.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    values: Vec<f64>,
}

impl Sample {
    /// The value in the middle.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which a share of all values is.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a share of a length"
        )]
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The lowest value.
    pub(crate) fn low(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The highest value.
    pub(crate) fn high(&self) -> f64 {
        self.values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// Round by round, what is left of this after the other.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.with(other, |own, other| own - other)
    }

    /// Round by round, how many times the other this is.
    pub(crate) fn over(&self, other: &Self) -> Self {
        self.with(other, |own, other| own / other)
    }

    fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.values.iter().zip(&other.values);
        pairs.map(|(own, other)| combine(*own, *other)).collect()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }
}

impl fmt::Display for Sample {
    /// `1.23 (1.20-1.31)`: the median and the ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, low, high) = (self.median(), self.low(), self.high());
        write!(f, "{} ({} to {})", short(median), short(low), short(high))
    }
}

/// Three digits that say something, and no more.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Measures every subject once a round; each round turns the order around, so that what drifts hits
/// all of them alike. Gives one sample for each subject.
pub(crate) fn interleaved<S>(
    rounds: usize,
    subjects: &mut [S],
    mut measure: impl FnMut(&mut S) -> f64,
) -> Vec<Sample> {
    let mut values = vec![Vec::new(); subjects.len()];
    for round in 0..rounds {
        for position in 0..subjects.len() {
            let at = if round.is_multiple_of(2) {
                position
            } else {
                subjects.len() - 1 - position
            };
            values[at].push(measure(&mut subjects[at]));
        }
    }
    values
        .into_iter()
        .map(|values| values.into_iter().collect())
        .collect()
}
