//! Rates: `limit` and `hashlimit`.

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
