//! The control socket: one JSON object a line, asked and answered.
//!
//! ```text
//! {"request":"status"}                                    -->   {"status":{...},"screen":"..."}
//! {"request":"apply","host":"...","documents":{...},...}   -->   {"applied":{...}}
//! {"request":"confirm"}, {"request":"rollback"}            -->   {"told":"..."}
//! anything else, or what cannot be done                    -->   {"error":"..."}
//! ```
//!
//! What changes anything names the network namespace that it is meant for (`namespace`).

pub mod client;
pub mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::moment::Moment;
use super::status::{LastRound, Status};

/// Where the socket is, if nothing else is said.
pub const RUN_DIR: &str = "/run/margay";

/// The longest request, in bytes, its newline among them.
pub const REQUEST_BYTES_MAX: usize = 64 << 20;

/// How long the loop may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the loop may take to put documents in force.
const APPLY_PATIENCE: Duration = Duration::from_secs(300);

/// What can be asked of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How it is.
    Status,
    /// Put documents in the place of what the store says.
    Apply(Box<Apply>),
    /// Keep what the last apply did.
    Confirm,
    /// Undo the last apply.
    Rollback,
}

/// Documents to put in the place of what the store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// The host whose endpoints are local.
    pub host: String,
    /// The names of files and their texts.
    pub documents: Vec<(String, String)>,
    /// How long a confirmation is waited for; where none is wanted, none.
    pub confirm_within: Option<Duration>,
}

/// What the agent's loop answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// How it is.
    Status(Arc<Status>),
    /// Documents are in force.
    Applied(Applied),
    /// It is done, in words.
    Told(String),
    /// It is not done.
    Refused(Refusal),
}

/// What an apply did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The commits; none where all was in force.
    pub last: Option<LastRound>,
    /// How long a confirmation is waited for.
    pub confirm_within: Option<Duration>,
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be done.
    Failed(String),
    /// It would not be safe.
    Unsafe(String),
    /// It is meant for another network namespace.
    Elsewhere,
}

/// Why a line is no request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It has no `request`.
    #[error(
        "expected an object with a text `request`, which is one of: status, apply, confirm, rollback"
    )]
    Shape,
    /// It asks for what is not known.
    #[error("unknown request {0:?}: known are status, apply, confirm, rollback")]
    Unknown(String),
    /// It lacks what it takes.
    #[error("{0}: expected {1}")]
    Lacks(&'static str, &'static str),
}

impl Request {
    fn of_line(line: &[u8]) -> Result<Self, InvalidRequest> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| InvalidRequest::Json(error.to_string()))?;
        match value.get("request").and_then(Value::as_str) {
            Some("status") => Ok(Self::Status),
            Some("apply") => Ok(Self::Apply(Box::new(Apply::of_value(&value)?))),
            Some("confirm") => Ok(Self::Confirm),
            Some("rollback") => Ok(Self::Rollback),
            Some(other) => Err(InvalidRequest::Unknown(other.to_owned())),
            None => Err(InvalidRequest::Shape),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Status => json!({ "request": "status" }),
            Self::Apply(apply) => apply.json(),
            Self::Confirm => json!({ "request": "confirm" }),
            Self::Rollback => json!({ "request": "rollback" }),
        }
    }

    /// How long the loop may take to answer.
    fn patience(&self) -> Duration {
        match self {
            Self::Status => PATIENCE,
            Self::Apply(_) | Self::Confirm | Self::Rollback => APPLY_PATIENCE,
        }
    }

    /// Whether it changes what is in force in a network namespace.
    fn changes(&self) -> bool {
        match self {
            Self::Status => false,
            Self::Apply(_) | Self::Confirm | Self::Rollback => true,
        }
    }
}

impl Apply {
    fn of_value(value: &Value) -> Result<Self, InvalidRequest> {
        let lacks = |field, what| InvalidRequest::Lacks(field, what);
        let host = value.get("host").and_then(Value::as_str);
        let host = host.ok_or(lacks("host", "a text"))?;
        let documents = value.get("documents").and_then(Value::as_object);
        let documents = documents.ok_or(lacks("documents", "an object of texts by name"))?;
        let texts = documents.iter().map(|(name, text)| {
            let text = text.as_str().ok_or(lacks("documents", "texts"))?;
            Ok((name.clone(), text.to_owned()))
        });
        let within = match value.get("confirm_within_seconds") {
            None | Some(Value::Null) => None,
            Some(seconds) => {
                let seconds = seconds
                    .as_u64()
                    .and_then(|seconds| u32::try_from(seconds).ok());
                let seconds = seconds.ok_or(lacks("confirm_within_seconds", "a number"))?;
                Some(Duration::from_secs(seconds.into()))
            }
        };
        Ok(Self {
            host: host.to_owned(),
            documents: texts.collect::<Result<_, _>>()?,
            confirm_within: within,
        })
    }

    fn json(&self) -> Value {
        let documents = self.documents.iter();
        let documents = documents.map(|(name, text)| (name.clone(), text.clone().into()));
        json!({
            "request": "apply",
            "host": self.host,
            "documents": Value::Object(documents.collect()),
            "confirm_within_seconds": self.confirm_within.map(|within| within.as_secs()),
        })
    }
}

impl Reply {
    fn json(&self, now: Moment) -> Value {
        match self {
            Self::Status(status) => json!({
                "status": status.json(now),
                "screen": status.screen(now),
            }),
            Self::Applied(applied) => json!({ "applied": applied.json() }),
            Self::Told(told) => json!({ "told": told }),
            Self::Refused(refusal) => refusal.json(),
        }
    }
}

impl Applied {
    fn json(&self) -> Value {
        let last = self.last.as_ref();
        let took = last.map(|last| last.took.as_secs_f64() * 1000.0);
        json!({
            "transactions": last.map_or(0, |last| last.transactions),
            "operations": last.map_or(0, |last| last.operations),
            "elements": last.map_or(0, |last| last.elements),
            "milliseconds": took.unwrap_or_default(),
            "confirm_within_seconds": self.confirm_within.map(|within| within.as_secs()),
        })
    }
}

impl Refusal {
    fn json(&self) -> Value {
        match self {
            Self::Failed(why) => json!({ "error": why }),
            Self::Unsafe(why) => json!({ "error": why, "kind": "unsafe" }),
            Self::Elsewhere => json!({
                "error": "it works in another network namespace",
                "kind": "elsewhere",
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
        let apply = |confirm_within| {
            Request::Apply(Box::new(Apply {
                host: "n1".to_owned(),
                documents: vec![("a.yaml".to_owned(), "{}\n".to_owned())],
                confirm_within,
            }))
        };
        let requests = [
            Request::Status,
            apply(None),
            apply(Some(Duration::from_secs(7))),
            Request::Confirm,
            Request::Rollback,
        ];
        for request in requests {
            let line = request.json().to_string();
            assert_eq!(Request::of_line(line.as_bytes()), Ok(request));
        }
        for (line, why) in [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("{} {}", "not JSON"),
            ("[]", "expected an object"),
            ("{\"request\":7}", "expected an object"),
            ("{\"request\":\"stop\"}", "unknown request \"stop\""),
            ("{\"request\":\"apply\"}", "host: expected a text"),
        ] {
            let error = Request::of_line(line.as_bytes()).expect_err(line);
            assert!(error.to_string().starts_with(why), "{line}: {error}");
        }
    }
}
