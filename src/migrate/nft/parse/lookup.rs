//! Matches and lookups.

use super::super::{
    Element, Expression, Item, MapSource, Match, Operand, Operator, Statement, Value,
};
use super::cursor::{Cursor, NftError};
use super::set::{element, elements};
use super::value::items;

/// What follows a key: a comparison, a verdict map, or what is written to it.
pub(super) fn after_key(
    cursor: &mut Cursor<'_>,
    left: Vec<Expression>,
) -> Result<Statement, NftError> {
    if cursor.eat("vmap") {
        let map = map_source(cursor)?;
        return Ok(Statement::VerdictMap { key: left, map });
    }
    let written = Operator::WRITTEN.iter().find(|(_, text)| cursor.eat(text));
    let operator = written.map_or(Operator::Implicit, |(operator, _)| *operator);
    let right = operand(cursor)?;
    if cursor.eat("/") {
        return under_mask(cursor, left, operator, right);
    }
    Ok(Statement::Match(Match {
        left,
        operator,
        right,
    }))
}

/// `tcp flags syn / fin,syn`, which is how nft lists `tcp flags & (fin | syn) == syn`.
fn under_mask(
    cursor: &mut Cursor<'_>,
    mut left: Vec<Expression>,
    operator: Operator,
    right: Operand,
) -> Result<Statement, NftError> {
    let mask = operand(cursor)?;
    let operator = match operator {
        Operator::Implicit | Operator::Equal => Operator::Equal,
        Operator::NotEqual => Operator::NotEqual,
        Operator::None
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual => return Err(cursor.unexpected("no mask behind this operator")),
    };
    match (left.pop(), left.is_empty(), bits(right), bits(mask)) {
        (Some(field), true, Some(wanted), Some(mask)) => Ok(Statement::Match(Match {
            left: vec![Expression::And(Box::new(field), mask)],
            operator,
            right: Operand::Items(vec![Item::One(wanted)]),
        })),
        _ => Err(cursor.unexpected("one field, bits and a mask of bits")),
    }
}

fn bits(operand: Operand) -> Option<Value> {
    match operand {
        Operand::AnyOf(words) => Some(Value::Bits(words)),
        Operand::Items(mut items) => match (items.pop(), items.is_empty()) {
            (Some(Item::One(value)), true) => Some(value),
            _ => None,
        },
        Operand::Anonymous(_) | Operand::Set(_) => None,
    }
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, NftError> {
    if cursor.ahead(0) == "{" {
        return elements(cursor).map(Operand::Anonymous);
    }
    if cursor.eat("@") {
        return cursor.name().map(Operand::Set);
    }
    if cursor.ahead(1) != "," {
        return items(cursor).map(Operand::Items);
    }
    let mut bits = vec![cursor.word("a bit")?.to_owned()];
    while cursor.eat(",") {
        bits.push(cursor.word("a bit")?.to_owned());
    }
    Ok(Operand::AnyOf(bits))
}

/// `@m`, or the pairs in braces.
pub(super) fn map_source(cursor: &mut Cursor<'_>) -> Result<MapSource, NftError> {
    if cursor.eat("@") {
        return cursor.name().map(MapSource::Named);
    }
    cursor.expect("{")?;
    let mut pairs = Vec::new();
    loop {
        cursor.skip_lines();
        if cursor.eat("}") {
            return Ok(MapSource::Anonymous(pairs));
        }
        let Element { key, data, .. } = element(cursor)?;
        let data = data.ok_or_else(|| cursor.unexpected("`:` and what the map says"))?;
        pairs.push((key, data));
        cursor.skip_lines();
        if !cursor.eat(",") && cursor.ahead(0) != "}" {
            return Err(cursor.unexpected("`,` or `}`"));
        }
    }
}
