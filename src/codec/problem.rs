//! What is wrong with a document, and where.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::node::Place;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing may be made of the documents.
    Error,
    /// The documents mean something, perhaps not what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// An error or a warning about one place of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 where the file as a whole is meant.
    pub column: u32,
    /// The field, as in `rules.ingress[3]`; empty where the document or the file is meant.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What would have been accepted, where that can be said.
    pub allowed: Option<Cow<'static, str>>,
    /// The text around the place.
    pub excerpt: Option<Excerpt>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", OneLine(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: ", self.severity)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", OneLine(&self.field))?;
        }
        f.write_str(&self.message)?;
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

/// A key of an etcd or of a document, which can hold anything: its control characters escaped.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

/// A piece of one line, printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, control characters replaced by spaces.
    pub text: String,
    /// How many characters of it stand before the place.
    pub before: usize,
}

/// Most bytes of a line that an excerpt shows before and after the place.
const EXCERPT_BYTES: (usize, usize) = (60, 80);

impl Excerpt {
    /// The line around a place; of a long line what stands near, so that the cost has a bound.
    fn around(text: &str, offset: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let offset = boundary(text, offset);
        let nearest = boundary(text, offset.saturating_sub(EXCERPT_BYTES.0));
        let farthest = boundary(text, offset + EXCERPT_BYTES.1);
        let is_break = |b: &u8| matches!(b, b'\n' | b'\r');
        let start = bytes[nearest..offset]
            .iter()
            .rposition(is_break)
            .map_or(nearest, |at| nearest + at + 1);
        let end = bytes[offset..farthest]
            .iter()
            .position(is_break)
            .map_or(farthest, |at| offset + at);
        let shown = |piece: &str| piece.replace(|c: char| c.is_control(), " ");
        let line = shown(&text[start..end]);
        (!line.trim().is_empty()).then(|| Self {
            before: shown(&text[start..offset]).chars().count(),
            text: line,
        })
    }
}

/// The last byte not behind `at` at which a character begins or the text ends.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|&byte| text.is_char_boundary(byte))
        .unwrap_or(0)
}

/// A problem before it is known of which source it speaks.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) place: Place,
    pub(super) field: String,
    pub(super) message: String,
    pub(super) allowed: Option<Cow<'static, str>>,
}

impl Finding {
    /// The problem as the world sees it.
    pub(super) fn of_source(self, name: &Arc<str>, text: &str) -> Problem {
        Problem {
            severity: self.severity,
            file: name.clone(),
            line: self.place.line,
            column: self.place.column,
            field: self.field,
            message: self.message,
            allowed: self.allowed,
            excerpt: (self.place.line > 0)
                .then(|| Excerpt::around(text, self.place.offset))
                .flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_whatever_keys_hold() {
        let problem = Problem {
            severity: Severity::Error,
            file: "a\nb".into(),
            line: 3,
            column: 1,
            field: "spec.\u{1b}[31m\u{e9}".to_owned(),
            message: "unknown field".to_owned(),
            allowed: None,
            excerpt: None,
        };
        let text = "a\\nb:3:1: error: spec.\\u{1b}[31m\u{e9}: unknown field";
        assert_eq!(problem.to_string(), text);
    }

    #[test]
    fn an_excerpt_is_one_line_and_short() {
        let excerpt = Excerpt::around("a\nb é\tc\nd", 7);
        assert_eq!(
            excerpt,
            Some(Excerpt {
                text: "b é c".to_owned(),
                before: 4
            })
        );
        let long = "é".repeat(1_000_000);
        let text = Excerpt::around(&long, 1_000_000).map(|e| e.text.len());
        assert!(text.is_some_and(|bytes| bytes <= 160), "{text:?}");
        assert_eq!(Excerpt::around("\n\n", 1), None);
    }
}
