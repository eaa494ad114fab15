//! Quantities as people read them: three digits that say something, and a unit that fits.

use std::collections::BTreeMap;
use std::fmt;

use super::measurement::Unit;

/// What a table shows where there is no number.
pub const NOTHING: &str = "–";

/// Above this a number is written with an exponent.
const PLAIN_MAX: f64 = 1e15;

/// In which direction a quantity is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The less, the better.
    Down,
    /// The more, the better.
    Up,
    /// It says under which conditions another quantity was measured.
    Neither,
}

/// In which direction a quantity of this name and unit is better: time, bytes and messages cost, a rate is
/// what one gets.
pub fn direction(metric: &str, unit: Unit) -> Direction {
    let is_of = |prefix: &&str| metric.starts_with(*prefix);
    match unit {
        _ if ["updates", "packets-per-update"].iter().any(is_of) => Direction::Neither,
        _ if metric.ends_with("-found") => Direction::Up,
        Unit::Nanoseconds | Unit::Bytes | Unit::Count => Direction::Down,
        Unit::PerSecond => Direction::Up,
    }
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 4] = [Self::Nanoseconds, Self::Bytes, Self::Count, Self::PerSecond];

    /// The word of the unit in files for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::PerSecond => "per_second",
        }
    }

    /// By what a number of this size is divided, and what is written behind it.
    fn prefix(self, size: f64) -> (f64, &'static str) {
        let table: &[(f64, f64, &str)] = match self {
            Self::Nanoseconds => &[
                (999.5, 1.0, " ns"),
                (999.5e3, 1e3, " µs"),
                (999.5e6, 1e6, " ms"),
                (f64::INFINITY, 1e9, " s"),
            ],
            Self::Bytes => &[
                (1023.5, 1.0, " B"),
                (1023.5 * 1024.0, 1024.0, " KiB"),
                (1023.5 * 1024.0 * 1024.0, 1024.0 * 1024.0, " MiB"),
                (f64::INFINITY, 1024.0 * 1024.0 * 1024.0, " GiB"),
            ],
            Self::Count => &[(f64::INFINITY, 1.0, "")],
            Self::PerSecond => &[
                (999.5, 1.0, " /s"),
                (999.5e3, 1e3, " k/s"),
                (f64::INFINITY, 1e6, " M/s"),
            ],
        };
        let fitting = table.iter().find(|(below, _, _)| size.abs() < *below);
        fitting.map_or((1.0, ""), |(_, divisor, suffix)| (*divisor, suffix))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// By what values up to this size are divided where they are written.
pub fn divisor(unit: Unit, size: f64) -> f64 {
    unit.prefix(size).0
}

/// `1.23 ms`
pub fn text(unit: Unit, value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let (divisor, suffix) = unit.prefix(value);
    let counted = matches!(unit, Unit::Bytes | Unit::Count) && divisor == 1.0;
    match counted && value.fract() == 0.0 && value.abs() < PLAIN_MAX {
        true => format!("{}{suffix}", grouped(&format!("{value:.0}"))),
        false => format!("{}{suffix}", number(value / divisor)),
    }
}

/// The same for a mark on an axis, whose digits are all meant: `1 ms`.
pub fn mark(unit: Unit, value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let (divisor, suffix) = unit.prefix(value);
    let digits = number(value / divisor);
    let short = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => &digits,
    };
    format!("{short}{suffix}")
}

/// Three digits of a number, or all that stand before its point.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => NOTHING.to_owned(),
        PLAIN_MAX.. => format!("{value:.2e}"),
        99.95.. => grouped(&format!("{value:.0}")),
        9.995.. => format!("{value:.1}"),
        0.0995.. => format!("{value:.2}"),
        0.00005.. => format!("{value:.4}"),
        _ if size == 0.0 => "0".to_owned(),
        _ => format!("{value:.2e}"),
    }
}

/// A whole number with commas between its thousands.
pub fn whole(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let mut text = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `endpoints 10,000, rules 100`
pub fn scale(scale: &BTreeMap<String, u64>) -> String {
    let axes = scale.iter();
    let axes: Vec<_> = axes
        .map(|(axis, value)| format!("{axis} {}", whole(*value)))
        .collect();
    axes.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        let read = [
            (Unit::Nanoseconds, 0.0, "0 ns"),
            (Unit::Nanoseconds, 12.345, "12.3 ns"),
            (Unit::Nanoseconds, 999.7, "1.00 µs"),
            (Unit::Nanoseconds, -1_724.0, "-1.72 µs"),
            (Unit::Nanoseconds, 4.2e12, "4,200 s"),
            (Unit::Bytes, 276.0, "276 B"),
            (Unit::Bytes, 1_048_576.0, "1.00 MiB"),
            (Unit::Count, 1_234_567.0, "1,234,567"),
            (Unit::Count, 3.0, "3"),
            (Unit::Count, 2.5, "2.50"),
            (Unit::PerSecond, 45_600.0, "45.6 k/s"),
            (Unit::Count, f64::NAN, "–"),
            (Unit::Count, 1e300, "1.00e300"),
        ];
        for (unit, value, expected) in read {
            assert_eq!(text(unit, value), expected);
        }
        assert_eq!(mark(Unit::Nanoseconds, 2e6), "2 ms");
        assert_eq!(mark(Unit::Nanoseconds, 0.5), "0.5 ns");
        assert_eq!(mark(Unit::Bytes, 102_400.0), "100 KiB");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [0, 999, 1_000, 1_000_000].map(whole),
            ["0", "999", "1,000", "1,000,000"]
        );
        let axes = [("rules".to_owned(), 100), ("endpoints".to_owned(), 10_000)];
        assert_eq!(scale(&axes.into()), "endpoints 10,000, rules 100");
    }
}
