//! Time that passed, and time that the processor worked.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// User and system seconds that the calling thread spends in something. What the kernel does for a
/// `send` it does in the sender's thread.
pub(crate) fn processor_seconds(work: impl FnOnce()) -> f64 {
    let before = thread_time();
    work();
    (thread_time() - before).as_secs_f64()
}

/// Seconds that pass in something.
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}
