//! An axis: where a value is drawn, and which values are marked.

use crate::bench::measurement::Unit;
use crate::bench::quantity;

/// Values that span more than this are drawn by their logarithm.
const LINEAR_SPAN_MAX: f64 = 100.0;
/// An exponent as near as this to a whole one is that.
const NEAR: f64 = 1e-9;
/// About how many marks a linear axis has.
const MARKS: f64 = 5.0;

/// How values become places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In proportion: lengths may be compared.
    Linear,
    /// By their logarithm: equal distances are equal ratios.
    Logarithmic,
}

/// From values to places on a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// How.
    pub(super) kind: Kind,
    /// Of what marks are round multiples: a microsecond, a KiB.
    whole: f64,
    /// Of what marks on a logarithmic axis are powers.
    base: f64,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis for measured values, drawn between two places. It shows nothing, where it can.
    pub(super) fn of(values: &[f64], unit: Unit, from: f64, to: f64) -> Self {
        let finite = values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = finite.fold((0.0, 0.0), |(low, high): (f64, f64), value| {
            (low.min(value), high.max(value))
        });
        let positive = values
            .iter()
            .copied()
            .filter(|value| value.is_finite() && *value > 0.0);
        let least = positive.fold(f64::INFINITY, f64::min);
        let axis = Self {
            kind: Kind::Linear,
            whole: quantity::divisor(unit, high.max(-low)),
            base: base(unit),
            low,
            high,
            from,
            to,
        };
        match low >= 0.0 && least.is_finite() && high > LINEAR_SPAN_MAX * least {
            true => axis.logarithmic(least),
            false => axis.linear(),
        }
    }

    /// An axis for sizes of worlds, which grow by factors more often than by steps.
    pub(super) fn of_sizes(sizes: &[u64], from: f64, to: f64) -> Self {
        let low = sizes.iter().min().map_or(0.0, |size| *size as f64);
        let high = sizes.iter().max().map_or(1.0, |size| *size as f64);
        let kind = match low > 0.0 && high >= 8.0 * low {
            true => Kind::Logarithmic,
            false => Kind::Linear,
        };
        Self {
            kind,
            whole: 1.0,
            base: base(Unit::Count),
            low,
            // Where all is the same there is still an axis.
            high: if high > low { high } else { low + 1.0 },
            from,
            to,
        }
    }

    fn linear(self) -> Self {
        let high = if self.high > self.low {
            self.high
        } else {
            self.low + self.whole
        };
        let step = step((high - self.low) / self.whole) * self.whole;
        Self {
            low: (self.low / step).floor() * step,
            high: (high / step).ceil() * step,
            ..self
        }
    }

    fn logarithmic(self, least: f64) -> Self {
        Self {
            kind: Kind::Logarithmic,
            low: self.base.powf((least.log(self.base) + NEAR).floor()),
            high: self.base.powf((self.high.log(self.base) - NEAR).ceil()),
            ..self
        }
    }

    /// The place of a value; what is outside is drawn at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Logarithmic => {
                (value.max(self.low).log10() - self.low.log10())
                    / (self.high.log10() - self.low.log10())
            }
        };
        let share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.from + share * (self.to - self.from)
    }

    /// Of a power of the base.
    fn exponent(&self, power: f64) -> f64 {
        power.log(self.base).round()
    }

    /// Whether a value is beyond the upper end.
    pub(super) fn is_beyond(&self, value: f64) -> bool {
        value > self.high
    }

    /// The values that are marked, in ascending order.
    pub(super) fn marks(&self) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = step((self.high - self.low) / self.whole) * self.whole;
                let first = (self.low / step).round();
                let marks = (0..=2 * count(MARKS)).map(|at| (first + f64::from(at)) * step);
                marks
                    .take_while(|mark| *mark <= self.high + step * 1e-6)
                    .collect()
            }
            Kind::Logarithmic => {
                let (first, last) = (self.exponent(self.low), self.exponent(self.high));
                let every = ((last - first) / 8.0).ceil().max(1.0);
                let marks = (0..=count(8.0)).map(|at| first + f64::from(at) * every);
                let marks = marks.take_while(|exponent| *exponent <= last + 1e-6);
                marks.map(|exponent| self.base.powf(exponent)).collect()
            }
        }
    }
}

