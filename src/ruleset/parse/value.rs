//! Values and keys, read by their data types.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::ParseError;
use super::cursor::Cursor;
use super::lexer::Token;
use crate::net::{Cidr, InterfaceName, MacAddress, decimal};
use crate::ruleset::key::{KeyBuilder, interface_bytes};
use crate::ruleset::{Bytes, Datatype, Key, symbol};

/// First and last bytes of a field; equal for a single value.
type Bounds = (Bytes, Bytes);

/// Reads a key of these types: a value, a prefix or a range for each, with ` . ` between them.
pub(super) fn key(cursor: &mut Cursor<'_>, types: &[Datatype]) -> Result<Key, ParseError> {
    if let [datatype] = types {
        let (first, last) = field(cursor, *datatype)?;
        return Ok(Key::range(&first, &last));
    }
    let mut builder = KeyBuilder::default();
    for (position, datatype) in types.iter().enumerate() {
        if position > 0 {
            cursor.expect(".")?;
        }
        let (first, last) = field(cursor, *datatype)?;
        builder = builder.range(&first, &last);
    }
    Ok(builder.build())
}

/// Reads a single value of a type; bits of a bitmask stand with `|` between them.
pub(super) fn value(cursor: &mut Cursor<'_>, datatype: Datatype) -> Result<Bytes, ParseError> {
    let mut value = one(cursor, datatype)?;
    while symbol::is_bitmask(datatype) && cursor.eat("|") {
        combine(&mut value, &one(cursor, datatype)?);
    }
    Ok(value)
}

/// Reads bits with commas between them.
pub(super) fn bits(cursor: &mut Cursor<'_>, datatype: Datatype) -> Result<Bytes, ParseError> {
    let mut bits = one(cursor, datatype)?;
    while cursor.eat(",") {
        combine(&mut bits, &one(cursor, datatype)?);
    }
    Ok(bits)
}

/// A number in the bytes of a type; nothing if it is too large for it.
pub(super) fn number_bytes(datatype: Datatype, number: u32) -> Option<Bytes> {
    if datatype.is_host_order() {
        return Some(Bytes::from_slice(&number.to_ne_bytes()));
    }
    let bytes = number.to_be_bytes();
    let (above, low) = bytes.split_at_checked(bytes.len().checked_sub(datatype.bytes())?)?;
    above
        .iter()
        .all(|byte| *byte == 0)
        .then(|| Bytes::from_slice(low))
}

/// Reads a number, decimal or with `0x`.
pub(super) fn integer(word: &str) -> Option<u32> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16).ok()
        }
        Some(_) => None,
        None => decimal(word),
    }
}

/// What may stand for a value of the type.
pub(super) fn allowed(datatype: Datatype) -> String {
    let form = match datatype {
        Datatype::Ipv4Addr => "an IPv4 address, a prefix or a range",
        Datatype::Ipv6Addr => "an IPv6 address, a prefix or a range",
        Datatype::EtherAddr => "an Ethernet address",
        Datatype::IfName => "an interface name in quotes, or the beginning of one and `*`",
        Datatype::InetService => "a port or a range of ports",
        Datatype::Mark => "a mark",
        Datatype::IfIndex => "an interface index, or \"lo\"",
        Datatype::InetProto => "a protocol",
        Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::NfProto
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag => {
            let names: Vec<&str> = symbol::symbols(datatype)
                .iter()
                .map(|(name, _)| *name)
                .collect();
            return format!("{}: a number or {}", datatype.keyword(), names.join(", "));
        }
    };
    form.to_owned()
}

fn field(cursor: &mut Cursor<'_>, datatype: Datatype) -> Result<Bounds, ParseError> {
    if datatype == Datatype::IfName {
        return interface(cursor);
    }
    if let Token::Word(word) = cursor.peek()
        && let Some(bounds) = prefix(datatype, word).or_else(|| range(datatype, word))
    {
        cursor.advance();
        return Ok(bounds);
    }
    let first = value(cursor, datatype)?;
    if datatype.is_ordered() && cursor.eat("-") {
        let position = cursor.position();
        let last = one(cursor, datatype)?;
        if last < first {
            return Err(cursor.error(position, "a range whose end lies before its beginning"));
        }
        return Ok((first, last));
    }
    Ok((first.clone(), first))
}

