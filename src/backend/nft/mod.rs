//! nf_tables over netlink: our own encoder and decoder, no `nft` binary.

mod anonymous;
mod bits;
mod declaration;
mod decode;
mod dependency;
mod dump;
mod element;
mod elements;
mod encode;
mod expression;
mod field;
mod instruction;
mod listing;
mod lower;
mod message;
pub mod notation;
mod piece;
mod piece_reader;
mod raise;
mod refers;
mod refusal;
mod sayable;
mod shape;
mod simple;
mod statements;
mod userdata;

mod engine;

pub use decode::decode;
pub use encode::{Encoded, encode};
pub use engine::{Moment, NftBackend};
pub use shape::{Catalog, Shape};

/// Who may change the table beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Everybody; the table has no flags.
    None,
    /// Everybody, but the table outlives a foreign `flush ruleset` of an owner (Linux 6.9).
    Persist,
}
