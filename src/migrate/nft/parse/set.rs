//! Sets, maps and their elements.

use super::super::{Element, Set, SetKind};
use super::cursor::{Cursor, NftError};
use super::statement::statement;
use super::value::{data, items};

/// A set or a map, from its name on.
pub(super) fn set(cursor: &mut Cursor<'_>, is_map: bool) -> Result<Set, NftError> {
    let mut set = Set::new(cursor.name()?, Vec::new());
    cursor.expect("{")?;
    loop {
        cursor.skip_ends();
        if cursor.eat("}") {
            return Ok(set);
        }
        if cursor.eat("type") {
            set.key = types(cursor)?;
            if is_map {
                cursor.expect(":")?;
                set.kind = match types(cursor)? {
                    data if data == ["verdict"] => SetKind::VerdictMap,
                    data => SetKind::Map(data),
                };
            }
        } else {
            property(cursor, &mut set)?;
        }
    }
}

fn property(cursor: &mut Cursor<'_>, set: &mut Set) -> Result<(), NftError> {
    if cursor.eat("flags") {
        return flags(cursor, set);
    }
    if cursor.eat("auto-merge") {
        set.auto_merge = true;
    } else if cursor.eat("timeout") {
        set.timeout = Some(cursor.time()?);
    } else if cursor.eat("gc-interval") {
        set.gc_interval = Some(cursor.time()?);
    } else if cursor.eat("size") {
        set.size = Some(cursor.number()?);
    } else if cursor.eat("comment") {
        set.comment = Some(cursor.quoted()?);
    } else if cursor.eat("elements") {
        cursor.expect("=")?;
        set.elements = elements(cursor)?;
    } else {
        set.statements.push(statement(cursor)?);
    }
    Ok(())
}

fn flags(cursor: &mut Cursor<'_>, set: &mut Set) -> Result<(), NftError> {
    loop {
        match cursor.word("a flag")? {
            "interval" => set.interval = true,
            "dynamic" => set.dynamic = true,
            "timeout" => set.timeouts = true,
            _ => return Err(cursor.unexpected("a flag: interval, dynamic, timeout")),
        }
        if !cursor.eat(",") {
            return Ok(());
        }
    }
}

fn types(cursor: &mut Cursor<'_>) -> Result<Vec<String>, NftError> {
    let mut types = vec![cursor.word("a type")?.to_owned()];
    while cursor.eat(".") {
        types.push(cursor.word("a type")?.to_owned());
    }
    Ok(types)
}

/// `{ a, b }`.
pub(super) fn elements(cursor: &mut Cursor<'_>) -> Result<Vec<Element>, NftError> {
    cursor.expect("{")?;
    let mut elements = Vec::new();
    loop {
        cursor.skip_lines();
        if cursor.eat("}") {
            return Ok(elements);
        }
        elements.push(element(cursor)?);
        cursor.skip_lines();
        if !cursor.eat(",") && cursor.ahead(0) != "}" {
            return Err(cursor.unexpected("`,` or `}`"));
        }
    }
}

/// One element, with the data of a map.
pub(super) fn element(cursor: &mut Cursor<'_>) -> Result<Element, NftError> {
    let mut element = Element::new(items(cursor)?);
    loop {
        if cursor.eat("timeout") {
            element.timeout = Some(cursor.time()?);
        } else if cursor.eat("expires") {
            element.expires = Some(cursor.time()?);
        } else if cursor.eat("comment") {
            element.comment = Some(cursor.quoted()?);
        } else if cursor.eat("counter") {
            cursor.expect("packets")?;
            let packets = cursor.number()?;
            cursor.expect("bytes")?;
            element.counter = Some((packets, cursor.number()?));
        } else if cursor.eat(":") {
            element.data = Some(data(cursor)?);
            return Ok(element);
        } else {
            return Ok(element);
        }
    }
}
