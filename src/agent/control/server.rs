//! The side of the control socket that answers.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{REQUEST_BYTES_MAX, Refusal, Reply, Request, socket};
use crate::agent::moment::Moment;
use crate::backend::nft::namespace;

/// How long a connection may say nothing, or not take what it asked for.
const IDLE: Duration = Duration::from_secs(30);
/// How many are heard at the same time; the next waits.
const CONNECTIONS_MAX: usize = 32;
/// How long to wait where no connection can be taken: descriptors are short.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A request, and where its reply goes.
pub type Call = (Request, oneshot::Sender<Reply>);

/// The socket of a live agent. It goes with the value.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    /// Held as long as the agent lives, whatever it dies of.
    _lock: File,
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another agent does.
    #[error("another agent is running: {} is locked", .0.display())]
    Taken(PathBuf),
    /// The socket cannot be made.
    #[error("cannot make the control socket at {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Control {
    /// Listens in a run directory, which is made. What a dead agent left is replaced. Needs a runtime.
    ///
    /// # Errors
    /// Another agent listens there, or a file cannot be made.
    pub fn bind(run_dir: &Path) -> Result<Self, ControlError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            |source| ControlError::Io { path, source }
        };
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(run_dir);
        made.map_err(at(run_dir))?;
        let lock = locked(&run_dir.join("lock"))?;
        let path = socket(run_dir);
        let listener = listener(&path).map_err(at(&path))?;
        Ok(Self {
            listener,
            path,
            _lock: lock,
        })
    }

    /// Hears requests and hands them on, until nobody takes them.
    pub async fn serve(self, calls: mpsc::Sender<Call>) {
        let mut connections = JoinSet::new();
        loop {
            let room = connections.len() < CONNECTIONS_MAX;
            tokio::select! {
                () = calls.closed() => return,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, _)) if !may_ask(&stream) => {}
                    Ok((stream, _)) => drop(connections.spawn(hear(stream, calls.clone()))),
                    Err(_) => sleep(ACCEPT_AGAIN).await,
                },
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A socket that stays is replaced by the next agent.
        let _removed = fs::remove_file(&self.path);
    }
}

fn locked(path: &Path) -> Result<File, ControlError> {
    let io = |source| ControlError::Io {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false);
    let file = file.mode(0o600).open(path).map_err(io)?;
    // Whoever may read a file may lock it, and one that was there may have another mode.
    let narrowed = file.set_permissions(Permissions::from_mode(0o600));
    narrowed.map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(ControlError::Taken(path.to_owned())),
        Err(error) => Err(io(error.into())),
    }
}

/// A socket that comes to its name only when nobody but its owner can use it.
fn listener(path: &Path) -> io::Result<UnixListener> {
    let unnamed = path.with_extension("new");
    match fs::remove_file(&unnamed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = StdListener::bind(&unnamed)?;
    fs::set_permissions(&unnamed, Permissions::from_mode(0o600))?;
    fs::rename(&unnamed, path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Answers line by line, until the other side goes, is silent for too long, or says too much.
async fn hear(stream: UnixStream, calls: mpsc::Sender<Call>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(Ok(line)) = timeout(IDLE, line(&mut reader)).await {
        let (reply, more) = match line {
            Line::Whole(line) => (answer(&line, &calls).await, true),
            Line::TooLong => {
                let why = format!("a request is longer than {REQUEST_BYTES_MAX} bytes");
                (refusal(&why), false)
            }
            Line::End => return,
        };
        let reply = format!("{reply}\n");
        let written = timeout(IDLE, writer.write_all(reply.as_bytes())).await;
        if !more || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// What stands next on a connection.
enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Line> {
    let mut line = Vec::new();
    let most = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
    reader.take(most).read_until(b'\n', &mut line).await?;
    Ok(match line.last() {
        Some(b'\n') => Line::Whole(line),
        Some(_) if line.len() == REQUEST_BYTES_MAX => Line::TooLong,
        Some(_) | None => Line::End,
    })
}

async fn answer(line: &[u8], calls: &mpsc::Sender<Call>) -> Value {
    let request = match Request::of_line(line) {
        Ok(request) => request,
        Err(error) => return refusal(&error.to_string()),
    };
    if request.changes() && !is_meant_for_us(line) {
        return Reply::Refused(Refusal::Elsewhere).json(Moment::now());
    }
    let patience = request.patience();
    let (sender, receiver) = oneshot::channel();
    let asked = async {
        calls.send((request, sender)).await.ok()?;
        receiver.await.ok()
    };
    match timeout(patience, asked).await {
        Ok(Some(reply)) => reply.json(Moment::now()),
        Ok(None) => refusal("it is going down"),
        Err(_) => {
            let seconds = patience.as_secs();
            refusal(&format!("it is busy: no answer within {seconds} s"))
        }
    }
}

/// Whether the other side is root or our own user, whatever the mode of the socket became.
fn may_ask(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred().map(|peer| peer.uid());
    peer.is_ok_and(|peer| [0, own].contains(&peer))
}

/// Whether a request that changes something names the network namespace of this thread, which is that of
/// the thread that bound the socket.
fn is_meant_for_us(line: &[u8]) -> bool {
    let asked: Option<u64> = serde_json::from_slice(line)
        .ok()
        .and_then(|value: Value| value.get("namespace")?.as_u64());
    asked.is_some_and(|asked| namespace().is_ok_and(|own| own == asked))
}

fn refusal(why: &str) -> Value {
    json!({ "error": why })
}
