//! Network namespaces by name: made, entered and removed with `ip`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::net::Family;

/// Where `ip netns` keeps its namespaces.
const FOLDER: &str = "/run/netns";

/// Why `ip` did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum IpError {
    /// It could not be started.
    #[error("cannot run ip, which comes with the package iproute2: {0}")]
    Missing(#[source] io::Error),
    /// It refused.
    #[error("ip {arguments}: {complaint}")]
    Refused {
        /// How it was called.
        arguments: String,
        /// What it said.
        complaint: String,
    },
}

/// Runs a function in a thread of its own inside a namespace.
pub(super) fn within<T: Send>(
    namespace: &str,
    body: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let inside = || {
        let link = File::open(Path::new(FOLDER).join(namespace))?;
        move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))?;
        body()
    };
    let joined = thread::scope(|scope| scope.spawn(inside).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Writes settings of the network below `/proc/sys/net`.
pub(super) fn set(namespace: &str, settings: &[(&str, &str)]) -> io::Result<()> {
    within(namespace, || {
        settings.iter().try_for_each(|(name, value)| {
            let path = Path::new("/proc/sys/net").join(name);
            fs::write(&path, value).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("cannot write {}: {error}", path.display()),
                )
            })
        })
    })
}

/// Makes namespaces.
pub(super) fn make(names: &[&str]) -> Result<(), IpError> {
    batch(&[], &lines("netns add", names))
}

/// Removes every namespace whose name begins so, with the interfaces in them.
pub(super) fn remove_all(prefix: &str) -> Result<(), IpError> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort_unstable();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    batch(&[], &lines("netns del", &names))
}

/// Runs lines of `ip -batch` inside a namespace.
pub(super) fn ip(namespace: &str, text: &str) -> Result<(), IpError> {
    batch(&["-netns", namespace], text)
}

/// The same for lines whose words do not tell the family.
pub(super) fn ip_of_family(family: Family, namespace: &str, text: &str) -> Result<(), IpError> {
    let option = match family {
        Family::V4 => "-4",
        Family::V6 => "-6",
    };
    batch(&[option, "-netns", namespace], text)
}

fn lines(command: &str, names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("{command} {name}\n"))
        .collect()
}

fn batch(options: &[&str], text: &str) -> Result<(), IpError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(IpError::Missing)?;
    if let Some(mut input) = child.stdin.take() {
        // If it stops early it closes its end, and what it says is the complaint.
        let _written = input.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().map_err(IpError::Missing)?;
    if output.status.success() {
        return Ok(());
    }
    Err(IpError::Refused {
        arguments: options.join(" "),
        complaint: complaint(&String::from_utf8_lossy(&output.stderr), text),
    })
}

/// `ip` names the line of the batch that it refused; whoever reads it wants to see the line.
fn complaint(said: &str, text: &str) -> String {
    let number = said
        .rsplit_once("-:")
        .and_then(|(_, at)| at.trim().parse::<usize>().ok());
    let line = number.and_then(|number| text.lines().nth(number.checked_sub(1)?));
    let said: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    format!("{} in `{}`", said.join("; "), line.unwrap_or_default())
}
