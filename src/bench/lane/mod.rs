//! A lane: a network namespace with a peer in it, and the one thread that lives there.
//!
//! All lanes of a world stand at once and one works at a time, so that peers take turns without anything
//! being loaded between two measurements. The thread is pinned, and so are commands that it starts.

mod device;
mod frame;
mod road;

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

pub(crate) use frame::Opening;
pub use frame::{FRAME_BYTES_MAX, FRAME_BYTES_MIN};
pub(crate) use road::{Lost, Road, Sent, nanoseconds};

use super::peer::Prepared;
use super::trial::Trials;
use crate::netlink::socket::enter_new_network;

/// How the thread of a lane is called; a child bears this name until it becomes another program.
pub(crate) const THREAD: &str = "bench-lane";

type Job = Box<dyn FnOnce(&mut Stand) + Send>;

/// A namespace and its thread, which end when this is dropped.
#[derive(Debug)]
pub(crate) struct Lane {
    jobs: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the thread of a lane works with.
#[derive(Debug)]
pub(crate) struct Stand {
    /// Devices, and what travels on them.
    pub(crate) road: Road,
    /// Who programs it.
    pub(crate) prepared: Box<dyn Prepared>,
    /// What must pass and what must not.
    pub(crate) trials: Trials,
}

/// Why there is no lane.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The kernel gives no namespace.
    #[error("no network namespace: {0}; run it as root, with CAP_SYS_ADMIN")]
    NoNamespace(#[source] io::Error),
    /// The thread could not be kept on a processor.
    #[error("it cannot stay on one processor: {0}")]
    NotPinned(#[source] io::Error),
    /// The devices could not be made.
    #[error("no devices: {0}; are /dev/net/tun, ip and tc there?")]
    NoDevices(#[source] io::Error),
    /// Its thread is gone.
    #[error("a lane ended early")]
    Ended,
}

impl Lane {
    /// A namespace with devices and forwarding between them.
    ///
    /// # Errors
    /// Who runs this may not make namespaces or devices.
    pub(crate) fn new(prepared: Box<dyn Prepared>, trials: Trials) -> Result<Self, LaneError> {
        let (jobs, inbox): (Sender<Job>, Receiver<Job>) = channel();
        let (say, ready) = channel();
        let builder = thread::Builder::new().name(THREAD.to_owned());
        let live = move || match stand(prepared, trials) {
            Ok(mut stand) => {
                let _heard = say.send(Ok(()));
                inbox.into_iter().for_each(|job| job(&mut stand));
            }
            Err(error) => drop(say.send(Err(error))),
        };
        let thread = builder.spawn(live).map_err(LaneError::NoNamespace)?;
        ready.recv().map_err(|_| LaneError::Ended)??;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs something in the lane's thread and namespace, and waits for it.
    ///
    /// # Errors
    /// The thread is gone.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Stand) -> T + Send + 'static,
    ) -> Result<T, LaneError> {
        let (answer, outcome) = channel();
        let job: Job = Box::new(move |stand| drop(answer.send(job(stand))));
        let jobs = self.jobs.as_ref().ok_or(LaneError::Ended)?;
        jobs.send(job).map_err(|_| LaneError::Ended)?;
        outcome.recv().map_err(|_| LaneError::Ended)
    }
}

impl Drop for Lane {
    /// The next world's memory is counted from what is there when this one is gone.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // What a panic there said was said already.
            let _ended = thread.join();
        }
    }
}

fn stand(prepared: Box<dyn Prepared>, trials: Trials) -> Result<Stand, LaneError> {
    enter_new_network().map_err(LaneError::NoNamespace)?;
    pin(Processor::Last).map_err(LaneError::NotPinned)?;
    let road = Road::new(&trials).map_err(LaneError::NoDevices)?;
    Ok(Stand {
        road,
        prepared,
        trials,
    })
}

/// A processor of those that this process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processor {
    /// What runs beside.
    First,
    /// Who programs and sends.
    Last,
}

/// How many processors this process may use, at least one.
pub(crate) fn processors() -> usize {
    allowed().len().max(1)
}

/// Keeps the calling thread on a processor.
pub(crate) fn pin(processor: Processor) -> io::Result<()> {
    let number = match processor {
        Processor::First => allowed().first(),
        Processor::Last => allowed().last(),
    };
    let number = number.ok_or(io::ErrorKind::NotFound)?;
    let mut set = CpuSet::new();
    set.set(*number);
    Ok(sched_setaffinity(None, &set)?)
}

/// Their numbers, as they were before the first thread was pinned: threads begin where the one was that made
/// them.
fn allowed() -> &'static [usize] {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        (0..CpuSet::MAX_CPU).filter(|n| set.is_set(*n)).collect()
    })
}
