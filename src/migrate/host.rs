//! A host, as far as it was read.

use super::ipset::Set;
use super::iptables::Dump;

/// What was read of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its rules, one dump for each family.
    pub dumps: Vec<Dump>,
    /// Its sets.
    pub sets: Vec<Set>,
}
