//! The words of a selector.

use super::InvalidSelector;
use crate::model::label::{LabelKey, LabelValue};
use crate::net::InvalidValue;

/// A place in the text of a selector.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The first word of a text.
    pub(super) fn new(text: &'a str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.skip_space();
        cursor
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        self.skip_space();
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Whether a sign stands here.
    pub(super) fn is_at(&self, sign: &str) -> bool {
        self.rest().starts_with(sign)
    }

    /// Goes over a sign, if it is there.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = self.is_at(sign);
        if found {
            self.advance(sign.len());
        }
        found
    }

    /// Goes over a sign that must be there.
    pub(super) fn expect(
        &mut self,
        sign: &str,
        allowed: &'static str,
    ) -> Result<(), InvalidSelector> {
        self.take(sign)
            .then_some(())
            .ok_or_else(|| self.fault(allowed))
    }

    /// Goes over words, with or without space between them, that end where a label could not go on.
    pub(super) fn take_words(&mut self, words: &[&str]) -> bool {
        let mut ahead = Self { ..*self };
        let found = words.iter().all(|word| ahead.take(word));
        let ends = !ahead.rest().bytes().next().is_some_and(LabelKey::has);
        if found && ends {
            *self = ahead;
        }
        found && ends
    }

    /// Goes over the key of a label.
    pub(super) fn key(&mut self, allowed: &'static str) -> Result<LabelKey, InvalidSelector> {
        let word = self.word();
        if word.is_empty() {
            return Err(self.fault(allowed));
        }
        let key = word.parse().map_err(|invalid| self.at_fault(invalid))?;
        self.advance(word.len());
        Ok(key)
    }

    /// Goes over a quoted text, if there is one.
    pub(super) fn quoted(&mut self) -> Result<Option<LabelValue>, InvalidSelector> {
        let quote = match self.rest().bytes().next() {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            Some(_) | None => return Ok(None),
        };
        let inner = &self.rest()[1..];
        let Some(end) = inner.find(quote) else {
            let invalid = InvalidValue::new("text", self.rest(), "a text that ends with its quote");
            return Err(self.at_fault(invalid));
        };
        let value = inner[..end]
            .parse()
            .map_err(|invalid| self.at_fault(invalid))?;
        self.advance(end + 2);
        Ok(Some(value))
    }

    /// What stands here cannot.
    pub(super) fn fault(&self, allowed: &'static str) -> InvalidSelector {
        let word = match self.word() {
            "" => self
                .rest()
                .chars()
                .next()
                .map_or("", |c| &self.rest()[..c.len_utf8()]),
            word => word,
        };
        self.at_fault(InvalidValue::new("word", word, allowed))
    }

    fn at_fault(&self, invalid: InvalidValue) -> InvalidSelector {
        InvalidSelector {
            offset: self.at,
            invalid,
        }
    }

    /// The characters from here on that can be a label.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| !LabelKey::has(byte));
        &rest[..end.unwrap_or(rest.len())]
    }
}
