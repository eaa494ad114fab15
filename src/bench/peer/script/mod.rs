//! Changes of a program as what commands read.

pub(super) mod iptables;
pub(super) mod nft;
pub(super) mod words;
