//! How a command ends.

use std::io;
use std::process::ExitCode;

use crate::compile::inquiry::InquiryError;
use crate::compile::skeleton::SkeletonError;

/// What the help says of exit codes.
pub(super) const HELP: &str = "\
Exit codes: 0 done, nothing to change; 1 failed; 2 plan found changes; 4 refused as unsafe; \
64 usage error.";

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or nothing to change.
    Done,
    /// Failed.
    Failed,
    /// The command line cannot be understood.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
        })
    }
}

/// Why a command came to no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The result could not be written.
    #[error("cannot write the result: {0}")]
    Unwritten(#[from] io::Error),
    /// The built-in templates are broken.
    #[error("{0}")]
    Skeleton(#[from] SkeletonError),
    /// The question makes no sense.
    #[error("{0}")]
    Inquiry(#[from] InquiryError),
    /// Everything was said already.
    #[error("see above")]
    Said(Exit),
}
