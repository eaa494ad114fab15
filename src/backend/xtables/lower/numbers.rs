//! Sets of numbers of one byte: protocols, types and codes of ICMP messages.

use std::fmt;

/// Numbers of one byte, each a bit: 0 is the highest of the first half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Numbers([u128; 2]);

impl Numbers {
    /// The numbers from first to last.
    pub(super) fn range(first: u8, last: u8) -> Self {
        (first..=last).fold(Self([0; 2]), |numbers, number| {
            numbers.or(&Self(bit(number)))
        })
    }

    /// One number.
    pub(super) fn one(number: u8) -> Self {
        Self::range(number, number)
    }

    /// The numbers of both.
    pub(super) fn or(&self, other: &Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([a | c, b | d])
    }

    /// Whether all numbers are among them.
    pub(super) fn is_all(&self) -> bool {
        self.0 == [u128::MAX; 2]
    }

    /// Whether a number is among them.
    pub(super) fn holds(&self, number: u8) -> bool {
        let ([a, b], [c, d]) = (self.0, bit(number));
        a & c != 0 || b & d != 0
    }

    /// The numbers in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|number| self.holds(*number))
    }

    /// All others in order.
    pub(super) fn absent(&self) -> Vec<u8> {
        (0..=u8::MAX)
            .filter(|number| !self.holds(*number))
            .collect()
    }
}

fn bit(number: u8) -> [u128; 2] {
    let bit = (1 << 127) >> (number & 0x7f);
    match number < 0x80 {
        true => [bit, 0],
        false => [0, bit],
    }
}

impl fmt::Display for Numbers {
    /// `0-7,9-255`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starts = self.iter();
        let starts = starts.filter(|number| *number == 0 || !self.holds(number - 1));
        for (at, first) in starts.enumerate() {
            let ends = (first..=u8::MAX).take_while(|number| self.holds(*number));
            let last = ends.last().unwrap_or(first);
            let comma = if at == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_number_is_all_others() {
        let numbers = Numbers::range(0, 7).or(&Numbers::range(9, 255));
        assert_eq!(numbers.to_string(), "0-7,9-255");
        assert_eq!(numbers.absent(), [8]);
        assert!(numbers.or(&Numbers::one(8)).is_all());
    }
}
