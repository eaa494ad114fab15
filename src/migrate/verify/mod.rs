//! Whether a translation means the same as its original.

pub mod report;
pub mod symbolic;
