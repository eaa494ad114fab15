//! Margay, a per-host network-policy agent for Linux.
//!
//! ```text
//! documents --> codec --> State --compile--> Ruleset --diff--> Commit --Backend::commit--> kernel
//!                         model   compile    ruleset                    backend
//! folder, etcd --agent--> keys and values --codec--> events --> State
//! ```
//!
//! The modules stand in reading order; imports point towards the top of the list only.

mod netlink;

pub mod net;

pub mod model;
pub mod ruleset;
pub mod scenario;

pub mod codec;
pub mod compile;
pub mod config;

pub mod backend;
pub mod bench;
pub mod doctor;
pub mod host;
pub mod migrate;
pub mod undo;

pub mod agent;
pub mod demo;

pub mod cli;
