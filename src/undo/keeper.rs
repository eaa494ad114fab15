//! The process that rolls an apply back unless somebody confirms it in time.
//!
//! It is begun before the commit, in a session of its own: a terminal that is lost takes its processes
//! along, and not this one. It does the waiting alone and so decides alone: who confirms or rolls back
//! meanwhile asks it, by a line on its socket. Its time is that of the monotonic clock.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{geteuid, setsid, umask};

use super::{Place, Record, UndoError, at};
use crate::backend::Backend;
use crate::ruleset::TableKey;

/// What the keeper says when it is ready: only then anything is committed.
const READY: &str = "ready";
/// What it says instead where another one waits.
const TAKEN: &str = "taken";
/// What it is told when what was in force is recorded: until then there is nothing to go back to.
const RECORDED: &str = "recorded";
/// What it is told when the commit went through.
const COMMITTED: &str = "committed";
/// How long a connection may take to say its line.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long who asks waits: rolling back takes as long as the commit did.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);
/// How often and how soon rolling back is tried again: somebody else may keep changing the ruleset.
const ATTEMPTS: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);
/// The longest line of either side, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// What can be asked of a keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Keep what the apply did.
    Confirm,
    /// Undo it now.
    Rollback,
}

impl Wish {
    fn line(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Rollback => "rollback",
        }
    }

    fn of_line(line: &str) -> Option<Self> {
        [Self::Confirm, Self::Rollback]
            .into_iter()
            .find(|wish| wish.line() == line)
    }
}

/// A keeper that was begun for a commit which is not made yet. If this goes without [`Self::wait`],
/// also because the process dies, the keeper rolls back at once.
#[derive(Debug)]
pub struct Begun {
    stdin: ChildStdin,
    /// It is not waited for: it outlives us.
    _child: Child,
}

impl Begun {
    /// Begins a keeper by a command line of this program that runs [`keep`], and writes the record that
    /// it goes back to.
    ///
    /// # Errors
    /// [`UndoError::Taken`], it does not start, or the record cannot be written.
    pub fn start(place: &Place, command: &mut Command, record: &Record) -> Result<Self, UndoError> {
        let log = place.log();
        let log = File::create(&log).map_err(at(&log))?;
        let failed = |error: io::Error| UndoError::Keeper(error.to_string());
        command.current_dir("/");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn().map_err(failed)?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(UndoError::Keeper("it has no pipes".to_owned()));
        };
        match &*line(stdout).map_err(failed)? {
            READY => {}
            TAKEN => return Err(UndoError::Taken),
            _ => return Err(UndoError::Keeper(last_words(place))),
        }
        record.keep(place)?;
        writeln!(stdin, "{RECORDED}").map_err(failed)?;
        Ok(Self {
            stdin,
            _child: child,
        })
    }

    /// Lets it wait from now on.
    ///
    /// # Errors
    /// It is gone: nobody rolls back.
    pub fn wait(mut self) -> Result<(), UndoError> {
        let told = writeln!(self.stdin, "{COMMITTED}");
        told.map_err(|error| UndoError::Keeper(error.to_string()))
    }
}

/// Is the keeper: to be run in a process of its own, whose pipes are those of [`Begun::start`]. Gives
/// what became of the apply.
///
/// # Errors
/// It cannot wait, or the kernel does not take back what was in force.
pub fn keep(
    place: &Place,
    table: &TableKey,
    within: Duration,
    backend: &mut dyn Backend,
) -> Result<String, UndoError> {
    let own = |error: io::Error| UndoError::Keeper(error.to_string());
    setsid().map_err(|error| own(error.into()))?;
    umask(Mode::from_raw_mode(0o077));
    let say = |word: &str| {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{word}").and_then(|()| stdout.flush())
    };
    let _hold = match place.hold() {
        Err(UndoError::Taken) => {
            say(TAKEN).map_err(own)?;
            return Ok("another apply waits".to_owned());
        }
        hold => hold?,
    };
    let socket = place.socket();
    let listener = listen(&socket).map_err(at(&socket))?;
    say(READY).map_err(own)?;
    let mut heard = io::stdin().lock().lines().map_while(Result::ok);
    let told = match (heard.next().as_deref(), heard.next().as_deref()) {
        (Some(RECORDED), Some(COMMITTED)) => wait(place, table, within, (&listener, backend)),
        (Some(RECORDED), _) => rolled_back(place, table, backend, "it did not come to its end"),
        (_, _) => Ok("not begun".to_owned()),
    };
    let _absent = fs::remove_file(&socket);
    told
}

