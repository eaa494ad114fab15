//! Whether a translation means the same as its original.

pub mod empirical;
pub mod report;
pub mod symbolic;
