//! How the agent logs.

/// How much something matters, in Felix's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What happens.
    Info,
    /// What somebody should look at.
    Warning,
    /// What failed.
    Error,
    /// What ends the process.
    Fatal,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `2017-01-05 09:17:48.238 [INFO][PID] target LINE: message key=value`
    Felix,
    /// One JSON object.
    Json,
    /// Fields of the journal, sent to it.
    Journald,
    /// For people.
    Pretty,
}
