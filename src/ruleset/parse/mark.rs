//! The right side of `meta mark set`.

use super::cursor::Cursor;
use super::expression::{self, word_here};
use super::lexer::Token;
use super::{ParseError, value};
use crate::ruleset::{CtKey, Expression, MarkSource, MetaKey};

/// nft's operators, the ones that bind tighter first.
const OPERATORS: [&str; 3] = ["&", "^", "|"];

/// Reads a constant, a sum of `&`, `^`, `|` over the old mark, or a map lookup.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<MarkSource, ParseError> {
    if cursor.eat("(") {
        let (keep, flip) = read_old_mark(cursor)?;
        cursor.expect(")")?;
        return read_operations(cursor, keep, flip);
    }
    if !word_here(cursor).is_some_and(expression::begins) {
        let flip = cursor.word("a mark, `meta mark` or an expression", value::integer)?;
        return Ok(MarkSource::Bits { keep: 0, flip });
    }
    let key = expression::read_all(cursor)?;
    if cursor.eat_word("map") {
        cursor.expect("@")?;
        let map = cursor.name("the name of a map")?;
        return Ok(MarkSource::Map { key, map });
    }
    match key.as_slice() {
        [Expression::Meta(MetaKey::Mark)] => read_operations(cursor, u32::MAX, 0),
        [Expression::Ct(CtKey::Mark)] => Err(cursor.expected("`map @name`: ct mark is not copied")),
        _ => Err(cursor.expected("`map @name`")),
    }
}

fn read_old_mark(cursor: &mut Cursor<'_>) -> Result<(u32, u32), ParseError> {
    cursor.expect_word("meta")?;
    cursor.expect_word("mark")?;
    apply(cursor, u32::MAX, 0)
}

fn read_operations(
    cursor: &mut Cursor<'_>,
    keep: u32,
    flip: u32,
) -> Result<MarkSource, ParseError> {
    let (keep, flip) = apply(cursor, keep, flip)?;
    Ok(MarkSource::Bits { keep, flip })
}

/// Applies operators to `(mark & keep) ^ flip` from left to right, which is what nft does as long as
/// no operator binds tighter than the one before it.
fn apply(cursor: &mut Cursor<'_>, keep: u32, flip: u32) -> Result<(u32, u32), ParseError> {
    let (mut keep, mut flip) = (keep, flip);
    let mut loosest = 0;
    while let Token::Mark(mark) = cursor.peek()
        && let Some(rank) = OPERATORS.iter().position(|operator| *operator == mark)
    {
        if rank < loosest {
            return Err(cursor.expected(
                "parentheses around what stands before: & binds tighter than ^, and ^ than |",
            ));
        }
        loosest = rank;
        cursor.advance();
        let bits = cursor.word("a mark", value::integer)?;
        (keep, flip) = match rank {
            0 => (keep & bits, flip & bits),
            1 => (keep, flip ^ bits),
            _ => (keep & !bits, flip | bits),
        };
    }
    Ok((keep, flip))
}
