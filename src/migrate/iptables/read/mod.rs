//! The text of `iptables-save` to a dump.
//!
//! What breaks the shape of the text, or gives an option twice, is an error with its line. What is not understood of a rule
//! stays in it as unknown, so that nobody takes the rule for less than it is.

mod address;
mod foreign;
mod icmp;
mod line;
mod module;
mod number;
mod option;
mod port;
mod rule;
mod table;
mod target;
mod words;

use super::Dump;
use crate::net::Family;
use line::Line;
use table::Reader;

/// Why a text is no dump.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ReadError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

/// Reads what `iptables-save` or `ip6tables-save` printed; carriage returns at the ends of lines and a
/// byte order mark before them are no matter.
pub fn read(text: &str, family: Family) -> Result<Dump, ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::new(family);
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let fault = |problem| ReadError {
            line: number,
            problem,
        };
        let line = Line::of(line.trim_end_matches('\r')).map_err(fault)?;
        reader.take(number, line)?;
    }
    reader.finish(text.lines().count())
}
