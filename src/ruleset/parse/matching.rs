//! What stands behind an expression in a rule: a comparison or a lookup.

use super::cursor::Cursor;
use super::expression::{datatypes, word_here};
use super::lexer::Token;
use super::{ParseError, statement, value};
use crate::ruleset::key::listed;
use crate::ruleset::{
    Bytes, Datatype, Expression, Key, Match, Operand, Operator, Statement, VmapSource, symbol,
};
use std::collections::BTreeMap;

/// Reads the rest of a statement that begins with expressions.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    left: Vec<Expression>,
) -> Result<Statement, ParseError> {
    if cursor.eat_word("vmap") {
        let map = read_vmap(cursor, &datatypes(&left))?;
        return Ok(Statement::Vmap { key: left, map });
    }
    let mask = match (cursor.eat("&"), left.as_slice()) {
        (false, _) => None,
        (true, [one]) => Some(read_mask(cursor, one.datatype())?),
        (true, _) => return Err(cursor.expected("no mask: a concatenation has none")),
    };
    let relation = Relation::read(cursor);
    let (mask, operator, right) = read_right(cursor, &left, mask, relation)?;
    Ok(Statement::Match(Match {
        left,
        mask,
        operator,
        right,
    }))
}

/// How a comparison is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// Nothing: equal, contained, or any of these bits.
    Implicit,
    /// `==`.
    Equal,
    /// `!=`.
    Unequal,
    /// `!`: none of these bits.
    NoBit,
}

impl Relation {
    fn read(cursor: &mut Cursor<'_>) -> Self {
        let written = [
            ("==", Self::Equal),
            ("!=", Self::Unequal),
            ("!", Self::NoBit),
        ];
        let found = written.into_iter().find(|(mark, _)| cursor.eat(mark));
        found.map_or(Self::Implicit, |(_, relation)| relation)
    }

    fn operator(self) -> Operator {
        match self {
            Self::Implicit | Self::Equal => Operator::Eq,
            Self::Unequal | Self::NoBit => Operator::Ne,
        }
    }
}

type Right = (Option<Bytes>, Operator, Operand);

fn read_right(
    cursor: &mut Cursor<'_>,
    left: &[Expression],
    mask: Option<Bytes>,
    relation: Relation,
) -> Result<Right, ParseError> {
    let types = datatypes(left);
    if cursor.eat("@") {
        let set = Operand::Set(cursor.name("the name of a set")?);
        return Ok((mask, relation.operator(), set));
    }
    if cursor.peek() == Token::Mark("{") {
        return Ok((
            mask,
            relation.operator(),
            Operand::Anonymous(read_set(cursor, &types)?),
        ));
    }
    match (types.as_slice(), mask) {
        ([datatype], Some(mask)) => read_masked(cursor, *datatype, mask, relation),
        ([datatype], None) if symbol::is_bitmask(*datatype) => {
            read_bits(cursor, *datatype, relation)
        }
        ([Datatype::Mark], None) if mark_prefix(cursor).is_some() => {
            read_mark_prefix(cursor, relation)
        }
        ([_], None) if relation == Relation::NoBit => {
            Err(cursor.expected("no `!` before it: only ct state and tcp flags are bits"))
        }
        ([_], None) => Ok((
            None,
            relation.operator(),
            Operand::Key(value::key(cursor, &types)?),
        )),
        _ => Err(cursor.expected("`@set` or `{`: a concatenation is looked up in a set")),
    }
}

/// `meta mark & 0xff == 0x1`, from behind the relation on. Where nft has a shorter form that is what
/// we keep: a prefix for an address, any bit for a bitmask.
fn read_masked(
    cursor: &mut Cursor<'_>,
    datatype: Datatype,
    mask: Bytes,
    relation: Relation,
) -> Result<Right, ParseError> {
    if !matches!(relation, Relation::Equal | Relation::Unequal) {
        return Err(cursor.expected("`==` or `!=` after a mask"));
    }
    let bits = value::value(cursor, datatype)?;
    let operator = relation.operator();
    if symbol::is_bitmask(datatype) && bits.iter().all(|byte| *byte == 0) {
        let inverse = match operator {
            Operator::Eq => Operator::Ne,
            Operator::Ne => Operator::Eq,
        };
        return Ok((None, inverse, Operand::AnyBit(mask)));
    }
    if let Some(prefix) = prefix_of(datatype, &bits, &mask) {
        return Ok((None, operator, Operand::Key(prefix)));
    }
    Ok((Some(mask), operator, Operand::Key(Key::value(&bits))))
}

