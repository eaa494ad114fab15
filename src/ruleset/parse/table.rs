//! Tables, named counters and named limits.

use super::cursor::Cursor;
use super::{Declaration, ParseError, chain, set, statement};
use crate::ruleset::{Ruleset, Table, TableFamily, TableKey};

/// Reads one table into a ruleset; one that is there already is added to.
pub(super) fn read(cursor: &mut Cursor<'_>, ruleset: &mut Ruleset) -> Result<(), ParseError> {
    cursor.expect_word("table")?;
    let family = cursor.word("a family: inet, ip, ip6 or arp", family)?;
    let position = cursor.position();
    let name = cursor.name("the name of a table")?;
    let key = TableKey { family, name };
    cursor.declarations.push(Declaration {
        table: key.clone(),
        name: None,
        position,
    });
    cursor.open()?;
    let table = ruleset.tables.entry(key).or_default();
    while !cursor.closes() {
        read_object(cursor, table)?;
    }
    Ok(())
}

fn read_object(cursor: &mut Cursor<'_>, table: &mut Table) -> Result<(), ParseError> {
    if cursor.eat_word("set") {
        set::read(cursor, table, set::Kind::Set)
    } else if cursor.eat_word("map") {
        set::read(cursor, table, set::Kind::Map)
    } else if cursor.eat_word("chain") {
        chain::read(cursor, table)
    } else if cursor.eat_word("counter") {
        read_counter(cursor, table)
    } else if cursor.eat_word("limit") {
        read_limit(cursor, table)
    } else {
        Err(cursor.expected("set, map, chain, counter, limit or `}`"))
    }
}

fn read_counter(cursor: &mut Cursor<'_>, table: &mut Table) -> Result<(), ParseError> {
    let name = cursor.declare("the name of a counter")?;
    cursor.open()?;
    let comment = table.counters.entry(name).or_default();
    while !cursor.closes() {
        if cursor.eat_word("comment") {
            *comment = Some(cursor.comment()?.to_owned());
        } else if !statement::eat_counter_values(cursor)? {
            return Err(cursor.expected("packets, comment or `}`"));
        }
        cursor.end_of_statement()?;
    }
    Ok(())
}

fn read_limit(cursor: &mut Cursor<'_>, table: &mut Table) -> Result<(), ParseError> {
    let position = cursor.position();
    let name = cursor.declare("the name of a limit")?;
    cursor.open()?;
    cursor.skip_separators();
    let limit = statement::limit(cursor)?;
    if !cursor.closes() {
        return Err(cursor.expected("`}`"));
    }
    match table.limits.insert(name, limit) {
        Some(other) if other != limit => Err(cursor.error(
            position,
            "a limit that is declared twice, each time differently",
        )),
        Some(_) | None => Ok(()),
    }
}

fn family(word: &str) -> Option<TableFamily> {
    let known = TableFamily::ALL
        .into_iter()
        .find(|(_, keyword, _)| *keyword == word);
    known.map(|(family, ..)| family)
}
