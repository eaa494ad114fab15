//! The daemon: its table kept to what is known, and what it tells the world.

mod configured;
mod control;
mod cutting;
mod daemon;
mod dataplane;
mod judging;
mod metrics;
mod notify;
#[cfg(feature = "etcd")]
mod outage;
mod overlay;
mod pages;
mod restart;

use margay::agent::moment::Moment;
use margay::agent::status::{Status, StoreLink, Sync};
use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// An agent that knows all, and has it in force.
fn in_force() -> Status {
    let now = Moment::now();
    let mut status = Status::new("node1", "folder /etc/margay/policy", now);
    status.sync = Sync::InSync;
    status.store.link = StoreLink::Connected;
    status.in_force = Some(now);
    status
}
