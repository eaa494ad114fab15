//! The grammar of a selector, on a stack of its own.

use std::collections::BTreeSet;
use std::mem::{replace, take};

use super::InvalidSelector;
use super::lexer::Cursor;
use super::term::{Relation, Term};
use crate::model::label::LabelValue;

/// Deepest nesting of parentheses. A selector of 1,024 characters cannot have more that are of use.
const DEPTH_MAX: usize = 512;

/// What may stand where an operand must.
const OPERAND: &str = "a label, has(label), all(), global(), ! or (";

/// A parenthesis that is not closed, or the whole selector.
#[derive(Debug, Default)]
struct Group {
    /// Whether there is a `!` before it.
    negated: bool,
    /// The finished operands of `||`.
    either: Vec<Term>,
    /// The operands of `&&` so far.
    all_of: Vec<Term>,
}

impl Group {
    fn end_of_and(&mut self) {
        let terms = take(&mut self.all_of);
        self.either.push(one(terms, Term::And));
    }

    fn finish(mut self) -> Term {
        self.end_of_and();
        negated_if(self.negated, one(self.either, Term::Or))
    }
}

/// Reads a selector as it is written.
pub(super) fn parse(text: &str) -> Result<Term, InvalidSelector> {
    let mut cursor = Cursor::new(text);
    if cursor.is_at_end() {
        return Ok(Term::All);
    }
    let mut open: Vec<Group> = Vec::new();
    let mut group = Group::default();
    loop {
        let negated = negations(&mut cursor);
        if open.len() == DEPTH_MAX && cursor.is_at("(") {
            return Err(cursor.fault("parentheses in at most 511 others"));
        }
        if cursor.take("(") {
            let inner = Group {
                negated,
                ..Group::default()
            };
            open.push(replace(&mut group, inner));
            continue;
        }
        let term = operand(&mut cursor)?;
        group.all_of.push(negated_if(negated, term));
        while cursor.is_at(")") {
            let Some(outer) = open.pop() else { break };
            cursor.take(")");
            let term = replace(&mut group, outer).finish();
            group.all_of.push(term);
        }
        if cursor.take("||") {
            group.end_of_and();
        } else if !cursor.take("&&") {
            let done = cursor.is_at_end() && open.is_empty();
            return match (done, open.is_empty()) {
                (true, _) => Ok(group.finish()),
                (false, true) => Err(cursor.fault("&&, || or the end")),
                (false, false) => Err(cursor.fault("&&, || or )")),
            };
        }
    }
}

/// Whether the `!` before an operand are odd.
fn negations(cursor: &mut Cursor<'_>) -> bool {
    let mut negated = false;
    while cursor.take("!") {
        negated = !negated;
    }
    negated
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Term, InvalidSelector> {
    const CLOSED: &str = ") right after it";
    if cursor.take("has(") {
        let key = cursor.key("the label in has(label)")?;
        cursor.expect(")", CLOSED)?;
        return Ok(Term::Has(key));
    }
    if cursor.take("all(") {
        cursor.expect(")", CLOSED)?;
        return Ok(Term::All);
    }
    if cursor.take("global(") {
        cursor.expect(")", CLOSED)?;
        return Ok(Term::Global);
    }
    let key = cursor.key(OPERAND)?;
    Ok(Term::Label(key, relation(cursor)?))
}

fn relation(cursor: &mut Cursor<'_>) -> Result<Relation, InvalidSelector> {
    let value = |cursor: &mut Cursor<'_>| match cursor.quoted()? {
        Some(value) => Ok(value),
        None => Err(cursor.fault("a text in ' or \"")),
    };
    if cursor.take("==") {
        value(cursor).map(Relation::Equals)
    } else if cursor.take("!=") {
        value(cursor).map(Relation::Differs)
    } else if cursor.take_words(&["contains"]) {
        value(cursor).map(Relation::Contains)
    } else if cursor.take_words(&["starts", "with"]) {
        value(cursor).map(Relation::StartsWith)
    } else if cursor.take_words(&["ends", "with"]) {
        value(cursor).map(Relation::EndsWith)
    } else if cursor.take_words(&["not", "in"]) {
        set(cursor).map(Relation::NotIn)
    } else if cursor.take_words(&["in"]) {
        set(cursor).map(Relation::In)
    } else {
        Err(cursor.fault("==, !=, contains, starts with, ends with, in or not in"))
    }
}

fn set(cursor: &mut Cursor<'_>) -> Result<BTreeSet<LabelValue>, InvalidSelector> {
    cursor.expect("{", "{ before the texts of a set")?;
    let mut values = BTreeSet::new();
    while let Some(value) = cursor.quoted()? {
        values.insert(value);
        if !cursor.take(",") {
            break;
        }
    }
    cursor.expect("}", "a text in ' or \", or }")?;
    Ok(values)
}

/// The only term, or a group of them.
fn one(mut terms: Vec<Term>, group: fn(Vec<Term>) -> Term) -> Term {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            group(terms)
        }
        None => group(terms),
    }
}

fn negated_if(negated: bool, term: Term) -> Term {
    if negated {
        Term::Not(Box::new(term))
    } else {
        term
    }
}
