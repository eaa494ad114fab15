//! The benchmark harness: scenarios made from a seed, peers side by side in namespaces of their own, and
//! what was measured as lines for programs and pages for people.
//!
//! ```text
//! scenario --> world --> peers in lanes --phases, rounds--> measurements --claims--> run
//! run --> lines, table, pages (folder); two runs --> comparison
//! ```

pub mod measurement;

mod mover;
pub mod peer;
pub mod scenario;
pub mod world;

mod trial;

mod cost;
pub mod lane;
mod phase;
mod syscalls;

pub mod claims;
pub mod doctor;
pub mod machine;
pub mod run;

pub mod judgement;
pub mod quantity;
pub mod statistics;

pub mod outline;

pub mod compare;
pub mod csv;
pub mod html;
pub mod jsonl;
pub mod markdown;

pub mod folder;

pub use folder::write;
pub use phase::Pace;
