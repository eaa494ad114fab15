//! What goes through the agent, where one works in this network namespace.

use std::path::Path;

use serde_json::Value;

use super::exit::Failure;
use crate::agent::control::Request;
use crate::agent::control::client::{AskError, ask};

/// What the agent answers; nothing, where none works in the calling thread's network namespace.
pub(super) fn agent(run_dir: &Path, request: &Request) -> Result<Option<Value>, Failure> {
    match ask(run_dir, request) {
        Ok(reply) => Ok(Some(reply)),
        Err(AskError::NoAgent(_) | AskError::Elsewhere) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same of a request that is answered in words.
pub(super) fn told(run_dir: &Path, request: &Request) -> Result<Option<String>, Failure> {
    let Some(reply) = agent(run_dir, request)? else {
        return Ok(None);
    };
    match reply.get("told").and_then(Value::as_str) {
        Some(told) => Ok(Some(told.to_owned())),
        None => Err(AskError::Malformed("there is no text /told".to_owned()).into()),
    }
}
