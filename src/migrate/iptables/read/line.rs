//! One line of a dump, told from the others.

use super::words::{Word, words};
use crate::migrate::iptables::Counters;
use crate::net::decimal;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A comment, or an empty line.
    Comment(String),
    /// `*name`.
    Table(String),
    /// `:name policy [packets:bytes]`.
    Chain {
        name: String,
        policy: String,
        counters: Counters,
    },
    /// `-A`, `-I` or `-P`: the words behind counters, and the text that they stand in.
    Command {
        counters: Option<Counters>,
        words: Vec<Word>,
        text: String,
    },
    /// `COMMIT`.
    Commit,
}

impl Line {
    pub(super) fn of(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Comment(line.to_owned()));
        }
        if let Some(name) = line.strip_prefix('*') {
            return Ok(Self::Table(name.trim().to_owned()));
        }
        if let Some(chain) = line.strip_prefix(':') {
            return declaration(chain);
        }
        if line == "COMMIT" {
            return Ok(Self::Commit);
        }
        let (counters, text) = counted(line)?;
        if !text.starts_with('-') {
            return Err(format!(
                "{:?} is no line of a dump: a comment, *table, :CHAIN POLICY [0:0], -A CHAIN ... or COMMIT is",
                excerpt(line)
            ));
        }
        Ok(Self::Command {
            counters,
            words: words(text)?,
            text: text.to_owned(),
        })
    }
}

/// The beginning of a text, for a message.
pub(super) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

fn declaration(chain: &str) -> Result<Line, String> {
    let mut parts = chain.split_whitespace();
    let name = parts.next().unwrap_or_default().to_owned();
    let policy = parts
        .next()
        .ok_or("a chain has a policy: ACCEPT, DROP or -")?;
    let counters = parts.next().map(bracketed).transpose()?;
    if let Some(rest) = parts.next() {
        return Err(format!(
            "{rest:?} behind a chain: [packets:bytes] is its end"
        ));
    }
    Ok(Line::Chain {
        name,
        policy: policy.to_owned(),
        counters: counters.unwrap_or_default(),
    })
}

/// `[packets:bytes]` before a rule.
fn counted(line: &str) -> Result<(Option<Counters>, &str), String> {
    let Some((counters, rest)) = line
        .starts_with('[')
        .then(|| line.split_once(']'))
        .flatten()
    else {
        return Ok((None, line));
    };
    Ok((Some(bracketed(&format!("{counters}]"))?), rest.trim_start()))
}

fn bracketed(text: &str) -> Result<Counters, String> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let pair = inner.and_then(|inner| inner.split_once(':'));
    let read = |(packets, bytes): (&str, &str)| {
        Some(Counters {
            packets: decimal(packets)?,
            bytes: decimal(bytes)?,
        })
    };
    pair.and_then(read)
        .ok_or_else(|| format!("{text:?} are no counters: [packets:bytes] are"))
}
