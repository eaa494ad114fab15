//! What something costs: time that passed, time that the processor worked, and memory.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{MembarrierCommand, membarrier};
use rustix::time::{ClockId, clock_gettime};

use super::lane::{self, Processor, nanoseconds};
use crate::netlink::socket::{Worked, Worker, give_memory_back, worked};

/// How much memory of the kernel may come and go for other reasons between two looks.
const OTHERS_BYTES: u64 = 256 << 10;
/// Looks without less memory after which nothing more is freed.
const LOOKS: usize = 3;
/// When to believe that what is left is somebody else's.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks at the kernel's memory.
const REST: Duration = Duration::from_millis(50);
/// Nanoseconds of the processor below which their parts are not told: ten ticks of 4 ms, at each of which most
/// kernels look what goes on.
const APART: f64 = 40e6;
/// Between two looks at the memory of children.
const LOOK: Duration = Duration::from_micros(500);

/// Nanoseconds of something that was done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// On the wall.
    pub(crate) wall: f64,
    /// User and system time of the calling thread and of the commands that it waited for. What the kernel
    /// does for a `send` it does in the sender's thread; what it frees later it frees at nobody's cost.
    pub(crate) cpu: f64,
    /// Its parts, as the kernel tells them apart.
    pub(crate) parts: Parts,
}

/// Nanoseconds of the processor, in programs and in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Parts {
    /// In programs.
    pub(crate) user: f64,
    /// In the kernel.
    pub(crate) system: f64,
}

impl Parts {
    /// The parts of the mean of several costs; nothing where all of them together took too few ticks to tell.
    pub(crate) fn mean(costs: &[Cost]) -> Option<Self> {
        let sum = |part: fn(&Self) -> f64| costs.iter().map(|cost| part(&cost.parts)).sum::<f64>();
        let (user, system) = (sum(|parts| parts.user), sum(|parts| parts.system));
        let count = f64::from(u32::try_from(costs.len()).unwrap_or(u32::MAX));
        let told = user + system >= APART;
        told.then_some(Self {
            user: user / count,
            system: system / count,
        })
    }
}

/// Does something and says what it cost.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let before = parts();
    let (cpu, start) = (processor_time(), Instant::now());
    let done = work();
    let wall = nanoseconds(start.elapsed());
    let cpu = nanoseconds(processor_time().saturating_sub(cpu));
    let after = parts();
    let parts = Parts {
        user: after.user - before.user,
        system: after.system - before.system,
    };
    (Cost { wall, cpu, parts }, done)
}

fn processor_time() -> Duration {
    let own = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let children = worked(Worker::Children);
    own + children.map_or(Duration::ZERO, |Worked { user, system }| user + system)
}

fn parts() -> Parts {
    let workers = [Worker::Thread, Worker::Children].into_iter();
    let workers = workers.filter_map(|worker| worked(worker).ok());
    workers.fold(Parts::default(), |sum, Worked { user, system }| Parts {
        user: sum.user + nanoseconds(user),
        system: sum.system + nanoseconds(system),
    })
}

/// Does something and says how many bytes the process that did it had more at its peak than before: this
/// one, or the largest command that it started, which had nothing before.
///
/// The peak of a command is looked at while it runs, so its last half millisecond may be missed.
pub(crate) fn peak_memory<T>(work: impl FnOnce() -> T) -> (u64, T) {
    give_memory_back();
    // 5 is the peak of resident memory: proc_pid_clear_refs(5).
    let _reset = fs::write("/proc/self/clear_refs", "5");
    let before = status_bytes("/proc/self/status", "VmRSS:").unwrap_or(0);
    let (stop, of_children) = (AtomicBool::new(false), AtomicU64::new(0));
    let parent = rustix::thread::gettid().as_raw_nonzero().get();
    let done = thread::scope(|scope| {
        scope.spawn(|| {
            let _pinned = lane::pin(Processor::First);
            while !stop.load(Ordering::Relaxed) {
                of_children.fetch_max(children(parent), Ordering::Relaxed);
                thread::sleep(LOOK);
            }
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    });
    let peak = status_bytes("/proc/self/status", "VmHWM:").unwrap_or(0);
    let of_children = of_children.load(Ordering::Relaxed);
    let bytes = match of_children {
        0 => peak.saturating_sub(before),
        1.. => of_children,
    };
    (bytes, done)
}

/// The peak of the largest child of a thread, and of its children.
fn children(thread: i32) -> u64 {
    let list = fs::read_to_string(format!("/proc/self/task/{thread}/children"));
    let list = list.unwrap_or_default();
    let peaks = list.split_whitespace().map(|child| peak_of(child, 0));
    peaks.max().unwrap_or(0)
}

fn peak_of(process: &str, depth: usize) -> u64 {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).unwrap_or_default();
    // Until it becomes another program a child shows our own memory.
    let ours = text.starts_with(&format!("Name:\t{}\n", lane::THREAD));
    let own = match ours {
        true => 0,
        false => bytes_of(&text, "VmHWM:").unwrap_or(0),
    };
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let list = list.unwrap_or_default();
    let below = list.split_whitespace().filter(|_| depth < 3);
    below
        .map(|child| peak_of(child, depth + 1))
        .fold(own, u64::max)
}

fn status_bytes(path: &str, field: &str) -> Option<u64> {
    bytes_of(&fs::read_to_string(path).ok()?, field)
}

fn bytes_of(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// Memory of the kernel that tables can be in: small pieces that it cannot give back, such as elements of
/// sets, what each processor has of its own, and large pieces. All of the machine's, so it is rough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelMemory {
    bytes: u64,
}

impl KernelMemory {
    /// As much as there is now.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let fields = ["SUnreclaim:", "Percpu:", "VmallocUsed:"];
        let bytes = fields.map(|field| bytes_of(&text, field).unwrap_or(0));
        Self {
            bytes: bytes.iter().sum(),
        }
    }

    /// How much more this is than it was.
    pub(crate) fn above(self, before: Self) -> u64 {
        self.bytes.saturating_sub(before.bytes)
    }
}

/// Waits until the kernel's memory falls no more: what was deleted is freed behind our back, at the cost of
/// whoever is measured meanwhile.
pub(crate) fn wait_for_freeing() {
    let start = Instant::now();
    // Nothing is freed before the packets that may still read it have left.
    let _left = membarrier(MembarrierCommand::Global);
    let (mut least, mut looks) = (KernelMemory::now(), 0);
    while looks < LOOKS && start.elapsed() < PATIENCE {
        thread::sleep(REST);
        let now = KernelMemory::now();
        looks = match least.above(now) > OTHERS_BYTES {
            true => 0,
            false => looks + 1,
        };
        least = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_where_there_were_enough_ticks() {
        let cost = |user, system| Cost {
            wall: 0.0,
            cpu: user + system,
            parts: Parts { user, system },
        };
        assert_eq!(Parts::mean(&[cost(12e6, 4e6); 2]), None);
        let (user, system) = (12e6, 4e6);
        let told = Parts::mean(&[cost(8e6, 0.0), cost(16e6, 8e6), cost(12e6, 4e6)]);
        assert_eq!(told, Some(Parts { user, system }));
        assert_eq!(Parts::mean(&[]), None);
    }
}
