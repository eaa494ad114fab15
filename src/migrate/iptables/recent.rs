//! `recent`: lists of addresses that rules write and read.

use std::net::IpAddr;

use super::Side;

/// `recent`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recent {
    /// The list.
    pub name: String,
    /// What is done with the address.
    pub action: RecentAction,
    /// Seen within so many seconds.
    pub seconds: Option<u32>,
    /// Seen at least so often.
    pub hit_count: Option<u32>,
    /// Which address.
    pub side: Side,
    /// What of the address counts; absent or all bits is all of it.
    pub mask: Option<IpAddr>,
    /// `--reap`: old entries are thrown away.
    pub reap: bool,
    /// `--rttl`: the TTL must be the same.
    pub same_ttl: bool,
}

/// What `recent` does with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecentAction {
    /// Puts it on the list, and matches.
    Set,
    /// Matches where it is on the list.
    Check,
    /// The same, and notes that it was seen.
    Update,
    /// The same, and takes it off the list.
    Remove,
}