fn one(cursor: &mut Cursor<'_>, datatype: Datatype) -> Result<Bytes, ParseError> {
    if datatype == Datatype::IfName {
        let position = cursor.position();
        let (first, last) = interface(cursor)?;
        if first != last {
            return Err(cursor.error(position, "a wildcard where one value is expected"));
        }
        return Ok(first);
    }
    if let Token::Quoted(name) = cursor.peek()
        && let Some(index) = symbol::number(Datatype::IfIndex, name)
        && datatype == Datatype::IfIndex
    {
        cursor.advance();
        return Ok(Bytes::from_slice(&index.to_ne_bytes()));
    }
    cursor.word(&allowed(datatype), |word| value_of(datatype, word))
}

/// The bytes of a word that is a single value of the type.
fn value_of(datatype: Datatype, word: &str) -> Option<Bytes> {
    match datatype {
        Datatype::Ipv4Addr => word
            .parse::<Ipv4Addr>()
            .ok()
            .map(|address| Bytes::from_slice(&address.octets())),
        Datatype::Ipv6Addr => word
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| Bytes::from_slice(&address.octets())),
        Datatype::EtherAddr => word
            .parse::<MacAddress>()
            .ok()
            .map(|mac| Bytes::from_slice(&mac.0)),
        Datatype::IfName => word
            .parse::<InterfaceName>()
            .ok()
            .map(|name| interface_of(&name)),
        Datatype::InetProto
        | Datatype::InetService
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::Mark
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag => {
            let number = symbol::number(datatype, word).or_else(|| integer(word))?;
            number_bytes(datatype, number)
        }
    }
}

/// `10.0.0.0/8`.
fn prefix(datatype: Datatype, word: &str) -> Option<Bounds> {
    if !matches!(datatype, Datatype::Ipv4Addr | Datatype::Ipv6Addr) || !word.contains('/') {
        return None;
    }
    let (first, last) = word.parse::<Cidr>().ok()?.bounds();
    (first.len() == datatype.bytes()).then_some((first, last))
}

/// `1-5`. A dash may also stand in a name, so every dash is tried.
fn range(datatype: Datatype, word: &str) -> Option<Bounds> {
    if !datatype.is_ordered() || value_of(datatype, word).is_some() {
        return None;
    }
    let mut dashes = word.match_indices('-').take(RANGE_DASHES_MAX);
    dashes.find_map(|(at, _)| {
        let first = value_of(datatype, &word[..at])?;
        let last = value_of(datatype, &word[at + 1..])?;
        (first <= last).then_some((first, last))
    })
}

/// More dashes than two names and a range have.
const RANGE_DASHES_MAX: usize = 8;

/// `"eth0"`, or `"tap*"`: every name that begins so.
fn interface(cursor: &mut Cursor<'_>) -> Result<Bounds, ParseError> {
    let text = match cursor.peek() {
        Token::Quoted(text) | Token::Word(text) => text,
        Token::Mark(_) | Token::Newline | Token::End => "",
    };
    let Ok(name) = text
        .strip_suffix('*')
        .unwrap_or(text)
        .parse::<InterfaceName>()
    else {
        return Err(cursor.expected(&allowed(Datatype::IfName)));
    };
    cursor.advance();
    let first = interface_of(&name);
    let mut last = first.clone();
    if text.ends_with('*') {
        last[name.as_str().len()..].fill(0xff);
    }
    Ok((first, last))
}

fn interface_of(name: &InterfaceName) -> Bytes {
    Bytes::from_slice(&interface_bytes(name.as_str()))
}

fn combine(bits: &mut Bytes, more: &[u8]) {
    for (byte, more) in bits.iter_mut().zip(more) {
        *byte |= more;
    }
}
