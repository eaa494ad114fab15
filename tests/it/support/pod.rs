//! Workloads: threads in network namespaces of their own.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::netns::ip;
use super::tun::enter_new_network;

type Task = Box<dyn FnOnce() + Send>;

/// A workload: a thread in a network namespace of its own.
#[derive(Debug)]
pub(crate) struct Pod {
    tasks: Sender<Task>,
    thread: u32,
}

impl Pod {
    pub(crate) fn new() -> Self {
        let (tasks, inbox): (Sender<Task>, Receiver<Task>) = channel();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            enter_new_network().unwrap();
            tell.send(
                rustix::thread::gettid()
                    .as_raw_nonzero()
                    .get()
                    .unsigned_abs(),
            )
            .unwrap();
            inbox.iter().for_each(|task| task());
        });
        let thread = told.recv().unwrap();
        Self { tasks, thread }
    }

    /// Does something in the workload's namespace.
    pub(crate) fn run<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        self.tasks
            .send(Box::new(move || tell.send(task()).unwrap()))
            .unwrap();
        told.recv().unwrap()
    }

    /// Gives it the far end of an interface, and addresses of a prefix that it takes for its link.
    pub(crate) fn wire(&self, peer: &str, addresses: &[&str]) {
        ip(&format!("link set {peer} netns {}\n", self.thread));
        let own: String = addresses
            .iter()
            .map(|a| format!("addr add {a}/24 dev {peer}\n"))
            .collect();
        let up = format!("link set {peer} up\n{own}");
        self.run(move || ip(&up));
    }
}
