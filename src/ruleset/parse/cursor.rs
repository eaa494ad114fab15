//! A walk over tokens.

use std::time::Duration;

use super::lexer::{self, Position, Token};
use super::{Declaration, ParseError};
use crate::net::decimal;
use crate::ruleset::Name;

/// The tokens of a text and the place reached.
pub(super) struct Cursor<'a> {
    source: &'a str,
    tokens: Vec<(Token<'a>, Position)>,
    at: usize,
    /// What was declared so far.
    pub(super) declarations: Vec<Declaration>,
}

/// Longest comment in bytes, `NFTNL_UDATA_COMMENT_MAXLEN` (libnftnl udata.h).
const COMMENT_BYTES_MAX: usize = 128;

/// The units of a time, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str, text: &'a str) -> Result<Self, ParseError> {
        match lexer::tokens(text) {
            Ok(tokens) => Ok(Self {
                source,
                tokens,
                at: 0,
                declarations: Vec::new(),
            }),
            Err((position, message)) => Err(error(source, position, message)),
        }
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    /// The token so many places further on.
    pub(super) fn ahead(&self, distance: usize) -> Token<'a> {
        self.tokens
            .get(self.at + distance)
            .map_or(Token::End, |(token, _)| *token)
    }

    pub(super) fn position(&self) -> Position {
        let last = self.tokens.last();
        let here = self.tokens.get(self.at).or(last);
        here.map_or(Position { line: 1, column: 1 }, |(_, position)| *position)
    }

    pub(super) fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Goes on if the mark stands here.
    pub(super) fn eat(&mut self, mark: &str) -> bool {
        let here = matches!(self.peek(), Token::Mark(found) if found == mark);
        self.at += usize::from(here);
        here
    }

    /// Goes on if the word stands here.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let here = self.peek() == Token::Word(word);
        self.at += usize::from(here);
        here
    }

    pub(super) fn expect(&mut self, mark: &str) -> Result<(), ParseError> {
        if self.eat(mark) {
            return Ok(());
        }
        Err(self.expected(&format!("`{mark}`")))
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.eat_word(word) {
            return Ok(());
        }
        Err(self.expected(&format!("`{word}`")))
    }

    /// Reads a word of which something can be made.
    pub(super) fn word<T>(
        &mut self,
        allowed: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ParseError> {
        let value = match self.peek() {
            Token::Word(word) => read(word),
            Token::Quoted(_) | Token::Mark(_) | Token::Newline | Token::End => None,
        };
        let value = value.ok_or_else(|| self.expected(allowed))?;
        self.at += 1;
        Ok(value)
    }

    /// Reads a decimal number.
    pub(super) fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, ParseError> {
        self.word(what, decimal)
    }

    /// Reads the name of an object, with or without quotes.
    pub(super) fn name(&mut self, what: &str) -> Result<Name, ParseError> {
        let name = match self.peek() {
            Token::Word(text) | Token::Quoted(text) => Name::new(text).ok(),
            Token::Mark(_) | Token::Newline | Token::End => None,
        };
        let allowed = || format!("{what}: a letter, then at most 254 of A-Z a-z 0-9 / - _ .");
        let name = name.ok_or_else(|| self.expected(&allowed()))?;
        self.at += 1;
        Ok(name)
    }

    /// Reads a text in quotes.
    pub(super) fn quoted(&mut self, what: &str) -> Result<&'a str, ParseError> {
        match self.peek() {
            Token::Quoted(text) => {
                self.at += 1;
                Ok(text)
            }
            Token::Word(_) | Token::Mark(_) | Token::Newline | Token::End => {
                Err(self.expected(&format!("{what} in quotes")))
            }
        }
    }

    /// Reads the text of a comment, after the word `comment`.
    pub(super) fn comment(&mut self) -> Result<&'a str, ParseError> {
        let position = self.position();
        let text = self.quoted("a comment")?;
        if text.len() <= COMMENT_BYTES_MAX {
            return Ok(text);
        }
        let bytes = text.len();
        Err(self.error(
            position,
            format!("a comment of {bytes} bytes: at most {COMMENT_BYTES_MAX}"),
        ))
    }

    /// Reads a time, `1d2h3m4s5ms`.
    pub(super) fn duration(&mut self) -> Result<Duration, ParseError> {
        self.word("a time such as 1d2h3m4s or 500ms", duration)
    }

    /// Goes on over ends of lines, where a construct may span lines.
    pub(super) fn skip_newlines(&mut self) {
        while self.peek() == Token::Newline {
            self.at += 1;
        }
    }

    /// Goes on over ends of lines and semicolons; whether anything follows.
    pub(super) fn skip_separators(&mut self) -> bool {
        while self.at_separator() {
            self.at += 1;
        }
        self.peek() != Token::End
    }

    fn at_separator(&self) -> bool {
        matches!(self.peek(), Token::Newline | Token::Mark(";"))
    }

    /// Whether a statement ends here; a closing brace ends it too.
    pub(super) fn ends(&self) -> bool {
        self.at_separator() || self.peek() == Token::Mark("}")
    }

    /// Requires the end of a statement.
    pub(super) fn end_of_statement(&self) -> Result<(), ParseError> {
        if self.ends() {
            return Ok(());
        }
        Err(self.expected("the end of the line or `;`"))
    }

    /// Reads the name of an object that is declared here.
    pub(super) fn declare(&mut self, what: &str) -> Result<Name, ParseError> {
        let position = self.position();
        let name = self.name(what)?;
        if let Some(last) = self.declarations.last() {
            let table = last.table.clone();
            self.declarations.push(Declaration {
                table,
                name: Some(name.clone()),
                position,
            });
        }
        Ok(name)
    }

    /// Opens a block.
    pub(super) fn open(&mut self) -> Result<(), ParseError> {
        self.expect("{")
    }

    /// Whether the block ends here, after separators; if so goes on behind it.
    pub(super) fn closes(&mut self) -> bool {
        self.skip_separators();
        self.eat("}")
    }

    /// An error about the token here.
    pub(super) fn expected(&self, allowed: &str) -> ParseError {
        let message = format!("found {}, expected {allowed}", self.peek());
        self.error(self.position(), message)
    }

    /// An error about an earlier place.
    pub(super) fn error(&self, position: Position, message: impl Into<String>) -> ParseError {
        error(self.source, position, message.into())
    }
}

fn error(source: &str, position: Position, message: String) -> ParseError {
    let Position { line, column } = position;
    ParseError {
        source: source.to_owned(),
        line,
        column,
        message,
    }
}

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let &(_, milliseconds) = TIME_UNITS.iter().find(|(known, _)| *known == unit)?;
        total = total.checked_add(decimal::<u64>(count)?.checked_mul(milliseconds)?)?;
        rest = tail;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}
