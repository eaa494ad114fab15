//! The daemon: what stores say, put in force for as long as it runs; with all that is asynchronous.
//!
//! ```text
//! folder, etcd --store--> Update --book--> events --dataplane--> table in force
//!                                              +--host plan----> routes, neighbours, settings
//! ```

pub mod acting;
mod asked;
pub mod book;
pub mod control;
pub mod dataplane;
pub mod ground;
pub mod health;
pub mod http;
pub mod journal;
pub mod judge;
pub mod kept;
pub mod logging;
pub mod metrics;
pub mod moment;
mod need;
pub mod notify;
pub mod overlay;
pub mod quarantine;
pub mod reporting;
pub mod run;
mod services;
pub mod severance;
mod source;
pub mod start;
pub mod status;
pub mod store;
pub mod suspects;
pub mod voice;
pub mod work;
