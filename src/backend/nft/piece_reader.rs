//! Compared header bytes back to the fields that they are.

use super::dependency::ether_type;
use super::field::Location;
use super::instruction::Base;
use crate::net::Family;
use crate::ruleset::{Bytes, Datatype, Key, PayloadField};

/// What a piece of compared bytes is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// `ether type`, which only lowering writes.
    EtherType(Family),
    /// A field, and the value or prefix that it is compared with.
    Field(PayloadField, Key),
}

/// Takes compared bytes apart; `None` where a field is not known.
pub(crate) fn parts(
    known: impl Iterator<Item = (PayloadField, Location)>,
    base: Base,
    mut offset: u32,
    mut value: &[u8],
) -> Option<Vec<Part>> {
    let known: Vec<(PayloadField, Location)> = known.collect();
    let mut parts = Vec::new();
    while !value.is_empty() {
        let part = ether_part(base, offset, value).or_else(|| field_part(&known, offset, value))?;
        let (part, taken) = part;
        value = &value[taken..];
        offset += u32::try_from(taken).ok()?;
        parts.push(part);
    }
    Some(parts)
}

fn ether_part(base: Base, offset: u32, value: &[u8]) -> Option<(Part, usize)> {
    Family::ALL.into_iter().find_map(|family| {
        let (at_base, at, bytes) = ether_type(family);
        let here = (at_base, at) == (base, offset) && value.starts_with(&bytes);
        here.then_some((Part::EtherType(family), bytes.len()))
    })
}

fn field_part(
    known: &[(PayloadField, Location)],
    offset: u32,
    value: &[u8],
) -> Option<(Part, usize)> {
    let (field, place) = known.iter().find(|(_, place)| place.offset == offset)?;
    let length = usize::try_from(place.length).ok()?;
    if value.len() >= length {
        return Some((Part::Field(*field, Key::value(&value[..length])), length));
    }
    let address = [Datatype::Ipv4Addr, Datatype::Ipv6Addr].contains(&field.datatype());
    let (mut first, mut last) = (Bytes::from_slice(value), Bytes::from_slice(value));
    first.resize(length, 0);
    last.resize(length, 0xff);
    address.then(|| (Part::Field(*field, Key::range(&first, &last)), value.len()))
}
