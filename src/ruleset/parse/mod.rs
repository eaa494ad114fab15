//! Reads nft text: everything that the types of `ruleset` can say, and nothing else.
//!
//! Tokens come from `lexer`; a `Cursor` walks over them; each other file reads one noun from it.
//! No reader calls itself, so no text can exhaust the stack.

mod chain;
mod cursor;
mod expression;
mod lexer;
mod mark;
mod matching;
mod set;
mod statement;
mod table;
mod value;

use std::fmt;

use super::{Name, Ruleset, TableKey};
use cursor::Cursor;
pub use lexer::Position;

/// Reads a ruleset. `source` names the text in errors. A table, set or chain that stands several times
/// is one, with the parts in order.
///
/// # Errors
/// The first construct that is not nft, or that our types cannot express.
pub fn parse(source: &str, text: &str) -> Result<Ruleset, ParseError> {
    let mut ruleset = Ruleset::default();
    parse_into(source, text, &mut ruleset)?;
    Ok(ruleset)
}

/// Reads one more text into a ruleset, and says where it declares what.
///
/// # Errors
/// As [`parse`]; what stands before the error is in the ruleset then.
pub fn parse_into(
    source: &str,
    text: &str,
    ruleset: &mut Ruleset,
) -> Result<Vec<Declaration>, ParseError> {
    let mut cursor = Cursor::new(source, text)?;
    while cursor.skip_separators() {
        table::read(&mut cursor, ruleset)?;
    }
    Ok(cursor.declarations)
}

/// Where an object of a table is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The table that it stands in.
    pub table: TableKey,
    /// Its name; `None` is the table itself.
    pub name: Option<Name>,
    /// Where the name stands.
    pub position: Position,
}

/// Where a text leaves the subset of nft, what stands there and what may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The name of the text, as a file's.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.source, self.line, self.column, self.message
        )
    }
}

// Not derived: thiserror takes a field named `source` for the cause.
impl std::error::Error for ParseError {}
