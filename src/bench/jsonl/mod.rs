//! `results.jsonl`: a run as lines for programs, one flat object a line.
//!
//! A line has scalar values only. `schema` says which form it has, `kind` what it is: a `fact` of the
//! machine, a `sample` (one round of one quantity), a `skip` or a `claim`. A number that is none, since a
//! round failed or divided by nothing, is `null`: JSON has neither infinity nor NaN. It is read as NaN, so
//! that the rounds after it keep their places beside those of other peers.

mod fields;
mod read;
mod write;

pub use fields::{Fault, What};
pub use read::{LineError, read};
pub use write::write;

/// What every line is.
pub const SCHEMA: &str = "margay.bench/v1";

/// How the field of an axis begins.
const SCALE: &str = "scale_";

#[cfg(test)]
mod tests;
