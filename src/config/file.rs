//! The configuration file: INI, as Felix reads it.
//!
//! Sections are passed over. A crate would lose the lines, and every value says from which one it is.

use super::ConfigError;
use super::origin::Origin;
use super::source::{Entry, Source};

/// Where the file is, if nobody says otherwise.
pub const PATH: &str = "/etc/calico/felix.cfg";

/// The entries of a file. Of a key that is there twice the last one holds.
///
/// # Errors
/// A line is neither empty, a comment, a section nor `key = value`.
pub(super) fn entries(path: &str, text: &str) -> Result<Source, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut source = Source::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';', '[']) {
            continue;
        }
        let number = index + 1;
        let Some((name, value)) = line.split_once(['=', ':']) else {
            return Err(ConfigError::Line {
                path: path.to_owned(),
                line: number,
            });
        };
        source.put(Entry {
            name: name.trim().into(),
            text: value_of(value.trim()).into(),
            origin: Origin::File {
                path: path.into(),
                line: number,
            },
        });
    }
    Ok(source)
}

/// What is between quotes, or everything up to a comment.
fn value_of(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|t| t.split_once(quote));
        if let Some((inner, _comment)) = inner {
            return inner;
        }
    }
    let comment = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with(char::is_whitespace)
    };
    let mut marks = text.match_indices(['#', ';']).map(|(at, _)| at);
    let end = marks.find(comment).unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let source = entries("f", text).unwrap();
        let shown = |e: &Entry| format!("{}={} {}", e.name, e.text, e.origin);
        source.entries().map(shown).collect()
    }

    #[test]
    fn sections_comments_and_blanks_are_passed_over() {
        let text =
            "\u{feff}# c\n[global]\nEtcdAddr = a:1 # why\n; c\n\n[other]\nlogprefix: 'a # b' ; c\n";
        assert_eq!(read(text), ["EtcdAddr=a:1 f:3", "logprefix=a # b f:7"]);
    }

    #[test]
    fn values_keep_what_is_no_comment() {
        let text = "A=x#y;z\nB=http://h:1\nC=\nD=  # all comment\nE=\"open\n";
        let expected = [
            "A=x#y;z f:1",
            "B=http://h:1 f:2",
            "C= f:3",
            "D= f:4",
            "E=\"open f:5",
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_one_holds() {
        let source = entries("f", "[a]\nHealthPort=1\n[b]\nhealthport=2\n").unwrap();
        assert_eq!(source.entries().count(), 1);
        assert_eq!(
            source.warnings,
            ["HealthPort in f:2 is ignored: healthport in f:4 says so too"]
        );
    }

    #[test]
    fn a_line_that_is_none_is_an_error() {
        let error = entries("f", "[a]\nHealthPort\n").unwrap_err();
        let expected = "f:2: neither a section, a comment nor `name = value`";
        assert_eq!(error.to_string(), expected);
    }
}
