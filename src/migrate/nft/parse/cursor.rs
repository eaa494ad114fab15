//! A walk over the words of a text.

use std::str::FromStr;
use std::time::Duration;

use crate::ruleset::Name;

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: found {found}, expected {expected}")]
pub struct NftError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    LineEnd,
    End,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    line: usize,
}

/// The words of a text and the place reached.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

/// What is read stands so deep inside of one another at the most, which is deeper than anybody writes.
const DEPTH_MAX: usize = 32;

/// Longer marks stand before their beginnings. `@`, `:` and `.` are words of their own where blanks are around them.
const MARKS: [&str; 20] = [
    "==", "!=", "<=", ">=", "<<", ">>", "{", "}", "(", ")", ",", ";", "&", "|", "^", "!", "=", "<",
    ">", "@",
];

/// The units of a time, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, NftError> {
        let mut tokens = Vec::new();
        let mut count = 0;
        for (at, line) in text.lines().enumerate() {
            count = at + 1;
            split(line, count, &mut tokens)?;
            tokens.push(Token {
                kind: Kind::LineEnd,
                text: "the end of the line",
                line: count,
            });
        }
        tokens.push(Token {
            kind: Kind::End,
            text: "the end of the text",
            line: count,
        });
        Ok(Self {
            tokens,
            at: 0,
            depth: 0,
        })
    }

    /// Reads what may have its like inside.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, NftError>,
    ) -> Result<T, NftError> {
        if self.depth == DEPTH_MAX {
            let expected = format!("no more than {DEPTH_MAX} such inside of one another");
            return Err(self.unexpected(&expected));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn token(&self, distance: usize) -> Token<'a> {
        let at = (self.at + distance).min(self.tokens.len() - 1);
        self.tokens[at]
    }

    /// The line of the next word.
    pub(super) fn line(&self) -> usize {
        self.token(0).line
    }

    /// The word or mark so many places further on; nothing for another token.
    pub(super) fn ahead(&self, distance: usize) -> &'a str {
        let token = self.token(distance);
        match token.kind {
            Kind::Word => token.text,
            Kind::Quoted | Kind::LineEnd | Kind::End => "",
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.token(0).kind == Kind::End
    }

    pub(super) fn at_quoted(&self) -> bool {
        self.token(0).kind == Kind::Quoted
    }

    /// Whether a rule ends here.
    pub(super) fn at_statement_end(&self) -> bool {
        let token = self.token(0);
        match token.kind {
            Kind::LineEnd | Kind::End => true,
            Kind::Word => token.text == ";" || token.text == "}",
            Kind::Quoted => false,
        }
    }

    /// Goes past line ends and semicolons.
    pub(super) fn skip_ends(&mut self) {
        while self.token(0).kind == Kind::LineEnd || self.ahead(0) == ";" {
            self.at += 1;
        }
    }

    /// Goes past line ends, where they are blanks.
    pub(super) fn skip_lines(&mut self) {
        while self.token(0).kind == Kind::LineEnd {
            self.at += 1;
        }
    }

    /// Goes on if the word or mark stands here.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let here = self.ahead(0) == word;
        self.at += usize::from(here);
        here
    }

    /// Goes on if all the words stand here.
    pub(super) fn eat_words(&mut self, words: &str) -> bool {
        let mut count = 0;
        for word in words.split(' ') {
            if self.ahead(count) != word {
                return false;
            }
            count += 1;
        }
        self.at += count;
        true
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), NftError> {
        if self.eat(word) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{word}`")))
    }

    /// What is wrong here.
    pub(super) fn unexpected(&self, expected: &str) -> NftError {
        let token = self.token(0);
        let found = match token.kind {
            Kind::Word => format!("`{}`", token.text),
            Kind::Quoted => format!("\"{}\"", token.text),
            Kind::LineEnd | Kind::End => token.text.to_owned(),
        };
        NftError {
            line: token.line,
            found,
            expected: expected.to_owned(),
        }
    }

    /// The next word, whatever it is.
    pub(super) fn word(&mut self, expected: &str) -> Result<&'a str, NftError> {
        let token = self.token(0);
        if token.kind != Kind::Word || MARKS.contains(&token.text) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(token.text)
    }

    /// A word of which something can be made.
    pub(super) fn read<T>(
        &mut self,
        expected: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, NftError> {
        let value = read(self.ahead(0));
        let value = value.ok_or_else(|| self.unexpected(expected))?;
        self.at += 1;
        Ok(value)
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        what: &str,
        words: &[(T, &str)],
    ) -> Result<T, NftError> {
        let known: Vec<_> = words.iter().map(|(_, word)| *word).collect();
        let expected = format!("{what}: {}", known.join(", "));
        self.read(&expected, |word| {
            words
                .iter()
                .find(|(_, w)| *w == word)
                .map(|(value, _)| *value)
        })
    }

    pub(super) fn number<T: FromStr>(&mut self) -> Result<T, NftError> {
        self.read("a number", |word| word.parse().ok())
    }

    pub(super) fn name(&mut self) -> Result<Name, NftError> {
        let token = self.token(0);
        let name = match token.kind {
            Kind::Word | Kind::Quoted => Name::new(token.text).ok(),
            Kind::LineEnd | Kind::End => None,
        };
        let name = name.ok_or_else(|| self.unexpected("a name"))?;
        self.at += 1;
        Ok(name)
    }

    pub(super) fn quoted(&mut self) -> Result<String, NftError> {
        let token = self.token(0);
        if token.kind != Kind::Quoted {
            return Err(self.unexpected("a text in quotes"));
        }
        self.at += 1;
        Ok(token.text.to_owned())
    }

    /// `1d2h`.
    pub(super) fn time(&mut self) -> Result<Duration, NftError> {
        self.read("a time such as 1h30m", read_time)
    }
}

/// `1d2h` as a time.
pub(in crate::migrate) fn read_time(word: &str) -> Option<Duration> {
    let mut rest = word;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, scale) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total = total.checked_add(count.checked_mul(*scale)?)?;
        rest = &rest[unit.len()..];
    }
    (!word.is_empty()).then(|| Duration::from_millis(total))
}

/// Cuts a line into words.
fn split<'a>(line: &'a str, number: usize, tokens: &mut Vec<Token<'a>>) -> Result<(), NftError> {
    let mut rest = line.trim_start();
    let mut push = |kind, text| {
        tokens.push(Token {
            kind,
            text,
            line: number,
        });
    };
    while !rest.is_empty() && !rest.starts_with('#') {
        if let Some(inside) = rest.strip_prefix('"') {
            let end = inside.find('"').ok_or_else(|| NftError {
                line: number,
                found: format!("\"{inside}"),
                expected: "a quote at its end".to_owned(),
            })?;
            push(Kind::Quoted, &inside[..end]);
            rest = inside[end + 1..].trim_start();
            continue;
        }
        let mark = MARKS.iter().find(|mark| rest.starts_with(*mark));
        let length = mark.map_or_else(|| word_bytes(rest), |mark| mark.len());
        push(Kind::Word, &rest[..length]);
        rest = rest[length..].trim_start();
    }
    Ok(())
}

fn word_bytes(rest: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || c == '"' || MARKS.iter().any(|m| m.starts_with(c));
    rest.find(ends).unwrap_or(rest.len())
}
