//! Hosts that are still on iptables: read, translated to nft, and proven to mean the same.

pub mod ipset;
pub mod iptables;