/// Asks the keeper that waits in a place.
///
/// # Errors
/// None waits, or it cannot do what is wished.
pub fn ask(place: &Place, wish: Wish) -> Result<String, UndoError> {
    let path = place.socket();
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind()) =>
        {
            return Err(UndoError::NothingWaits(told_at_last(place)));
        }
        Err(error) => return Err(at(&path)(error)),
    };
    let asked = stream
        .set_read_timeout(Some(ANSWER_PATIENCE))
        .and_then(|()| writeln!(stream, "{}", wish.line()))
        .and_then(|()| line(&stream));
    let answer = match asked {
        Ok(answer) => answer,
        // It ended while it was asked.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
        Err(error) => return Err(at(&path)(error)),
    };
    match answer.split_once(' ') {
        Some(("done:", told)) => Ok(told.to_owned()),
        Some(("failed:", why)) => Err(UndoError::Keeper(why.to_owned())),
        Some(_) | None => Err(UndoError::NothingWaits(told_at_last(place))),
    }
}

/// Waits until somebody asks or time is up.
fn wait(
    place: &Place,
    table: &TableKey,
    within: Duration,
    (listener, backend): (&UnixListener, &mut dyn Backend),
) -> Result<String, UndoError> {
    let begun = Instant::now();
    loop {
        let left = within.saturating_sub(begun.elapsed());
        if left.is_zero() {
            let seconds = within.as_secs();
            let why = format!("nobody confirmed within {seconds} s");
            return rolled_back(place, table, backend, &why);
        }
        // An interruption is as good as a connection: there is none to take then.
        let timeout = Timespec::try_from(left).ok();
        let _ready = poll(
            &mut [PollFd::new(listener, PollFlags::IN)],
            timeout.as_ref(),
        );
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let Some(wish) = wished(&stream) else {
            continue;
        };
        let told = match wish {
            Wish::Confirm => Ok("confirmed: what the last apply did stays".to_owned()),
            Wish::Rollback => rolled_back(place, table, backend, "as asked"),
        };
        let answer = match &told {
            Ok(told) => format!("done: {told}"),
            Err(error) => format!("failed: {error}"),
        };
        // Whoever asked may be gone.
        let _heard = writeln!(&stream, "{answer}");
        return told;
    }
}

/// What a connection asks for, if it comes from our own user or root and says so soon.
fn wished(stream: &UnixStream) -> Option<Wish> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let peer = socket_peercred(stream).ok()?.uid;
    let allowed = peer.is_root() || peer == geteuid();
    let said = allowed.then(|| line(stream)).and_then(Result::ok)?;
    Wish::of_line(&said)
}

/// Rolls back, again and again while the kernel does not take it.
fn rolled_back(
    place: &Place,
    table: &TableKey,
    backend: &mut dyn Backend,
    why: &str,
) -> Result<String, UndoError> {
    let record = Record::of(place, table)?;
    let mut attempts = 0;
    let commit = loop {
        attempts += 1;
        match record.put_back(backend) {
            Ok(commit) => break commit,
            Err(_) if attempts < ATTEMPTS => thread::sleep(PAUSE),
            Err(error) => return Err(error.into()),
        }
    };
    Record::forget(place)?;
    let transactions = commit.steps.len();
    Ok(format!("rolled back, {why}: {transactions} transactions"))
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn line(from: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// What the last keeper said when it ended, as the end of a sentence.
fn told_at_last(place: &Place) -> String {
    let said = last_words(place);
    match said.is_empty() {
        true => String::new(),
        false => format!(": the last apply was {said}"),
    }
}

fn last_words(place: &Place) -> String {
    let log = fs::read_to_string(place.log()).unwrap_or_default();
    log.lines().last().unwrap_or_default().to_owned()
}
