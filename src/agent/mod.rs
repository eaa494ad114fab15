//! The daemon: what stores say, for as long as it runs; with all that is asynchronous.
//!
//! ```text
//! folder, etcd --store--> Update --book--> events --> State
//! ```

pub mod book;
pub mod kept;
pub mod secret;
pub mod store;
