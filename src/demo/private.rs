//! Namespaces that nobody else sees and that end with the process, however it ends.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// `ip netns` keeps its namespaces below `/run`: an empty one of our own is private, and the kernel
/// takes it away, with all that is in it, when the last of our processes is gone.
const SCRIPT: &str = "mount -t tmpfs margay-demo /run && exec \"$0\" \"$@\"";

/// Why namespaces could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The kernel or the container does not allow it.
    #[error(
        "network namespaces are refused here ({0}): run it as root, in a container with the \
         capabilities SYS_ADMIN and NET_ADMIN, or allow unprivileged user namespaces"
    )]
    NotAllowed(String),
    /// What stays behind has to be made by root.
    #[error("namespaces that are kept are made by root: run it as root, or without --keep")]
    KeptByRoot,
    /// A program could not be started.
    #[error("cannot run unshare, which comes with the package util-linux: {0}")]
    Missing(#[from] io::Error),
}

/// Runs this program again with other arguments, as root of private namespaces.
///
/// # Errors
/// Namespaces are refused, or a program cannot be started.
pub fn run_again(arguments: &[OsString]) -> Result<ExitStatus, Refused> {
    let kinds = if is_root() { "-nm" } else { "-Urnm" };
    let probe = unshare(kinds).arg("true").stdin(Stdio::null()).output()?;
    if !probe.status.success() {
        let complaint = String::from_utf8_lossy(&probe.stderr).trim().to_owned();
        return Err(Refused::NotAllowed(complaint));
    }
    let again = unshare(kinds)
        .args(["sh", "-c", SCRIPT])
        .arg(env::current_exe()?)
        .args(arguments)
        .status()?;
    Ok(again)
}

/// Whether namespaces may be made as they are.
///
/// # Errors
/// Not by anybody but root.
pub fn must_be_root() -> Result<(), Refused> {
    if is_root() {
        Ok(())
    } else {
        Err(Refused::KeptByRoot)
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// `ip` and `nft` are not on everybody's path.
fn unshare(kinds: &str) -> Command {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    let mut command = Command::new("unshare");
    command.arg(kinds).env("PATH", path);
    command
}
