//! The daemon: what stores say, put in force for as long as it runs; with all that is asynchronous.
//!
//! ```text
//! folder, etcd --store--> Update --book--> events --dataplane--> table in force
//!                                              +--host plan----> routes, neighbours, settings
//! ```

pub mod book;
pub mod dataplane;
pub mod kept;
pub mod quarantine;
pub mod run;
pub mod secret;
pub mod severance;
pub mod start;
pub mod store;
pub mod work;
