//! Named sets and maps.

use super::cursor::Cursor;
use super::expression::KEY_BYTES_MAX;
use super::lexer::Position;
use super::{ParseError, matching, statement, value};
use crate::ruleset::keyword::{self, SET_FLAGS};
use crate::ruleset::{Data, Datatype, Element, ElementData, Key, ObjectKind, Set, SetFlags, Table};

/// With which word a declaration begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `set`.
    Set,
    /// `map`.
    Map,
}

/// Reads one set or map into a table; one that is there already, declared the same, gets the elements.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    table: &mut Table,
    kind: Kind,
) -> Result<(), ParseError> {
    let position = cursor.position();
    let name = cursor.declare("the name of a set or map")?;
    cursor.open()?;
    let mut reader = Reader {
        kind,
        declared: None,
        first_range: None,
        first_timeout: None,
    };
    let mut set = Set::of(&[]);
    while !cursor.closes() {
        reader.read_line(cursor, &mut set)?;
        cursor.end_of_statement()?;
    }
    reader.check(cursor, position, &set)?;
    let Some(known) = table.sets.get_mut(&name) else {
        table.sets.insert(name, set);
        return Ok(());
    };
    merge(known, set).map_err(|message| cursor.error(position, message))
}

/// What is remembered of a set while its lines are read.
struct Reader {
    kind: Kind,
    declared: Option<Position>,
    first_range: Option<Position>,
    first_timeout: Option<Position>,
}

impl Reader {
    fn read_line(&mut self, cursor: &mut Cursor<'_>, set: &mut Set) -> Result<(), ParseError> {
        if self.declared.is_none() && cursor.eat_word("type") {
            self.declared = Some(cursor.position());
            self.read_type(cursor, set)
        } else if cursor.eat_word("flags") {
            read_flags(cursor, set)
        } else if cursor.eat_word("size") {
            set.size = Some(cursor.number("a number of elements, below 2^32")?);
            Ok(())
        } else if cursor.eat_word("timeout") {
            set.timeout = Some(cursor.duration()?);
            set.flags |= SetFlags::TIMEOUT;
            Ok(())
        } else if cursor.eat_word("counter") {
            set.counted = true;
            Ok(())
        } else if cursor.eat_word("comment") {
            set.comment = Some(cursor.comment()?.to_owned());
            Ok(())
        } else if self.declared.is_some() && cursor.eat_word("elements") {
            cursor.expect("=")?;
            self.read_elements(cursor, set)
        } else {
            let after_type = "flags, size, timeout, counter, comment, elements or `}`";
            Err(cursor.expected(&format!("type once, then {after_type}")))
        }
    }

    fn read_type(&self, cursor: &mut Cursor<'_>, set: &mut Set) -> Result<(), ParseError> {
        let position = cursor.position();
        set.key = read_types(cursor)?;
        let bytes: usize = set.key.iter().map(|datatype| datatype.padded_bytes()).sum();
        if bytes > KEY_BYTES_MAX {
            let message = format!("a key of {bytes} bytes: at most {KEY_BYTES_MAX}");
            return Err(cursor.error(position, message));
        }
        match self.kind {
            Kind::Set => Ok(()),
            Kind::Map => {
                cursor.expect(":")?;
                set.data = Some(read_data(cursor)?);
                Ok(())
            }
        }
    }

    fn read_elements(&mut self, cursor: &mut Cursor<'_>, set: &mut Set) -> Result<(), ParseError> {
        matching::read_list(cursor, |cursor| {
            let position = cursor.position();
            let (key, element) = read_element(cursor, set)?;
            if key.end.is_some() {
                self.first_range.get_or_insert(position);
            }
            if element.timeout.is_some() {
                self.first_timeout.get_or_insert(position);
            }
            insert(set, key, element).map_err(|message| cursor.error(position, message))
        })
    }

