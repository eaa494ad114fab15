//! State and skeleton to ruleset: pure, total, deterministic.
