//! State and skeleton to ruleset: pure, total, deterministic, and made again only where an event touches it.
//!
//! ```text
//! settings ------> workloads, metadata4/6, host-action, refused, invalid   (slots)
//! endpoints -----> endpoints, source*, from, to                            (slots)
//!   of several --> tier/<hash>/in|out, bundle/<hash>/in|out
//! deciders ------> policy/<group>/in|out, np/, gnp/, profile/ with their sets
//!   as peers ----> group/<group>/v4|v6, set/<hash>/v4|net4|port4           (members)
//! ```

pub mod compiler;
pub mod decider;
pub mod endpoints;
pub mod explain;
pub mod inquiry;
pub mod names;
pub mod remark;
pub mod skeleton;
pub mod words;

mod boxes;
mod by_shape;
mod census;
mod comparisons;
mod difference;
mod edit;
mod judge;
mod kin;
mod laid;
mod lane;
mod layout;
mod matching;
mod mix;
mod neighbours;
mod objects;
mod outcome;
mod policy;
mod prefixes;
mod program;
mod ranges;
mod roster;
mod rules;
mod run;
mod selection;
mod service;
mod settings;
mod settle;
mod simple;
mod sorted;
mod spelling;
mod stack;
mod sweep;
mod uses;
mod verdicts;

pub use compiler::Compiler;

use crate::model::State;
use crate::ruleset::Ruleset;

use skeleton::Skeleton;

/// Everything that the kernel of one host should hold.
///
/// A group that does not exist has no rules and no members, whoever names it: it fails closed.
pub fn compile(state: &State, host: &str, skeleton: &Skeleton) -> Ruleset {
    Compiler::of(state.clone(), host, skeleton).into_ruleset()
}
