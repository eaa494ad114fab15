//! State and skeleton to ruleset: pure, total, deterministic.

pub mod skeleton;
