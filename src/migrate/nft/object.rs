//! Named objects that rules refer to.

use crate::ruleset::Name;

use super::{Amount, Limit};

/// A named object of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// `ct helper`.
    CtHelper {
        /// The name.
        name: Name,
        /// The kernel's name of the helper: `ftp`.
        helper: String,
        /// `tcp` or `udp`.
        protocol: String,
        /// `ip` or `ip6`.
        l3proto: Option<String>,
    },
    /// `ct timeout`.
    CtTimeout {
        /// The name.
        name: Name,
        /// `tcp`, `udp`, ...
        protocol: String,
        /// `ip` or `ip6`.
        l3proto: Option<String>,
        /// Seconds by the name of the state.
        policy: Vec<(String, u64)>,
    },
    /// `synproxy`.
    Synproxy {
        /// The name.
        name: Name,
        /// The largest segment that is promised.
        mss: u16,
        /// The window scale that is promised.
        wscale: u8,
        /// `timestamp`.
        timestamp: bool,
        /// `sack-perm`.
        sack_perm: bool,
    },
    /// `counter`.
    Counter {
        /// The name.
        name: Name,
        /// Packets and bytes.
        counts: (u64, u64),
    },
    /// `quota`.
    Quota {
        /// The name.
        name: Name,
        /// Matches what is above.
        over: bool,
        /// How many bytes.
        bytes: u64,
        /// How many are used up.
        used: u64,
    },
    /// `limit`.
    Limit {
        /// The name.
        name: Name,
        /// The rate.
        limit: Limit,
    },
}

impl Object {
    /// The name.
    pub fn name(&self) -> &Name {
        match self {
            Self::CtHelper { name, .. }
            | Self::CtTimeout { name, .. }
            | Self::Synproxy { name, .. }
            | Self::Counter { name, .. }
            | Self::Quota { name, .. }
            | Self::Limit { name, .. } => name,
        }
    }

    /// The words that the object is declared with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::CtHelper { .. } => "ct helper",
            Self::CtTimeout { .. } => "ct timeout",
            Self::Synproxy { .. } => "synproxy",
            Self::Counter { .. } => "counter",
            Self::Quota { .. } => "quota",
            Self::Limit { .. } => "limit",
        }
    }
}

impl Limit {
    /// A rate of packets that is kept.
    pub fn packets(rate: u64, unit: &str, burst: Option<u64>) -> Self {
        Self {
            over: false,
            rate,
            amount: Amount::Packets,
            unit: unit.to_owned(),
            burst,
        }
    }
}
