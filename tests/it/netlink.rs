//! The netlink backend against the kernel, with nft as the witness.

mod answers;
mod equality;
mod hostile;
mod listing;
mod notation;
mod program;
mod random;
mod raw;
mod refusals;
