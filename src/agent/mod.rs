//! The daemon.

pub mod control;
pub mod dataplane;
pub mod health;
pub mod http;
pub mod metrics;
pub mod moment;
pub mod notify;
pub mod quarantine;
pub mod reporting;
pub mod status;
