//! A test as statements. What nft can say in one rule is one case; a test that is true in several ways has several,
//! no two of which hold for one packet, so that counters and actions happen once.

use super::class::Obstacle;
use crate::migrate::iptables::Sense;
use crate::migrate::nft::{
    Element, Expression, Field, Item, Match, Operand, Operator, Statement, Value,
};
use crate::ruleset::Name;

/// The ways in which a test holds: each is a list of statements.
pub(super) type Cases = Vec<Vec<Statement>>;

/// What a translation gives, or why there is none.
pub(super) type Outcome<T> = Result<T, Obstacle>;

/// Holds for every packet.
pub(super) fn always() -> Cases {
    vec![Vec::new()]
}

/// Holds for none.
pub(super) fn never() -> Cases {
    Vec::new()
}

/// Holds where one statement does.
pub(super) fn one(statement: impl Into<Statement>) -> Cases {
    vec![vec![statement.into()]]
}

/// Every packet or none.
pub(super) fn constant(sense: Sense, holds: bool) -> Cases {
    match (sense, holds) {
        (Sense::Is, true) | (Sense::IsNot, false) => always(),
        (Sense::Is, false) | (Sense::IsNot, true) => never(),
    }
}

/// A field equal to, or within, an item; or not.
pub(super) fn compared(sense: Sense, left: impl Into<Expression>, item: impl Into<Item>) -> Match {
    Match {
        left: vec![left.into()],
        operator: equality(sense),
        right: Operand::Items(vec![item.into()]),
    }
}

/// The same with an operator.
pub(super) fn ordered(left: impl Into<Expression>, operator: Operator, value: Value) -> Match {
    Match {
        left: vec![left.into()],
        operator,
        right: Operand::Items(vec![value.into()]),
    }
}

/// A field that is one of several, or none of them.
pub(super) fn among(sense: Sense, left: impl Into<Expression>, mut items: Vec<Item>) -> Match {
    let right = match items.len() {
        1 => Operand::Items(vec![items.remove(0)]),
        _ => Operand::Anonymous(
            items
                .into_iter()
                .map(|item| Element::new(vec![item]))
                .collect(),
        ),
    };
    Match {
        left: vec![left.into()],
        operator: equality(sense),
        right,
    }
}

/// A key that is in a set, or not.
pub(super) fn member(sense: Sense, key: Vec<Expression>, set: &Name) -> Match {
    Match {
        left: key,
        operator: equality(sense),
        right: Operand::Set(set.clone()),
    }
}

/// Any of some bits, or none of them, by their words.
pub(super) fn any_bit(sense: Sense, field: Field, words: Vec<String>) -> Match {
    let operator = match sense {
        Sense::Is => Operator::Implicit,
        Sense::IsNot => Operator::None,
    };
    let right = match words.as_slice() {
        [word] => Operand::Items(vec![Value::word(word).into()]),
        _ => Operand::AnyOf(words),
    };
    Match {
        left: vec![field.into()],
        operator,
        right,
    }
}

/// A number under a mask; what is outside of the mask cannot be equal.
pub(super) fn masked(sense: Sense, field: Field, value: u32, mask: u32) -> Cases {
    if value & !mask != 0 {
        return constant(sense, false);
    }
    match mask {
        0 => constant(sense, true),
        u32::MAX => one(compared(sense, field, Value::Hex(value.into()))),
        mask => one(Match {
            left: vec![Expression::masked(field, mask.into())],
            operator: match sense {
                Sense::Is => Operator::Equal,
                Sense::IsNot => Operator::NotEqual,
            },
            right: Operand::Items(vec![Value::Hex(value.into()).into()]),
        }),
    }
}

/// Every pair of a case of one test and a case of another.
pub(super) fn product(all: Cases, more: &Cases) -> Cases {
    let mut cases = Vec::with_capacity(all.len() * more.len());
    for case in &all {
        for extra in more {
            cases.push(case.iter().chain(extra).cloned().collect());
        }
    }
    cases
}

pub(super) fn equality(sense: Sense) -> Operator {
    match sense {
        Sense::Is => Operator::Implicit,
        Sense::IsNot => Operator::NotEqual,
    }
}
