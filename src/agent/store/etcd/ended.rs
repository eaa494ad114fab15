//! Why a session with an etcd ended.

use std::error::Error as _;

use etcd_client::Error;

/// Why a session ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody listens any more.
    Unheard,
    /// The store cannot be read, for this reason.
    Lost(String),
    /// What was said may not be what the store holds: a complete listing must show it.
    Doubtful,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        if is_about_compaction(&error) {
            return Self::Doubtful;
        }
        Self::Lost(told(&error))
    }
}

/// Whether a revision is asked for that the store no longer has.
pub(super) fn is_about_compaction(error: &Error) -> bool {
    // `ErrCompacted` of etcd (rpctypes/error.go).
    let compacted = "required revision has been compacted";
    matches!(error, Error::GRpcStatus(status) if status.message().contains(compacted))
}

/// Whether an answer was longer than it may be.
pub(super) fn is_about_length(error: &Error) -> bool {
    let long = "message length too large";
    matches!(error, Error::GRpcStatus(status) if status.message().contains(long))
}

/// What an error says, down to its causes: the outermost alone says `transport error`.
fn told(error: &Error) -> String {
    let (mut text, mut cause) = if let Error::GRpcStatus(status) = error {
        (status.message().to_owned(), status.source())
    } else if let Error::TransportError(error) = error {
        (error.to_string(), error.source())
    } else {
        (error.to_string(), None)
    };
    while let Some(deeper) = cause {
        let said = deeper.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = deeper.source();
    }
    text
}