    /// What can only be said once every line is read.
    fn check(&self, cursor: &Cursor<'_>, position: Position, set: &Set) -> Result<(), ParseError> {
        let Some(declared) = self.declared else {
            return Err(cursor.error(position, "a set or map without `type`"));
        };
        let interval = set.flags.contains(SetFlags::INTERVAL);
        if let (Some(range), false) = (self.first_range, interval) {
            return Err(cursor.error(range, "a range or prefix in a set without `flags interval`"));
        }
        if let (Some(element), false) = (self.first_timeout, set.flags.contains(SetFlags::TIMEOUT))
        {
            return Err(cursor.error(element, "a timeout in a set without `flags timeout`"));
        }
        // nft keeps such keys in another byte order than everywhere else.
        let host_order = set.key.iter().find(|datatype| datatype.is_host_order());
        if let (true, Some(datatype)) = (interval, host_order) {
            let keyword = datatype.keyword();
            return Err(cursor.error(
                declared,
                format!("{keyword} in a set with `flags interval`"),
            ));
        }
        Ok(())
    }
}

fn read_types(cursor: &mut Cursor<'_>) -> Result<Vec<Datatype>, ParseError> {
    let mut types = vec![read_datatype(cursor)?];
    while cursor.eat(".") {
        types.push(read_datatype(cursor)?);
    }
    Ok(types)
}

fn read_datatype(cursor: &mut Cursor<'_>) -> Result<Datatype, ParseError> {
    let keywords = Datatype::ALL.map(Datatype::keyword);
    cursor.word(&format!("a type: {}", keywords.join(", ")), |word| {
        Datatype::ALL
            .into_iter()
            .find(|datatype| datatype.keyword() == word)
    })
}

fn read_data(cursor: &mut Cursor<'_>) -> Result<Data, ParseError> {
    if cursor.eat_word("verdict") {
        Ok(Data::Verdict)
    } else if cursor.eat_word("counter") {
        Ok(Data::Object(ObjectKind::Counter))
    } else if cursor.eat_word("limit") {
        Ok(Data::Object(ObjectKind::Limit))
    } else {
        read_types(cursor).map(Data::Value)
    }
}

fn read_flags(cursor: &mut Cursor<'_>, set: &mut Set) -> Result<(), ParseError> {
    loop {
        set.flags |= cursor.word("constant, dynamic, interval or timeout", |word| {
            keyword::value(&SET_FLAGS, word)
        })?;
        if !cursor.eat(",") {
            return Ok(());
        }
    }
}

fn read_element(cursor: &mut Cursor<'_>, set: &Set) -> Result<(Key, Element), ParseError> {
    let key = value::key(cursor, &set.key)?;
    let mut element = Element::default();
    loop {
        if cursor.eat_word("timeout") {
            element.timeout = Some(cursor.duration()?);
        } else if cursor.eat_word("expires") {
            // How much of the timeout is left is the kernel's.
            cursor.duration()?;
        } else if cursor.eat_word("counter") {
            statement::eat_counter_values(cursor)?;
        } else if cursor.eat_word("comment") {
            element.comment = Some(cursor.comment()?.into());
        } else {
            break;
        }
    }
    if let Some(data) = &set.data {
        cursor.expect(":")?;
        element.data = read_element_data(cursor, data)?;
    }
    Ok((key, element))
}

fn read_element_data(cursor: &mut Cursor<'_>, data: &Data) -> Result<ElementData, ParseError> {
    match data {
        Data::Verdict => statement::verdict(cursor).map(ElementData::Verdict),
        Data::Object(_) => cursor
            .name("the name of an object")
            .map(ElementData::Object),
        Data::Value(types) => {
            let position = cursor.position();
            let value = value::key(cursor, types)?;
            if value.end.is_some() {
                return Err(cursor.error(position, "a range or prefix as the value of a map"));
            }
            Ok(ElementData::Value(value.start))
        }
    }
}

/// Adds an element; the same one twice is one.
fn insert(set: &mut Set, key: Key, element: Element) -> Result<(), &'static str> {
    match set.elements.get(&key) {
        Some(other) if *other != element => Err("a key that stands twice, each time differently"),
        Some(_) => Ok(()),
        None => {
            set.elements.insert(key, element);
            Ok(())
        }
    }
}

fn merge(known: &mut Set, mut set: Set) -> Result<(), &'static str> {
    let added = std::mem::take(&mut set.elements);
    let present = std::mem::take(&mut known.elements);
    if *known != set {
        return Err("a set or map that is declared twice, each time differently");
    }
    known.elements = present;
    added
        .into_iter()
        .try_for_each(|(key, element)| insert(known, key, element))
}
