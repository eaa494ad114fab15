//! System calls, counted where the kernel enters them.
//!
//! While somebody counts, every system call of the machine takes longer: nothing is timed meanwhile.

use std::fs::File;
use std::io;
use std::sync::OnceLock;

use perf_event::Builder;
use perf_event::events::Tracepoint;
use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// The number of the tracepoint that every system call passes.
const NUMBER: &str = "events/raw_syscalls/sys_enter/id";

/// Does something and says how many system calls it took: of the calling thread, of those that it started
/// meanwhile, and of their commands. Nothing where they cannot be counted.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (Option<u64>, T) {
    // Whoever ends the counting calls the system to do so.
    let (own, ()) = raw(|| ());
    let (all, done) = raw(work);
    let calls = own.zip(all).map(|(own, all)| all.saturating_sub(own));
    (calls, done)
}

/// Whether they can be counted, as a report says it.
pub(crate) fn fact() -> String {
    match tracepoint() {
        Ok(_) => {
            "counted apart from what is timed, at the tracepoint raw_syscalls:sys_enter".to_owned()
        }
        Err(why) => format!("not counted: {why}"),
    }
}

fn raw<T>(work: impl FnOnce() -> T) -> (Option<u64>, T) {
    let counter = tracepoint().as_ref().ok().and_then(|number| {
        let mut builder = Builder::new(Tracepoint::with_id(*number));
        builder.include_kernel().inherit(true).build().ok()
    });
    let Some(mut counter) = counter else {
        return (None, work());
    };
    let enabled = counter.enable();
    let done = work();
    let counts = enabled.and_then(|()| counter.disable());
    (counts.and_then(|()| counter.read()).ok(), done)
}

/// What counts them, or why nothing does.
fn tracepoint() -> &'static Result<u64, String> {
    static TRACEPOINT: OnceLock<Result<u64, String>> = OnceLock::new();
    TRACEPOINT.get_or_init(|| {
        let number = number().map_err(|error| format!("tracefs: {error}"))?;
        let mut builder = Builder::new(Tracepoint::with_id(number));
        let counter = builder.include_kernel().inherit(true).build();
        match counter {
            Ok(_) => Ok(number),
            Err(error) => Err(format!("perf_event_open: {error}")),
        }
    })
}

/// Reads it in a mount that nobody else sees.
fn number() -> io::Result<u64> {
    let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    let root = fsmount(&context, flags, MountAttrFlags::empty())?;
    let file = openat(
        &root,
        NUMBER,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let text = io::read_to_string(File::from(file))?;
    text.trim().parse().map_err(io::Error::other)
}
