//! Text to tokens.

use std::fmt;

/// One token; what is between tokens is blanks and comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, a name, a number, an address: what a reader makes of it is decided where it stands.
    Word(&'a str),
    /// A text in quotes, without them.
    Quoted(&'a str),
    /// One of [`MARKS`].
    Mark(&'static str),
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

/// Shows at most this much of a token.
const SHOWN_CHARS_MAX: usize = 60;

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) | Self::Quoted(word) if word.chars().count() > SHOWN_CHARS_MAX => {
                let shown: String = word.chars().take(SHOWN_CHARS_MAX).collect();
                write!(f, "{shown:?}... ({} bytes)", word.len())
            }
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Quoted(text) => write!(f, "{text:?}"),
            Self::Mark(mark) => write!(f, "`{mark}`"),
            Self::Newline => f.write_str("the end of the line"),
            Self::End => f.write_str("the end of the text"),
        }
    }
}

/// A place in the text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// Every mark; a longer one stands before its beginning.
const MARKS: [&str; 18] = [
    "==", "!=", "!", "=", "{", "}", "(", ")", ",", ";", "&", "|", "^", "@", "+", ".", "-", "/",
];

/// Cuts a text into tokens, the last of which is `End`.
///
/// # Errors
/// A character that begins no token, or a text in quotes that does not end in its line.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Position)>, (Position, String)> {
    let mut lexer = Lexer {
        rest: text,
        position: Position { line: 1, column: 1 },
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let position = lexer.position;
        let token = lexer.token().map_err(|message| (position, message))?;
        // `ifname: verdict`: the colon after a word is a token of its own, the `::` of an address is not.
        if let Token::Word(word) = token
            && let Some(before) = word.strip_suffix(':').filter(|rest| !rest.ends_with(':'))
        {
            let column = position.column + before.len();
            if !before.is_empty() {
                tokens.push((Token::Word(before), position));
            }
            tokens.push((Token::Mark(":"), Position { column, ..position }));
            continue;
        }
        tokens.push((token, position));
        if token == Token::End {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Lexer<'a> {
    fn skip_blanks(&mut self) {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start_matches([' ', '\t', '\r']).len();
            self.take(blanks);
            if self.rest.starts_with('#') {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("\\\n") {
                self.take(1);
                self.newline();
            } else if blanks == 0 {
                return;
            }
        }
    }

    fn token(&mut self) -> Result<Token<'a>, String> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        match first {
            '\n' => {
                self.newline();
                Ok(Token::Newline)
            }
            '"' => self.quoted(),
            _ if is_word(first) => Ok(self.word()),
            _ => match MARKS.into_iter().find(|mark| self.rest.starts_with(mark)) {
                Some(mark) => {
                    self.take(mark.len());
                    Ok(Token::Mark(mark))
                }
                None => Err(format!(
                    "found {first:?}, expected a word, a text in quotes or one of {}",
                    MARKS.join(" ")
                )),
            },
        }
    }

    fn quoted(&mut self) -> Result<Token<'a>, String> {
        let inside = &self.rest[1..];
        let end = inside.find(['"', '\n']).unwrap_or(inside.len());
        if !inside[end..].starts_with('"') {
            return Err("found a text in quotes that does not end in its line".to_owned());
        }
        if inside[..end].contains(char::is_control) {
            return Err("found a control character in a text in quotes".to_owned());
        }
        self.take(end + 2);
        Ok(Token::Quoted(&inside[..end]))
    }

    fn word(&mut self) -> Token<'a> {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let word = self.take(end);
        match MARKS.into_iter().find(|mark| *mark == word) {
            Some(mark) => Token::Mark(mark),
            None => Token::Word(word),
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.position.column += taken.chars().count();
        taken
    }

    fn newline(&mut self) {
        self.take(1);
        self.position = Position {
            line: self.position.line + 1,
            column: 1,
        };
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/' | ':')
}
