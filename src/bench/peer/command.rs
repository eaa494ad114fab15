//! Commands as peers: what one is told, and how it is run.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::PeerError;

/// Where commands are.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What does not end by then is killed: some peers take hours for what others do in a moment.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a complaint that are kept.
const COMPLAINT: usize = 400;

/// One run of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The command, by name.
    pub(super) program: &'static str,
    pub(super) arguments: &'static [&'static str],
    /// What it reads.
    pub(super) input: String,
}

impl Job {
    /// A run that reads nothing.
    pub(super) const fn asking(program: &'static str, arguments: &'static [&'static str]) -> Self {
        Self {
            program,
            arguments,
            input: String::new(),
        }
    }

    /// Runs it in the calling thread's namespaces and gives what it printed.
    ///
    /// # Errors
    /// It could not be started, or ended with a complaint.
    pub(super) fn run(&self) -> Result<Vec<u8>, PeerError> {
        let output = self
            .output()
            .map_err(|error| self.refused(&error.to_string()))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(self.refused(&complaint(output.status, &output.stderr))),
        }
    }

    /// No shell, and an environment that says the same on every host.
    fn output(&self) -> std::io::Result<Output> {
        // By its path: searched for in another PATH than our own, it would be started by a fork, which
        // takes the longer the more memory we have.
        let path = located(self.program).unwrap_or_else(|| self.program.into());
        let mut child = Command::new(path)
            .arg0(self.program)
            .args(self.arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, handle) = (child.stdin.take(), handle(&child)?);
        let (say, ended) = channel();
        thread::scope(|scope| {
            scope.spawn(move || watch(&handle, &ended));
            // Who ends early closes its end: what it says then is its complaint, and its status counts.
            scope.spawn(move || input.map(|mut input| input.write_all(self.input.as_bytes())));
            let output = child.wait_with_output();
            let _heard = say.send(());
            output
        })
    }

    /// The command line, as one would type it.
    pub(super) fn said(&self) -> String {
        [&[self.program], self.arguments].concat().join(" ")
    }

    fn refused(&self, complaint: &str) -> PeerError {
        PeerError::Refused {
            what: self.said(),
            complaint: complaint.trim().chars().take(COMPLAINT).collect(),
        }
    }
}

/// Something by which a process is known as long as we like, unlike its number.
fn handle(child: &Child) -> std::io::Result<OwnedFd> {
    let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let number = number.ok_or(std::io::ErrorKind::NotFound)?;
    Ok(pidfd_open(number, PidfdFlags::empty())?)
}

/// Kills a process that has not ended in time.
fn watch(process: &OwnedFd, ended: &Receiver<()>) {
    if ended.recv_timeout(PATIENCE).is_err() {
        // Who ended just now needs no killing.
        let _sent = pidfd_send_signal(process, Signal::KILL);
    }
}

/// What a command that failed says, or how it was ended.
fn complaint(status: ExitStatus, said: &[u8]) -> String {
    match status.signal() {
        Some(9) => format!(
            "it was killed: by us after {} s, or by somebody else",
            PATIENCE.as_secs()
        ),
        Some(signal) => format!("signal {signal}"),
        None => String::from_utf8_lossy(said).into_owned(),
    }
}

/// A command that a peer needs, and how one gets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed {
    pub(super) program: &'static str,
    pub(super) install: &'static str,
}

impl Needed {
    /// Whether it is there.
    ///
    /// # Errors
    /// What to install.
    pub(super) fn check(self) -> Result<(), String> {
        let Self { program, install } = self;
        match located(program) {
            Some(_) => Ok(()),
            None => Err(format!("{program} is not installed ({install})")),
        }
    }
}

/// Where a command is. One of our own is beside us, or beside the folder that tests are in.
fn located(program: &str) -> Option<PathBuf> {
    let mut places = PATH.split(':').map(|place| Path::new(place).join(program));
    let beside = || {
        let own = std::env::current_exe().ok()?;
        let mut folders = own
            .ancestors()
            .skip(1)
            .take(2)
            .map(|place| place.join(program));
        folders.find(|path| path.is_file())
    };
    places.find(|path| path.is_file()).or_else(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_comes_back_and_complaints_are_kept() {
        let echo = Job {
            input: "x".repeat(1_000_000),
            ..Job::asking("cat", &["-"])
        };
        assert_eq!(echo.run().unwrap().len(), 1_000_000);
        let refused = Job::asking("cat", &["/nowhere"]).run().unwrap_err();
        let said = refused.to_string();
        assert!(said.starts_with("cat /nowhere: cat: /nowhere"), "{said}");
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let missing = Needed {
            program: "no-such-command",
            install: "apt install nothing",
        };
        let expected = "no-such-command is not installed (apt install nothing)";
        assert_eq!(missing.check(), Err(expected.to_owned()));
    }
}
