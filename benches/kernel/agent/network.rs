//! A network namespace that several threads work in.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::netns::ip;
use crate::tun::enter_new_network;

/// A network namespace with a loopback.
pub(super) struct Network(File);

impl Network {
    pub(super) fn new() -> Self {
        let made = std::thread::spawn(|| {
            enter_new_network().unwrap();
            ip("link set lo up\n");
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        Self(made.join().unwrap())
    }

    /// Does something in it. What is opened meanwhile stays in it.
    pub(super) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let run = || {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        std::thread::scope(|scope| scope.spawn(run).join()).unwrap()
    }
}