/// Marks are round numbers: of bytes, those that are whole in KiB and MiB too.
fn base(unit: Unit) -> f64 {
    match unit {
        Unit::Bytes => 16.0,
        Unit::Nanoseconds | Unit::Count | Unit::PerSecond => 10.0,
    }
}

/// A step between marks that people count in: 1, 2 or 5 and zeros.
fn step(span: f64) -> f64 {
    let rough = span / MARKS;
    let power = 10_f64.powf(rough.log10().floor());
    let digits = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|digit| digit * power >= rough * 0.999);
    let step = digits.unwrap_or(10.0) * power;
    if step.is_finite() && step > 0.0 {
        step
    } else {
        1.0
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a small constant"
)]
fn count(marks: f64) -> u32 {
    marks as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_cover_all() {
        let axis = Axis::of(&[12.0, 87.0], Unit::Count, 0.0, 100.0);
        assert_eq!(
            (axis.kind, axis.marks()),
            (Kind::Linear, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0])
        );
        assert_eq!(
            (axis.at(0.0), axis.at(50.0), axis.at(1e9)),
            (0.0, 50.0, 100.0)
        );
        let axis = Axis::of(&[-30.0, 87.0], Unit::Count, 0.0, 100.0);
        assert_eq!(axis.marks(), [-50.0, 0.0, 50.0, 100.0]);
        let axis = Axis::of(&[0.0], Unit::Count, 0.0, 100.0);
        assert_eq!(axis.marks(), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
    }

    #[test]
    fn a_wide_span_is_logarithmic() {
        let axis = Axis::of(&[3.0, 2_000.0, 0.0], Unit::Count, 0.0, 300.0);
        assert_eq!(
            (axis.kind, axis.marks()),
            (Kind::Logarithmic, vec![1.0, 10.0, 100.0, 1_000.0, 10_000.0])
        );
        assert!((axis.at(100.0) - 150.0).abs() < 1e-9);
        assert_eq!(axis.at(0.0), 0.0);
        let axis = Axis::of(&[1_000.0, 1e6], Unit::Count, 0.0, 3.0);
        assert_eq!(axis.marks().first(), Some(&1_000.0));
        assert_eq!(axis.marks().len(), 4);
        assert!(Axis::of(&[1e-9, 1e12], Unit::Count, 0.0, 1.0).marks().len() <= 9);
        assert_eq!(
            Axis::of(&[1.0, 100.0], Unit::Count, 0.0, 1.0).kind,
            Kind::Linear
        );
        assert_eq!(
            Axis::of(&[-1.0, 1_000.0, 1.0], Unit::Count, 0.0, 1.0).kind,
            Kind::Linear
        );
    }

    #[test]
    fn marks_of_bytes_are_round_in_their_prefix() {
        const KIB: f64 = 1024.0;
        let axis = Axis::of(&[900.0 * KIB, 0.0], Unit::Bytes, 0.0, 100.0);
        assert_eq!(
            axis.marks(),
            [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0].map(|kib| kib * KIB)
        );
        let axis = Axis::of(&[300.0, 9.0 * KIB * KIB], Unit::Bytes, 0.0, 100.0);
        assert_eq!(
            axis.marks(),
            [256.0, 4.0 * KIB, 64.0 * KIB, KIB * KIB, 16.0 * KIB * KIB]
        );
    }

    #[test]
    fn any_numbers_have_an_axis() {
        for values in [
            &[][..],
            &[f64::NAN],
            &[f64::MAX],
            &[f64::MIN_POSITIVE, f64::MAX],
            &[-f64::MAX, f64::MAX],
        ] {
            let axis = Axis::of(values, Unit::Count, 10.0, 20.0);
            assert!(axis.marks().len() < 20);
            for value in values {
                assert!((10.0..=20.0).contains(&axis.at(*value)), "{value} {axis:?}");
            }
        }
    }
}
