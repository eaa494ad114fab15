//! How a command ends.

use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use crate::agent::control::client::AskError;
use crate::agent::start::StartError;
use crate::backend::opening::OpenError;
use crate::backend::{CommitError, ObserveError};
use crate::bench::folder::FolderError;
use crate::bench::lane::LaneError;
use crate::compile::inquiry::InquiryError;
use crate::compile::skeleton::SkeletonError;
use crate::config::ConfigError;
use crate::demo::DemoError;
use crate::migrate::host::HostError;
use crate::undo::UndoError;

/// What the help says of exit codes.
pub(super) const HELP: &str = "\
Exit codes: 0 done, nothing to change; 1 failed; 2 plan found changes; 3 not ready; \
4 refused as unsafe; 5 drift found; 64 usage error.";

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or nothing to change.
    Done,
    /// Failed.
    Failed,
    /// `plan` found changes.
    Changes,
    /// No agent runs, or what policy says is not all in force.
    NotReady,
    /// Refused: it would not be safe.
    Refused,
    /// Somebody else changed the table.
    Drift,
    /// The command line cannot be understood.
    Usage,
    /// The daemon wants to be started again.
    Restart,
}

impl Exit {
    /// How we end when another process did our work.
    pub(super) fn of_child(status: ExitStatus) -> Self {
        match status.success() {
            true => Self::Done,
            false => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::NotReady => 3,
            Exit::Refused => 4,
            Exit::Drift => 5,
            Exit::Usage => 64,
            Exit::Restart => 129,
        })
    }
}

/// Why a command came to no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The result could not be written.
    #[error("cannot write the result: {0}")]
    Unwritten(#[from] io::Error),
    /// The system gives no signals.
    #[error("cannot be told of signals: {0}")]
    NoSignals(#[source] io::Error),
    /// The built-in templates are broken.
    #[error("{0}")]
    Skeleton(#[from] SkeletonError),
    /// The question makes no sense.
    #[error("{0}")]
    Inquiry(#[from] InquiryError),
    /// The network namespace cannot be entered.
    #[error("cannot enter network namespace {0:?}: {1}")]
    NoNamespace(String, io::Error),
    /// The agent's configuration is no good.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No backend can be had.
    #[error(transparent)]
    NoBackend(#[from] OpenError),
    /// What is in force cannot be read.
    #[error("{0}")]
    Unobserved(#[from] ObserveError),
    /// The kernel did not take a commit.
    #[error("{0}")]
    Uncommitted(#[from] CommitError),
    /// The table is not what it should be; and whom that is about.
    #[error("{0}")]
    Refused(String),
    /// Options that do not go together.
    #[error("{0}")]
    Usage(String),
    /// It would not be safe.
    #[error("{0}")]
    Unsafe(String),
    /// An apply cannot be undone or confirmed.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// Everything was said already.
    #[error("see above")]
    Said(Exit),
    /// A file that was named could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon did not come up.
    #[error(transparent)]
    Agent(#[from] StartError),
    /// The agent gives no answer.
    #[error(transparent)]
    Unanswered(#[from] AskError),
    /// The demo came to no result.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// A run cannot be read, or its pages cannot be written.
    #[error(transparent)]
    Bench(#[from] FolderError),
    /// What is to be migrated cannot be read.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Nothing can be measured here.
    #[error(transparent)]
    Lane(#[from] LaneError),
}

impl Failure {
    /// How the command ends that came to this.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Said(exit) => *exit,
            Self::Usage(_) => Exit::Usage,
            Self::Unsafe(_)
            | Self::Undo(UndoError::Taken | UndoError::Moved)
            | Self::Unanswered(AskError::Unsafe(_)) => Exit::Refused,
            Self::Undo(
                UndoError::Io { .. }
                | UndoError::NothingWaits(_)
                | UndoError::NothingToUndo
                | UndoError::Malformed(_)
                | UndoError::Observe(_)
                | UndoError::Reconcile(_)
                | UndoError::Keeper(_),
            )
            | Self::Unwritten(_)
            | Self::NoSignals(_)
            | Self::Skeleton(_)
            | Self::Inquiry(_)
            | Self::NoNamespace(..)
            | Self::Config(_)
            | Self::NoBackend(_)
            | Self::Unobserved(_)
            | Self::Uncommitted(_)
            | Self::Refused(_)
            | Self::Unreadable { .. }
            | Self::Agent(_)
            | Self::Unanswered(
                AskError::NoAgent(_)
                | AskError::Io { .. }
                | AskError::Malformed(_)
                | AskError::Refused(_)
                | AskError::Elsewhere,
            )
            | Self::Demo(_)
            | Self::Bench(_)
            | Self::Host(_)
            | Self::Lane(_) => Exit::Failed,
        }
    }
}
