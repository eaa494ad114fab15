//! Waiting until every packet that was in flight has left.

use std::thread;
use std::time::Duration;

use rustix::thread::{MembarrierCommand, membarrier};

/// How long a packet can be in flight, where the kernel has no barrier to wait for.
const GRACE: Duration = Duration::from_millis(100);

/// Waits until every packet that was in flight has left.
pub(super) fn wait_for_grace() {
    if membarrier(MembarrierCommand::Global).is_err() {
        thread::sleep(GRACE);
    }
}