/// `ct state established,related`, `ct state == new`, `ct state new / new,established`.
fn read_bits(
    cursor: &mut Cursor<'_>,
    datatype: Datatype,
    relation: Relation,
) -> Result<Right, ParseError> {
    let first = value::bits(cursor, datatype)?;
    let several = cursor.peek() == Token::Mark("|");
    if several && matches!(relation, Relation::Implicit | Relation::NoBit) {
        return Err(
            cursor.expected("`,` for any of these bits, or `==` before them for exactly these")
        );
    }
    let mut bits = first;
    while cursor.eat("|") {
        let more = value::value(cursor, datatype)?;
        bits.iter_mut()
            .zip(more)
            .for_each(|(byte, more)| *byte |= more);
    }
    if cursor.eat("/") {
        let mask = value::bits(cursor, datatype)?;
        return Ok((
            Some(mask),
            relation.operator(),
            Operand::Key(Key::value(&bits)),
        ));
    }
    let right = match relation {
        Relation::Implicit | Relation::NoBit => Operand::AnyBit(bits),
        Relation::Equal | Relation::Unequal => Operand::Key(Key::value(&bits)),
    };
    Ok((None, relation.operator(), right))
}

fn read_mask(cursor: &mut Cursor<'_>, datatype: Datatype) -> Result<Bytes, ParseError> {
    if !cursor.eat("(") {
        return value::value(cursor, datatype);
    }
    let mask = value::value(cursor, datatype)?;
    cursor.expect(")")?;
    Ok(mask)
}

/// `meta mark 0x01000000/8`, as nft prints a mask of leading bits.
fn read_mark_prefix(cursor: &mut Cursor<'_>, relation: Relation) -> Result<Right, ParseError> {
    let Some((bits, mask)) = mark_prefix(cursor) else {
        return Err(cursor.expected("a mark"));
    };
    cursor.advance();
    let key = Key::value(&bits.to_ne_bytes());
    let mask = Bytes::from_slice(&mask.to_ne_bytes());
    Ok((Some(mask), relation.operator(), Operand::Key(key)))
}

fn mark_prefix(cursor: &Cursor<'_>) -> Option<(u32, u32)> {
    let (bits, length) = word_here(cursor)?.split_once('/')?;
    let length: u32 = crate::net::decimal(length).filter(|length| (1..=32).contains(length))?;
    Some((value::integer(bits)?, u32::MAX << (32 - length)))
}

/// The prefix that a masked address is, if the mask is one of leading bits.
fn prefix_of(datatype: Datatype, bits: &[u8], mask: &[u8]) -> Option<Key> {
    let is_address = matches!(datatype, Datatype::Ipv4Addr | Datatype::Ipv6Addr);
    let length = mask.iter().map(|byte| byte.leading_ones() as usize);
    let length: usize = length.sum();
    let leading =
        (0..mask.len() * 8).all(|bit| (mask[bit / 8] >> (7 - bit % 8) & 1 == 1) == (bit < length));
    let inside = bits.iter().zip(mask).all(|(bits, mask)| bits & !mask == 0);
    if !is_address || !leading || !inside {
        return None;
    }
    let last: Bytes = bits
        .iter()
        .zip(mask)
        .map(|(bits, mask)| bits | !mask)
        .collect();
    Some(Key::range(bits, &last))
}

/// `{ a, b }`, in key order.
fn read_set(cursor: &mut Cursor<'_>, types: &[Datatype]) -> Result<Vec<Key>, ParseError> {
    let mut keys = Vec::new();
    read_list(cursor, |cursor| {
        keys.push(value::key(cursor, types)?);
        Ok(())
    })?;
    Ok(listed(keys, types))
}

fn read_vmap(cursor: &mut Cursor<'_>, types: &[Datatype]) -> Result<VmapSource, ParseError> {
    if cursor.eat("@") {
        return Ok(VmapSource::Named(cursor.name("the name of a map")?));
    }
    let mut elements = BTreeMap::new();
    read_list(cursor, |cursor| {
        let position = cursor.position();
        let key = value::key(cursor, types)?;
        cursor.expect(":")?;
        let verdict = statement::verdict(cursor)?;
        match elements.insert(key, verdict) {
            Some(_) => Err(cursor.error(position, "a key that stands twice in one map")),
            None => Ok(()),
        }
    })?;
    Ok(VmapSource::Anonymous(elements))
}

/// Reads one or more things in braces with commas between them, on any number of lines.
pub(super) fn read_list<'a>(
    cursor: &mut Cursor<'a>,
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<(), ParseError>,
) -> Result<(), ParseError> {
    cursor.open()?;
    loop {
        cursor.skip_newlines();
        read(cursor)?;
        cursor.skip_newlines();
        let more = cursor.eat(",");
        cursor.skip_newlines();
        if cursor.eat("}") {
            return Ok(());
        }
        if !more {
            return Err(cursor.expected("`,` or `}`"));
        }
    }
}
