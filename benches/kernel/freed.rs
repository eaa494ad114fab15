//! Waiting until the kernel has freed what was deleted: it does so behind our back, at the cost of
//! whoever is measured meanwhile.

use std::time::{Duration, Instant};

use rustix::thread::{MembarrierCommand, membarrier};

/// How much memory of the kernel may come and go for other reasons.
const OTHERS_KIB: u64 = 8 << 10;
/// When to believe that what is left is somebody else's.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks, and once more at the end for what is freed without being seen.
const REST: Duration = Duration::from_millis(100);

/// Memory of the kernel in small pieces that it cannot give back, such as elements of sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelMemory {
    kib: u64,
}

impl KernelMemory {
    /// As much as there is now.
    pub(crate) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("SUnreclaim:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Self {
            kib: kib.unwrap().parse().unwrap(),
        }
    }

    /// Waits until there is no more than this was.
    pub(crate) fn wait(self) {
        let start = Instant::now();
        // Nothing is freed before the packets that may still read it have left.
        membarrier(MembarrierCommand::Global).unwrap();
        while Self::now().kib > self.kib + OTHERS_KIB && start.elapsed() < PATIENCE {
            std::thread::sleep(REST);
        }
        std::thread::sleep(REST);
    }
}
