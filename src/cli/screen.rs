//! Standard output and standard error.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Where results and diagnostics go, and whether they may be coloured there.
#[derive(Debug)]
pub(super) struct Screen {
    /// How results look.
    pub(super) result: Paint,
    /// How diagnostics look.
    pub(super) diagnostic: Paint,
}

/// Whether a text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// It is.
    Coloured,
    /// It is not.
    Plain,
}

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tint {
    /// Errors: bold red.
    Error,
    /// Warnings: bold yellow.
    Warning,
    /// What is as wished: bold green.
    Good,
    /// What frames a text: bold blue.
    Frame,
}

impl Paint {
    /// The text in a colour, if it may have one.
    pub(super) fn tinted(self, tint: Tint, text: &str) -> String {
        let code = match tint {
            Tint::Error => "1;31",
            Tint::Warning => "1;33",
            Tint::Good => "1;32",
            Tint::Frame => "1;34",
        };
        match self {
            Self::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

impl Screen {
    /// The screen of this process: colours only on a terminal, and not where `NO_COLOR` is set.
    pub(super) fn of_process() -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let paint = |terminal: bool| match wanted && terminal {
            true => Paint::Coloured,
            false => Paint::Plain,
        };
        Self {
            result: paint(io::stdout().is_terminal()),
            diagnostic: paint(io::stderr().is_terminal()),
        }
    }

    /// Writes a result. A reader that has seen enough and closed the pipe is no failure.
    pub(super) fn result(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes());
        match written.and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Writes a diagnostic; where nobody listens there is nobody to tell.
    pub(super) fn diagnostic(&self, text: &str) {
        let _written = io::stderr().lock().write_all(text.as_bytes());
    }
}
