//! The benchmark harness: scenarios made from a seed, peers side by side in namespaces of their own, and
//! what was measured as lines for programs and pages for people.

pub mod measurement;

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
