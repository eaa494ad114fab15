//! The order of policies and tiers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::net::InvalidValue;

/// A number by which policies or tiers are sorted, lowest first.
#[derive(Debug, Clone, Copy)]
pub struct Order(f64);

impl Order {
    /// That of what gives no order: after whatever does.
    pub const LAST: Self = Self(f64::INFINITY);

    /// The order of a finite number.
    pub fn new(number: f64) -> Option<Self> {
        // The sum makes one zero of the two.
        number.is_finite().then_some(Self(number + 0.0))
    }
}

impl Default for Order {
    fn default() -> Self {
        Self::LAST
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Order {}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LAST {
            f.write_str("last")
        } else {
            self.0.fmt(f)
        }
    }
}

impl FromStr for Order {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let number = text.parse().ok().and_then(Self::new);
        number.ok_or_else(|| InvalidValue::new("order", text, "a finite number"))
    }
}
