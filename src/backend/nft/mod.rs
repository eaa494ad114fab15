//! nf_tables over netlink: our own encoder and decoder, no `nft` binary.

mod anonymous;
mod base_chain;
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

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

pub use base_chain::BaseChain;
pub use decode::decode;
pub use encode::{Encoded, encode};
pub use engine::{Moment, NftBackend};
pub use shape::{Catalog, Shape};

/// The number of the calling thread's network namespace, whose tables a backend opened here sees.
///
/// # Errors
/// `/proc` is not there.
pub fn namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
}

/// Who may change the table beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Everybody; the table has no flags.
    None,
    /// Everybody. An agent may own the table later, and it stays when that one exits (Linux 6.9).
    Persist,
    /// Nobody, while our socket is open: what others flush or delete stays, and they get EPERM.
    Owner,
}

impl Ownership {
    /// What to try in turn: a kernel may be older than a flag, and a table that was made otherwise
    /// stays so.
    fn or_less(self) -> &'static [Self] {
        match self {
            Self::None => &[Self::None, Self::Persist],
            Self::Persist => &[Self::Persist, Self::None],
            Self::Owner => &[Self::Owner, Self::Persist, Self::None],
        }
    }
}
