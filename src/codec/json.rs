//! JSON text to nodes. Each value is checked as JSON, then read as the YAML that it also is, for its places.

use serde::de::IgnoredAny;

use super::node::{Node, Place};
use super::yaml::{Documents, Unparsable};

/// The values of a text, one after the other.
pub(super) fn documents(text: &str, source: usize) -> Vec<Result<Node, Unparsable>> {
    let mut found = Vec::new();
    let mut cursor = Cursor::at_start(source);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    while let Some(value) = values.next() {
        if let Err(error) = value {
            found.push(Err(unparsable(&error, text, source)));
            break;
        }
        let end = values.byte_offset();
        let begin = cursor.place.offset + leading_space(&text[cursor.place.offset..end]);
        cursor.advance(text, begin);
        found.extend(Documents::new(&text[begin..end], cursor.place));
        cursor.advance(text, end);
    }
    found
}

/// The values of a text that must be one value: another is a fault, and so is none.
pub(super) fn only(text: &str) -> Vec<Result<Node, Unparsable>> {
    let mut found = documents(text, 0);
    if found.len() != 1 && found.iter().all(Result::is_ok) {
        let message = format!("not JSON: {} values where one must be", found.len());
        found.push(Err(Unparsable {
            place: Place::start(0),
            message,
        }));
    }
    found
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn unparsable(error: &serde_json::Error, text: &str, source: usize) -> Unparsable {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line_start = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let message = error.to_string();
    let reason = message
        .rsplit_once(" at line ")
        .map_or(&*message, |(reason, _)| reason);
    Unparsable {
        place: Place {
            source,
            line: number(error.line()).max(1),
            column: number(error.column()).max(1),
            offset: line_start + error.column().saturating_sub(1),
        },
        message: format!("not JSON: {reason}"),
    }
}

/// Counts lines and columns once over the text.
struct Cursor {
    place: Place,
}

impl Cursor {
    fn at_start(source: usize) -> Self {
        Self {
            place: Place::start(source),
        }
    }

    fn advance(&mut self, text: &str, to: usize) {
        for c in text[self.place.offset..to].chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.place.offset = to;
    }
}
