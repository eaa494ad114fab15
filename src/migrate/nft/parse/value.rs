//! Values and items. What a word is shows in its form alone.

use std::net::IpAddr;

use super::super::{Data, Item, Value};
use super::cursor::{Cursor, NftError};
use super::statement::verdict;

/// A concatenation of items.
pub(super) fn items(cursor: &mut Cursor<'_>) -> Result<Vec<Item>, NftError> {
    let mut items = vec![item(cursor)?];
    while cursor.eat(".") {
        items.push(item(cursor)?);
    }
    Ok(items)
}

/// A value, a prefix or a range.
pub(super) fn item(cursor: &mut Cursor<'_>) -> Result<Item, NftError> {
    if cursor.at_quoted() {
        let first = Value::Text(cursor.quoted()?);
        // The range of two texts is `"08:00"-"18:00"`.
        if cursor.eat("-") {
            return Ok(Item::Range(first, Value::Text(cursor.quoted()?)));
        }
        return Ok(Item::One(first));
    }
    if cursor.ahead(0) == "(" {
        return Ok(Item::One(value(cursor)?));
    }
    cursor.word("a value").map(read_item)
}

/// A value that is no range.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Result<Value, NftError> {
    if cursor.at_quoted() {
        return cursor.quoted().map(Value::Text);
    }
    if !cursor.eat("(") {
        return cursor.word("a value").map(read_value);
    }
    let mut bits = vec![cursor.word("a bit")?.to_owned()];
    while cursor.eat("|") {
        bits.push(cursor.word("a bit")?.to_owned());
    }
    cursor.expect(")")?;
    Ok(Value::Bits(bits))
}

fn read_item(word: &str) -> Item {
    if let Some((address, length)) = word.split_once('/')
        && let (Ok(address), Ok(length)) = (address.parse(), length.parse())
    {
        return Item::Prefix(address, length);
    }
    if let Some((first, last)) = word.split_once('-') {
        let (first, last) = (read_value(first), read_value(last));
        let ends = [&first, &last];
        if ends.iter().all(|end| !matches!(end, Value::Word(_))) {
            return Item::Range(first, last);
        }
    }
    Item::One(read_value(word))
}

fn read_value(word: &str) -> Value {
    if let Some(hex) = word.strip_prefix("0x")
        && let Ok(number) = u64::from_str_radix(hex, 16)
    {
        return Value::Hex(number);
    }
    if let Some(mac) = read_mac(word) {
        return Value::Mac(mac);
    }
    let number = word.parse().map(Value::Number);
    let address = || word.parse::<IpAddr>().map(Value::Address);
    number
        .or_else(|_| address())
        .unwrap_or_else(|_| Value::word(word))
}

fn read_mac(word: &str) -> Option<[u8; 6]> {
    let bytes: Vec<_> = word.split(':').collect();
    if bytes.len() != 6 || bytes.iter().any(|byte| byte.len() != 2) {
        return None;
    }
    let bytes: Option<Vec<_>> = bytes
        .iter()
        .map(|b| u8::from_str_radix(b, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

/// What a map says.
pub(super) fn data(cursor: &mut Cursor<'_>) -> Result<Data, NftError> {
    match verdict(cursor)? {
        Some(verdict) => Ok(Data::Verdict(verdict)),
        None => items(cursor).map(Data::Items),
    }
}
