//! The daemon.

pub mod dataplane;
pub mod logging;
pub mod quarantine;
