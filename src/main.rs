//! The `margay` program: the command line turned into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    margay::cli::run()
}
