//! The benchmark harness: scenarios made from a seed, peers side by side in namespaces of their own, and
//! what was measured as lines for programs and pages for people.

pub mod measurement;
pub mod peer;
pub mod world;
