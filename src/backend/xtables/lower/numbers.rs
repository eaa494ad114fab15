//! Sets of numbers of one byte: protocols, types and codes of ICMP messages.

use std::fmt;

/// Numbers of one byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Numbers([[bool; 16]; 16]);

impl Numbers {
    /// The numbers from first to last.
    pub(super) fn range(first: u8, last: u8) -> Self {
        let mut numbers = Self([[false; 16]; 16]);
        for number in first..=last {
            *numbers.at(number) = true;
        }
        numbers
    }

    /// One number.
    pub(super) fn one(number: u8) -> Self {
        Self::range(number, number)
    }

    /// The numbers of both.
    pub(super) fn or(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for number in other.iter() {
            *both.at(number) = true;
        }
        both
    }

    /// Whether all numbers are among them.
    pub(super) fn is_all(&self) -> bool {
        self.0.iter().flatten().all(|held| *held)
    }

    /// Whether a number is among them.
    pub(super) fn holds(&self, number: u8) -> bool {
        self.0[usize::from(number >> 4)][usize::from(number & 0xf)]
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

    fn at(&mut self, number: u8) -> &mut bool {
        &mut self.0[usize::from(number >> 4)][usize::from(number & 0xf)]
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
