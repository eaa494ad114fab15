//! The side of the control socket that asks: without tokio, for commands.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Request, socket};
use crate::backend::nft::namespace;

/// The longest reply that is read, in bytes: a status with a million endpoints fits.
const REPLY_BYTES_MAX: u64 = 256 << 20;
/// Longer than the agent's own patience, so that it can say why there is no answer.
const BEYOND: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("no agent is running: nobody listens at {}", .0.display())]
    NoAgent(PathBuf),
    /// The socket cannot be used.
    #[error("cannot ask the agent at {}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What it says is no answer.
    #[error("the agent's answer cannot be understood: {0}")]
    Malformed(String),
    /// It refuses.
    #[error("the agent refuses: {0}")]
    Refused(String),
    /// It refuses what would not be safe.
    #[error("the agent refuses: {0}")]
    Unsafe(String),
    /// It works in another network namespace than the one of the calling thread.
    #[error("the agent works in another network namespace")]
    Elsewhere,
}

/// Asks the agent whose run directory is given.
///
/// # Errors
/// Nobody listens, the right is missing, or the agent refuses or is too busy.
pub fn ask(run_dir: &Path, request: &Request) -> Result<Value, AskError> {
    let path = socket(run_dir);
    let line = exchange(&path, request).map_err(|source| unanswered(&path, source))?;
    let reply: Value =
        serde_json::from_str(&line).map_err(|error| AskError::Malformed(error.to_string()))?;
    let said = |field| reply.get(field).and_then(Value::as_str);
    match (said("error"), said("kind")) {
        (None, _) => Ok(reply),
        (Some(_), Some("elsewhere")) => Err(AskError::Elsewhere),
        (Some(why), Some("unsafe")) => Err(AskError::Unsafe(why.to_owned())),
        (Some(why), _) => Err(AskError::Refused(why.to_owned())),
    }
}

fn unanswered(path: &Path, source: io::Error) -> AskError {
    let path = path.to_owned();
    let nobody = [ErrorKind::NotFound, ErrorKind::ConnectionRefused];
    match nobody.contains(&source.kind()) {
        true => AskError::NoAgent(path),
        false => AskError::Io { path, source },
    }
}

fn exchange(path: &Path, request: &Request) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    let timeout = request.patience().saturating_add(BEYOND);
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let mut line = request.json();
    if request.changes() {
        line["namespace"] = namespace()?.into();
    }
    writeln!(stream, "{line}")?;
    let mut line = String::new();
    BufReader::new(stream.take(REPLY_BYTES_MAX)).read_line(&mut line)?;
    Ok(line)
}
