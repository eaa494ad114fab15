//! Hosts that are still on iptables: read, translated to nft, and proven to mean the same.

pub mod acknowledged;
pub mod host;
pub mod inventory;
pub mod ipset;
pub mod iptables;
mod naming;
pub mod nft;
pub mod plan;
pub mod translate;
pub mod verify;
