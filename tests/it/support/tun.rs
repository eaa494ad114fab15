//! The calls that Rust cannot check: the one file of the tests with `unsafe` in it.

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Moves the calling thread into a new, empty network namespace.
pub(crate) fn enter_new_network() -> std::io::Result<()> {
    // SAFETY: NEWNET alone leaves the table of file descriptors shared, which is what the warning
    // on `unshare_unsafe` is about.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}
