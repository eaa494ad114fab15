//! The daemon.

pub mod dataplane;
pub mod quarantine;
