//! The benchmark harness: scenarios made from a seed, peers side by side in namespaces of their own, and
//! what was measured as lines for programs and pages for people.

pub mod claims;
mod cost;
pub mod doctor;
pub mod lane;
pub mod machine;
pub mod measurement;
pub mod peer;
mod phase;
pub mod run;
pub mod scenario;
mod trial;
pub mod world;

pub use phase::Pace;
