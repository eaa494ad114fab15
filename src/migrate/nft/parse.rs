//! Reads what `print` writes, and the usual variations of it that a person makes who edits it.

use std::collections::BTreeMap;

use super::{Chain, Family, Policy, Rule, Ruleset, Table};

mod cursor;
mod expression;
mod lookup;
mod object;
mod set;
mod statement;
mod value;

use cursor::Cursor;
pub use cursor::NftError;
pub(in crate::migrate) use cursor::read_time;

/// A ruleset and where its rules stand in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The ruleset.
    pub ruleset: Ruleset,
    /// The line of each rule.
    pub lines: BTreeMap<RulePlace, usize>,
}

/// A rule by its place: which table, which chain of it, which rule of that, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulePlace {
    /// The table.
    pub table: usize,
    /// The chain.
    pub chain: usize,
    /// The rule.
    pub rule: usize,
}

/// Reads a text.
///
/// # Errors
/// The text is not of the kind that `print` writes: the line, what stands there and what may.
pub fn parse(text: &str) -> Result<Parsed, NftError> {
    let mut cursor = Cursor::new(text)?;
    let mut parsed = Parsed {
        ruleset: Ruleset::default(),
        lines: BTreeMap::new(),
    };
    loop {
        cursor.skip_ends();
        if cursor.at_end() {
            return Ok(parsed);
        }
        let place = parsed.ruleset.tables.len();
        let table = table(&mut cursor, place, &mut parsed.lines)?;
        parsed.ruleset.tables.push(table);
    }
}

fn table(
    cursor: &mut Cursor<'_>,
    place: usize,
    lines: &mut BTreeMap<RulePlace, usize>,
) -> Result<Table, NftError> {
    cursor.expect("table")?;
    let family = cursor.choice("a family", &Family::WORDS)?;
    let mut table = Table::new(family, cursor.name()?);
    cursor.expect("{")?;
    loop {
        cursor.skip_ends();
        if cursor.eat("}") {
            return Ok(table);
        }
        if cursor.eat("comment") {
            table.comment = Some(cursor.quoted()?);
        } else if cursor.eat("chain") {
            let at = (place, table.chains.len());
            table.chains.push(chain(cursor, at, lines)?);
        } else if cursor.eat("set") {
            table.sets.push(set::set(cursor, false)?);
        } else if cursor.eat("map") {
            table.sets.push(set::set(cursor, true)?);
        } else {
            table.objects.push(object::object(cursor)?);
        }
    }
}

fn chain(
    cursor: &mut Cursor<'_>,
    (table, place): (usize, usize),
    lines: &mut BTreeMap<RulePlace, usize>,
) -> Result<Chain, NftError> {
    let mut chain = Chain::new(cursor.name()?);
    cursor.expect("{")?;
    loop {
        cursor.skip_ends();
        if cursor.eat("}") {
            return Ok(chain);
        }
        if cursor.eat("type") {
            chain.base = Some(object::base(cursor)?);
        } else if cursor.eat("policy") {
            let policy = cursor.choice("a policy", &Policy::WORDS)?;
            match &mut chain.base {
                Some(base) => base.policy = policy,
                None => return Err(cursor.unexpected("a policy after `type`")),
            }
        } else if chain.rules.is_empty() && chain.comment.is_none() && comment_alone(cursor) {
            cursor.expect("comment")?;
            chain.comment = Some(cursor.quoted()?);
        } else {
            let at = RulePlace {
                table,
                chain: place,
                rule: chain.rules.len(),
            };
            lines.insert(at, cursor.line());
            chain.rules.push(rule(cursor)?);
        }
    }
}

/// Whether a comment stands here that belongs to the chain. A rule that is only a comment does not exist in nft.
fn comment_alone(cursor: &Cursor<'_>) -> bool {
    cursor.ahead(0) == "comment"
}

fn rule(cursor: &mut Cursor<'_>) -> Result<Rule, NftError> {
    let mut rule = Rule::default();
    loop {
        if cursor.at_statement_end() {
            return Ok(rule);
        }
        if cursor.eat("comment") {
            rule.comment = Some(cursor.quoted()?);
            return Ok(rule);
        }
        rule.statements.push(statement::statement(cursor)?);
    }
}

#[cfg(test)]
mod tests;
