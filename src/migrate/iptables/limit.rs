//! Rates: `limit` and `hashlimit`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Rule, Test};

/// How much in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    /// How many packets, or bytes.
    pub amount: u64,
    /// In what time.
    pub unit: RateUnit,
}

/// The time of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateUnit {
    /// `/sec`.
    Second,
    /// `/min`.
    Minute,
    /// `/hour`.
    Hour,
    /// `/day`.
    Day,
    /// `b/s`: bytes a second.
    Bytes,
}

/// Which side of a rate matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Threshold {
    /// While there is no more than that.
    UpTo,
    /// Once there is more.
    Above,
}

/// What `hashlimit` keeps a rate for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashMode {
    /// Source address.
    SourceAddress,
    /// Source port.
    SourcePort,
    /// Destination address.
    DestinationAddress,
    /// Destination port.
    DestinationPort,
}

/// `hashlimit`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashLimit {
    /// Under this name rules share their table.
    pub name: String,
    /// Which side of the rate matches.
    pub threshold: Threshold,
    /// The rate.
    pub rate: Rate,
    /// How much beyond the rate may come at once.
    pub burst: Option<u64>,
    /// What there is a rate for; nothing is one for all.
    pub modes: Vec<HashMode>,
    /// Length of the source prefix that shares a rate.
    pub source_mask: Option<u8>,
    /// Length of the destination prefix that shares a rate.
    pub destination_mask: Option<u8>,
    /// `htable-size` and `htable-max`.
    pub table_max: Option<u64>,
    /// `htable-expire`, in milliseconds.
    pub expire_ms: Option<u64>,
}

/// The rates of `hashlimit` by their names. Rules of one name share the buckets of the one that is loaded first.
pub fn rates<'r>(rules: impl Iterator<Item = &'r Rule>) -> BTreeMap<String, HashLimit> {
    let mut rates: BTreeMap<String, (usize, HashLimit)> = BTreeMap::new();
    for rule in rules {
        for one in &rule.matches {
            let Test::HashLimit(limit) = &one.test else {
                continue;
            };
            let first = rates.get(&limit.name).map(|(line, _)| *line);
            if first.is_none_or(|line| rule.line < line) {
                rates.insert(limit.name.clone(), (rule.line, limit.clone()));
            }
        }
    }
    let named = rates.into_iter();
    named.map(|(name, (_, limit))| (name, limit)).collect()
}

impl HashLimit {
    /// How long an entry is kept that no packet is counted for: where nothing is said, one unit of its rate, or what the program
    /// takes for bytes.
    pub fn idle(&self) -> Duration {
        let unit = match self.rate.unit {
            RateUnit::Bytes if self.burst.is_some() => 60,
            RateUnit::Bytes => 15,
            RateUnit::Second => 1,
            RateUnit::Minute => 60,
            RateUnit::Hour => 3600,
            RateUnit::Day => 86_400,
        };
        let said = self.expire_ms.map(Duration::from_millis);
        said.unwrap_or(Duration::from_secs(unit))
    }

    /// Whether what may come at once comes no second time until the entry was idle.
    pub fn bursts_once(&self) -> bool {
        self.rate.unit == RateUnit::Bytes && self.burst.is_some()
    }

    /// The most entries, where that is said.
    pub fn most(&self) -> Option<u32> {
        let most = self.table_max.and_then(|most| u32::try_from(most).ok());
        most.filter(|most| *most > 0)
    }

    /// How much beyond the rate may come at once; of bytes that is as much as a second has, where nothing says it.
    pub fn beyond(&self) -> Option<u64> {
        const DEFAULT: u64 = 5;
        match self.rate.unit {
            RateUnit::Bytes => self.burst,
            RateUnit::Second | RateUnit::Minute | RateUnit::Hour | RateUnit::Day => {
                Some(self.burst.unwrap_or(DEFAULT))
            }
        }
    }
}
