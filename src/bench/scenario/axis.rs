//! The axes along which worlds differ.

use super::Word;

/// One axis, of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Endpoints of this host.
    Endpoints,
    /// Different lists of policies among them.
    Bundles,
    /// Groups that the policy names.
    Groups,
    /// Rules of the policy.
    Rules,
    /// Members of one more group that it names.
    Members,
    /// Whether its rules name prefixes and ranges of ports, or addresses and ports alone.
    Prefixes,
    /// 4 or 6.
    Family,
    /// Bytes of a packet.
    Frame,
    /// Changes a second; 0 is as fast as can be.
    Rate,
}

impl Axis {
    /// Every axis.
    pub const ALL: [Self; 9] = [
        Self::Endpoints,
        Self::Bundles,
        Self::Groups,
        Self::Rules,
        Self::Members,
        Self::Prefixes,
        Self::Family,
        Self::Frame,
        Self::Rate,
    ];

    /// What it is where a scenario does not say.
    pub fn default_value(self) -> u64 {
        match self {
            Self::Endpoints => 10,
            Self::Bundles => 1,
            Self::Groups => 20,
            Self::Rules => 1_000,
            Self::Members => 0,
            Self::Prefixes => 1,
            Self::Family => 4,
            Self::Frame => 64,
            Self::Rate => 100,
        }
    }

    /// The values that it may have, in words.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Endpoints => "2 to 1000000",
            Self::Bundles => "1 to 100000",
            Self::Groups => "0 to 10000",
            Self::Prefixes => "0 or 1",
            Self::Family => "4 or 6",
            Self::Frame => "64 to 1500",
            Self::Members => "0 to 10000000",
            Self::Rules | Self::Rate => "0 to 1000000",
        }
    }

    /// Whether it may have a value.
    pub fn fits(self, value: u64) -> bool {
        match self {
            Self::Endpoints => (2..=1_000_000).contains(&value),
            Self::Bundles => (1..=100_000).contains(&value),
            Self::Groups => value <= 10_000,
            Self::Prefixes => value <= 1,
            Self::Family => [4, 6].contains(&value),
            Self::Frame => (64..=1_500).contains(&value),
            Self::Members => value <= 10_000_000,
            Self::Rules | Self::Rate => value <= 1_000_000,
        }
    }

    /// The most that a quick look takes of it.
    pub fn quick(self) -> u64 {
        match self {
            Self::Endpoints | Self::Rules => 1_000,
            Self::Bundles => 50,
            Self::Groups => 100,
            Self::Members => 20_000,
            Self::Prefixes | Self::Family | Self::Frame | Self::Rate => u64::MAX,
        }
    }
}

impl Word for Axis {
    fn word(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Bundles => "bundles",
            Self::Groups => "groups",
            Self::Rules => "rules",
            Self::Members => "members",
            Self::Prefixes => "prefixes",
            Self::Family => "family",
            Self::Frame => "frame",
            Self::Rate => "rate",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints of this host",
            Self::Bundles => "different lists of policies among the endpoints",
            Self::Groups => "groups that the policy names, of two members each",
            Self::Rules => "rules of peers and ports in the policy, each direction",
            Self::Members => "addresses of one more group that the policy names",
            Self::Prefixes => {
                "1: the rules name prefixes and ranges of ports, 0: addresses and ports alone"
            }
            Self::Family => "4 or 6, of rules, members and packets",
            Self::Frame => "bytes of a packet, headers included",
            Self::Rate => "changes a second in burst-churn; 0 is as fast as can be",
        }
    }

    fn all() -> &'static [Self] {
        &Self::ALL
    }
}
