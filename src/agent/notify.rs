//! What systemd is told, and what it keeps for the agent across a restart.
//!
//! The protocol is that of `sd_notify(3)` and `sd_listen_fds(3)`: lines in a datagram to the socket that
//! `NOTIFY_SOCKET` names, and descriptors from 3 on, named by `LISTEN_FDNAMES`.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::status::{Status, Sync};

/// The name under which the netlink socket is kept.
pub const NETLINK: &str = "margay-netlink";

/// How long systemd may take to read a datagram before it is dropped.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells systemd how the agent is; where nobody listens it tells nobody.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
    /// What was said last.
    line: String,
    ready: Told,
}

#[derive(Debug, Clone, Copy)]
struct Watchdog {
    /// Half of what systemd bears.
    every: Duration,
    next: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Told {
    #[default]
    No,
    Yes,
}

/// A descriptor that systemd kept.
#[derive(Debug)]
pub struct Inherited {
    /// The name that it was given.
    pub name: String,
    /// The descriptor; a program that we start does not get it.
    pub descriptor: OwnedFd,
}

impl Notifier {
    /// Whoever listens to this process, by its environment.
    ///
    /// # Errors
    /// The address is none that we know, or nobody listens there.
    pub fn of_process() -> io::Result<Self> {
        let address = env::var_os("NOTIFY_SOCKET");
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|_| ours);
        Self::new(address.as_deref(), watchdog.map(Duration::from_micros))
    }

    /// Whoever listens at an address: a path, or `@` and the name of an abstract socket. `watchdog` is how
    /// long systemd bears silence.
    ///
    /// # Errors
    /// The address is none that we know, or nobody listens there.
    pub fn new(address: Option<&OsStr>, watchdog: Option<Duration>) -> io::Result<Self> {
        let every = watchdog.map(|watchdog| watchdog / 2);
        let every = every.filter(|every| !every.is_zero());
        Ok(Self {
            socket: address.map(connected).transpose()?,
            watchdog: every.map(|every| Watchdog { every, next: None }),
            ..Self::default()
        })
    }

    /// Says what changed: READY=1 once all is in force for the first time, and STATUS= in one line.
    ///
    /// # Errors
    /// Nobody listens any more. What was not said is said the next time.
    pub fn tell(&mut self, status: &Status) -> io::Result<()> {
        let line = line(status);
        let ready = self.ready == Told::No && status.in_force.is_some();
        if line == self.line && !ready {
            return Ok(());
        }
        let prefix = if ready { "READY=1\n" } else { "" };
        self.send(&format!("{prefix}STATUS={line}"))?;
        self.line = line;
        if ready {
            self.ready = Told::Yes;
        }
        Ok(())
    }

    /// The loop lives: to be called at [`Self::next`] or more often.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub fn alive(&mut self, now: Instant) -> io::Result<()> {
        let Some(watchdog) = self.watchdog else {
            return Ok(());
        };
        if watchdog.next.is_some_and(|next| now < next) {
            return Ok(());
        }
        // Also where this fails: whoever waits for the next time must not turn in circles.
        self.watchdog = Some(Watchdog {
            next: Some(now + watchdog.every),
            ..watchdog
        });
        self.send("WATCHDOG=1")
    }

    /// When the watchdog is to be told next; `None` where there is none.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        self.watchdog.map(|watchdog| watchdog.next.unwrap_or(now))
    }

    /// The agent is about to end.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub fn stopping(&self) -> io::Result<()> {
        self.send("STOPPING=1")
    }

    /// Has a descriptor kept for the next agent, whatever becomes of this one. systemd does not watch it:
    /// an overrun of a netlink socket is no reason to let go of it.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub fn keep(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        let text = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0");
        let descriptors = [descriptor];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let parts = [IoSlice::new(text.as_bytes())];
        sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Has a kept descriptor closed.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub fn let_go(&self, name: &str) -> io::Result<()> {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"))
    }

    fn send(&self, text: &str) -> io::Result<()> {
        match &self.socket {
            Some(socket) => socket.send(text.as_bytes()).map(drop),
            None => Ok(()),
        }
    }
}

fn connected(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(address)?,
        _ => {
            let why = format!("NOTIFY_SOCKET is neither a path nor @NAME: {address:?}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// What does not change by itself, on one line.
fn line(status: &Status) -> String {
    let known = match status.sync {
        Sync::Waiting => "waiting for the store",
        Sync::Listing => "listing the store",
        Sync::InSync => "in sync",
        Sync::NotReady => "the store is not ready",
    };
    let mut line = format!(
        "{known}, {} rules, {} endpoints",
        status.table.rules,
        status.endpoints.len()
    );
    if let Some(failure) = &status.failure {
        line.push_str(&format!("; cannot program: {}", failure.why));
    }
    line.replace(char::is_control, " ")
}

/// The descriptors that systemd kept for this process. They can be taken once: later there are none.
pub fn inherited() -> Vec<Inherited> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    // An environment that makes no sense was not made by systemd.
    let found = sd_listen_fds::get().unwrap_or_default();
    found.into_iter().filter_map(whole).collect()
}

/// A descriptor that is open, and not inherited further.
fn whole((name, descriptor): (Option<String>, sd_listen_fds::OwnedFd)) -> Option<Inherited> {
    let descriptor = descriptor.into_std();
    if fcntl_setfd(&descriptor, FdFlags::CLOEXEC).is_err() {
        // It is not open: there is nothing to close either.
        let _number = descriptor.into_raw_fd();
        return None;
    }
    Some(Inherited {
        name: name.unwrap_or_default(),
        descriptor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::moment::Moment;

    #[test]
    fn addresses_that_are_not_known_are_refused_and_none_is_fine() {
        let refused = Notifier::new(Some(OsStr::new("vsock:2:1234")), None);
        let error = refused.expect_err("an address").kind();
        assert_eq!(error, io::ErrorKind::Unsupported);
        let nobody = Notifier::new(None, None).expect("nobody");
        nobody.stopping().expect("nobody was told");
    }

    #[test]
    fn the_line_changes_only_with_the_agent() {
        let started = Moment::now();
        let mut status = Status::new("h", "files", started);
        assert_eq!(line(&status), "waiting for the store, 0 rules, 0 endpoints");
        status.failed("one\nline".to_owned(), started);
        let text = "waiting for the store, 0 rules, 0 endpoints; cannot program: one line";
        assert_eq!(line(&status), text);
    }
}
