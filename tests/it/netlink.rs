//! The netlink backend against the kernel, with nft as the witness.

mod equality;
mod program;
mod raw;
mod refusals;
