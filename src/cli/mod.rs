//! The command line: one file per command, no logic.

use std::process::ExitCode;

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    ExitCode::from(64)
}
