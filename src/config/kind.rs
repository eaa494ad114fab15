//! Kinds of values: how they are written and shown.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::decimal;

/// A kind of value.
pub(super) trait Kind: Sized {
    /// What may be written.
    const ALLOWED: &'static str;

    /// The value of a text.
    fn read(text: &str) -> Option<Self>;

    /// What the word `none` means, where it means anything: off, or nothing.
    fn none() -> Option<Self>;

    /// The value as it is shown, and as it may be written.
    fn text(&self) -> String;
}

/// What is not set, and what `none` says.
pub(super) const NONE: &str = "none";

impl<T: Kind> Kind for Option<T> {
    const ALLOWED: &'static str = T::ALLOWED;

    fn read(text: &str) -> Option<Self> {
        T::read(text).map(Some)
    }

    fn none() -> Option<Self> {
        Some(None)
    }

    fn text(&self) -> String {
        self.as_ref().map_or_else(|| NONE.to_owned(), Kind::text)
    }
}

impl Kind for bool {
    const ALLOWED: &'static str = "true, 1, yes, y, t or false, 0, no, n, f";

    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "y" | "t" => Some(true),
            "false" | "0" | "no" | "n" | "f" => Some(false),
            _ => None,
        }
    }

    fn none() -> Option<Self> {
        Some(false)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

macro_rules! numbers {
    ($($kind:ty: $allowed:literal;)+) => {$(
        impl Kind for $kind {
            const ALLOWED: &'static str = $allowed;

            /// Reads decimal, or hexadecimal behind `0x`.
            fn read(text: &str) -> Option<Self> {
                match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                    Some(digits) if !digits.starts_with('+') => {
                        Self::from_str_radix(digits, 16).ok()
                    }
                    Some(_) => None,
                    None => decimal(text),
                }
            }

            fn none() -> Option<Self> {
                Some(0)
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

numbers! {
    u8: "0-255";
    u16: "0-65535";
}

impl Kind for PathBuf {
    const ALLOWED: &'static str = "an absolute path";

    fn read(text: &str) -> Option<Self> {
        let path = Self::from(text);
        path.is_absolute().then_some(path)
    }

    fn none() -> Option<Self> {
        None
    }

    fn text(&self) -> String {
        self.display().to_string()
    }
}

impl Kind for Box<str> {
    const ALLOWED: &'static str = "any text";

    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn none() -> Option<Self> {
        None
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Longer spans are mistakes: ten years.
const SPAN_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Kind for Duration {
    const ALLOWED: &'static str = "seconds, or with a unit: 10ms, 30s, 1m30s, 2h; up to ten years";

    fn read(text: &str) -> Option<Self> {
        let span = match text.parse::<f64>() {
            Ok(seconds) => Self::try_from_secs_f64(seconds).ok(),
            Err(_) => with_units(text),
        };
        span.filter(|span| *span <= SPAN_MAX)
    }

    fn none() -> Option<Self> {
        Some(Self::ZERO)
    }

    fn text(&self) -> String {
        match self.subsec_nanos() {
            0 => format!("{}s", self.as_secs()),
            _ => format!("{}ms", self.as_secs_f64() * 1000.0),
        }
    }
}

/// `1m30s`: numbers, each with its unit.
fn with_units(text: &str) -> Option<Duration> {
    let (mut rest, mut span) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let end = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        span = span.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(span)
}

impl Kind for BTreeMap<Box<str>, Duration> {
    const ALLOWED: &'static str = "name=span, with commas between them";

    fn read(text: &str) -> Option<Self> {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let pairs = items.map(|item| {
            let (name, span) = item.split_once('=')?;
            Some((name.trim().into(), Duration::read(span.trim())?))
        });
        pairs.collect()
    }

    fn none() -> Option<Self> {
        Some(Self::new())
    }

    fn text(&self) -> String {
        let pairs = self
            .iter()
            .map(|(name, span)| format!("{name}={}", span.text()));
        let text = pairs.collect::<Vec<_>>().join(",");
        if text.is_empty() {
            NONE.to_owned()
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truths_are_read_in_either_case() {
        for text in ["true", "TRUE", "1", "Yes", "y", "T"] {
            assert_eq!(bool::read(text), Some(true), "{text}");
        }
        for text in ["false", "False", "0", "NO", "n", "f"] {
            assert_eq!(bool::read(text), Some(false), "{text}");
        }
        for text in ["", "on", "2", "truee"] {
            assert_eq!(bool::read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_have_ends() {
        assert_eq!(u16::read("9099"), Some(9099));
        assert_eq!(u16::read("0xFF"), Some(255));
        for text in ["65536", "-1", "+1", "0x", "0x+1", "1.0", " 1"] {
            assert_eq!(u16::read(text), None, "{text}");
        }
        assert_eq!(u8::read("256"), None);
    }

    #[test]
    fn spans_have_units() {
        let spans = [
            ("30", 30_000),
            ("0.5", 500),
            ("10ms", 10),
            ("1m0s", 60_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("0s", 0),
        ];
        for (text, milliseconds) in spans {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(Duration::read(text), expected, "{text}");
        }
        for text in [
            "", "-1", "-1s", "nan", "inf", "1x", "s", "1e300", "1e12", "1s2",
        ] {
            assert_eq!(Duration::read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for text in ["0s", "30s", "10ms", "1.5ms", "1500ms"] {
            let span = Duration::read(text).unwrap();
            assert_eq!(Duration::read(&span.text()), Some(span), "{text}");
        }
        type Timeouts = BTreeMap<Box<str>, Duration>;
        let timeouts = Timeouts::read("A=30s, B = 1m,").unwrap();
        assert_eq!(timeouts.text(), "A=30s,B=60s");
        assert_eq!(Timeouts::read("A"), None);
        assert_eq!(Timeouts::new().text(), "none");
    }
}
