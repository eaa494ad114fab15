//! Hosts that are still on iptables: read, translated to nft, and proven to mean the same.

pub mod host;
pub mod ipset;
pub mod iptables;
pub mod nft;
pub mod translate;
pub mod verify;
