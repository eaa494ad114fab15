//! The control socket: one JSON object a line, asked and answered.
//!
//! ```text
//! {"request":"status"}   -->   {"status":{...},"screen":"..."}
//! anything else          -->   {"error":"..."}
//! ```

pub mod client;
pub mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::moment::Moment;
use super::status::Status;

/// Where the socket is, if nothing else is said.
pub const RUN_DIR: &str = "/run/margay";

/// The longest request, in bytes, its newline among them.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;

/// How long the loop may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be asked of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How it is.
    Status,
}

/// What the agent's loop answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// How it is.
    Status(Arc<Status>),
}

/// Why a line is no request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It has no `request`.
    #[error("expected an object with a text `request`, which is one of: status")]
    Shape,
    /// It asks for what is not known.
    #[error("unknown request {0:?}: known is status")]
    Unknown(String),
}

impl Request {
    fn of_line(line: &[u8]) -> Result<Self, InvalidRequest> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| InvalidRequest::Json(error.to_string()))?;
        match value.get("request").and_then(Value::as_str) {
            Some("status") => Ok(Self::Status),
            Some(other) => Err(InvalidRequest::Unknown(other.to_owned())),
            None => Err(InvalidRequest::Shape),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Status => json!({ "request": "status" }),
        }
    }
}

impl Reply {
    fn json(&self, now: Moment) -> Value {
        match self {
            Self::Status(status) => json!({
                "status": status.json(now),
                "screen": status.screen(now),
            }),
        }
    }
}

/// Where the socket is.
fn socket(run_dir: &Path) -> PathBuf {
    run_dir.join("ctl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_written() {
        let line = Request::Status.json().to_string();
        assert_eq!(Request::of_line(line.as_bytes()), Ok(Request::Status));
        for (line, why) in [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("{} {}", "not JSON"),
            ("[]", "expected an object"),
            ("{\"request\":7}", "expected an object"),
            ("{\"request\":\"stop\"}", "unknown request \"stop\""),
        ] {
            let error = Request::of_line(line.as_bytes()).expect_err(line);
            assert!(error.to_string().starts_with(why), "{line}: {error}");
        }
    }
}
