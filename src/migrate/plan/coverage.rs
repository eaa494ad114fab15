//! How much of a host can be said how well.

use std::collections::BTreeMap;

use crate::migrate::translate::{Class, Judgement};

/// Rules and packets by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// What there is of each class.
    pub shares: BTreeMap<Class, Share>,
    /// All of it.
    pub all: Share,
}

/// So many rules, and packets that they counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Rules.
    pub rules: u64,
    /// Packets.
    pub packets: u64,
}

impl Coverage {
    /// Counts.
    pub fn of(judgements: &[Judgement]) -> Self {
        let none = || Class::ALL.map(|class| (class, Share::default()));
        let mut coverage = Self {
            shares: none().into_iter().collect(),
            all: Share::default(),
        };
        for judgement in judgements {
            let packets = judgement.counters.map_or(0, |counters| counters.packets);
            let share = coverage.shares.entry(judgement.class).or_default();
            for sum in [share, &mut coverage.all] {
                sum.rules += 1;
                sum.packets = sum.packets.saturating_add(packets);
            }
        }
        coverage
    }

    /// What there is of a class.
    pub fn share(&self, class: Class) -> Share {
        self.shares.get(&class).copied().unwrap_or_default()
    }

    /// What can be translated without a difference.
    pub fn exact(&self) -> Share {
        let (native, equivalent) = (self.share(Class::Native), self.share(Class::Equivalent));
        Share {
            rules: native.rules + equivalent.rules,
            packets: native.packets.saturating_add(equivalent.packets),
        }
    }
}

/// `98.7 %`, rounded down so that 100 % is all of it.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn all_but_one_is_not_all() {
        assert_eq!(percent(99_999_999, 100_000_000), "99.99 %");
        assert_eq!(percent(5, 5), "100.00 %");
        assert_eq!(percent(0, 0), "-");
    }
}
