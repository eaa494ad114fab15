//! Whether claims hold.

use std::fmt;

use super::measurement::{Claim, Limit};
use super::statistics::Ratio;

impl Claim {
    /// Whether the value is within its limit. One that is no number is not.
    pub fn holds(&self) -> bool {
        match self.limit {
            Limit::AtMost(bound) => self.value <= bound,
            Limit::AtLeast(bound) => self.value >= bound,
        }
    }

    /// `1.21 (1.18 to 1.25)`
    pub fn measured(&self) -> String {
        let ratio = Ratio {
            value: self.value,
            interval: self.interval,
        };
        ratio.to_string()
    }

    /// What a report says of it.
    pub fn verdict(&self) -> &'static str {
        match self.holds() {
            true => "HOLDS",
            false => "DOES NOT HOLD",
        }
    }
}

impl Limit {
    /// The limit without its number.
    pub fn word(self) -> &'static str {
        match self {
            Self::AtMost(_) => "at most",
            Self::AtLeast(_) => "at least",
        }
    }

    /// The number.
    pub fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }
}

impl fmt::Display for Limit {
    /// `at most 1.20`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            self.word(),
            super::quantity::number(self.bound())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(value: f64, limit: Limit) -> Claim {
        Claim {
            scenario: "s".to_owned(),
            what: "w".to_owned(),
            value,
            interval: None,
            limit,
            floor: None,
        }
    }

    #[test]
    fn a_limit_belongs_to_what_it_allows() {
        assert!(claim(1.0, Limit::AtMost(1.0)).holds() && claim(1.0, Limit::AtLeast(1.0)).holds());
        assert!(!claim(1.1, Limit::AtMost(1.0)).holds());
        assert!(!claim(0.9, Limit::AtLeast(1.0)).holds());
        assert!(!claim(f64::NAN, Limit::AtMost(1.0)).holds());
        assert_eq!(claim(2.0, Limit::AtMost(1.0)).verdict(), "DOES NOT HOLD");
        assert_eq!(Limit::AtMost(1_000.0).to_string(), "at most 1,000");
    }
}
