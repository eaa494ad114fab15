//! Whether a translation means the same as its original.

pub mod symbolic;
