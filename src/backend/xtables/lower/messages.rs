//! Sets of types of ICMP messages.

use std::fmt;

use crate::backend::xtables::Match;
use crate::net::Family;
use crate::ruleset::Operator;

use super::conjunction::Conjunction;

/// So many tests stand in one rule.
const TESTS_MAX: usize = 64;

/// Types of ICMP messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Types([[bool; 16]; 16]);

impl Types {
    /// The types from first to last.
    pub(super) fn range(first: u8, last: u8) -> Self {
        let mut types = Self([[false; 16]; 16]);
        for kind in first..=last {
            *types.at(kind) = true;
        }
        types
    }

    /// The types of both.
    pub(super) fn or(&self, other: &Self) -> Self {
        let mut types = self.clone();
        for kind in other.iter() {
            *types.at(kind) = true;
        }
        types
    }

    /// Whether all types are among them.
    pub(super) fn is_all(&self) -> bool {
        self.0.iter().flatten().all(|held| *held)
    }

    /// The types in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u8> {
        let held = (0..=u8::MAX).zip(self.0.iter().flatten());
        held.filter(|(_, held)| **held).map(|(kind, _)| kind)
    }

    /// Tests any of which holds for a message of one of these types, whatever its code. To iptables
    /// type 255 of IPv4 is any type: it can only be said by what it is not.
    pub(super) fn tests(&self, family: Family) -> Result<Vec<Conjunction>, &'static str> {
        let absent = self.absent();
        let is_any = family == Family::V4 && self.holds(u8::MAX);
        let cheaper = family == Family::V6 && absent.len() < self.iter().count();
        if (is_any || cheaper) && absent.len() <= TESTS_MAX {
            let not = |kind| Match::Icmp(Operator::Ne, kind, None);
            return Ok(vec![Conjunction::all(absent.into_iter().map(not).collect())]);
        }
        if is_any {
            return Err("ICMP type 255, which means any type to iptables");
        }
        let one = |kind| Conjunction::of(Match::Icmp(Operator::Eq, kind, None));
        Ok(self.iter().map(one).collect())
    }

    fn absent(&self) -> Vec<u8> {
        (0..=u8::MAX).filter(|kind| !self.holds(*kind)).collect()
    }

    fn holds(&self, kind: u8) -> bool {
        self.0[usize::from(kind >> 4)][usize::from(kind & 0xf)]
    }

    fn at(&mut self, kind: u8) -> &mut bool {
        &mut self.0[usize::from(kind >> 4)][usize::from(kind & 0xf)]
    }
}

impl fmt::Display for Types {
    /// `0-7,9-255`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starts = self.iter().filter(|kind| *kind == 0 || !self.holds(kind - 1));
        for (at, first) in starts.enumerate() {
            let ends = (first..=u8::MAX).take_while(|kind| self.holds(*kind));
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
    fn what_is_not_one_type_is_all_others() {
        let types = Types::range(0, 7).or(&Types::range(9, 255));
        assert_eq!(types.to_string(), "0-7,9-255");
        let not_8 = Conjunction::of(Match::Icmp(Operator::Ne, 8, None));
        assert_eq!(types.tests(Family::V4), Ok(vec![not_8]));
        assert!(Types::range(255, 255).tests(Family::V4).is_err());
        assert!(Types::range(255, 255).tests(Family::V6).is_ok());
    }
}
