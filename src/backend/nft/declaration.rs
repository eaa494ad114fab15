//! The declaration of a set as attributes.

use super::expression::{milliseconds, object_type};
use super::lower::{AnonymousSet, Content};
use super::shape::{Layout, Shape};
use super::{expression, userdata};
use crate::netlink::attribute::Writer;
use crate::ruleset::{Data, Datatype, Set};

pub(crate) const NFTA_SET_NAME: u16 = 2;
pub(crate) const NFTA_SET_FLAGS: u16 = 3;
pub(crate) const NFTA_SET_KEY_TYPE: u16 = 4;
pub(crate) const NFTA_SET_KEY_LEN: u16 = 5;
pub(crate) const NFTA_SET_DATA_TYPE: u16 = 6;
pub(crate) const NFTA_SET_DATA_LEN: u16 = 7;
pub(crate) const NFTA_SET_DESC: u16 = 9;
pub(crate) const NFTA_SET_ID: u16 = 10;
pub(crate) const NFTA_SET_TIMEOUT: u16 = 11;
pub(crate) const NFTA_SET_USERDATA: u16 = 13;
pub(crate) const NFTA_SET_OBJ_TYPE: u16 = 15;
pub(crate) const NFTA_SET_EXPR: u16 = 17;
pub(crate) const NFTA_SET_DESC_SIZE: u16 = 1;
const NFTA_SET_DESC_CONCAT: u16 = 2;
const NFTA_SET_FIELD_LEN: u16 = 1;
const NFTA_LIST_ELEM: u16 = 1;

/// `NFT_SET_*` (linux/netfilter/nf_tables.h) that the declaration does not name itself.
pub(crate) const NFT_SET_ANONYMOUS: u32 = 0x1;
const NFT_SET_CONSTANT: u32 = 0x2;
const NFT_SET_INTERVAL: u32 = 0x4;
pub(crate) const NFT_SET_MAP: u32 = 0x8;
const NFT_SET_TIMEOUT: u32 = 0x10;
pub(crate) const NFT_SET_OBJECT: u32 = 0x40;
const NFT_SET_CONCAT: u32 = 0x80;
/// `NFT_DATA_VERDICT` (linux/netfilter/nf_tables.h).
pub(crate) const NFT_DATA_VERDICT: u32 = 0xffff_ff00;
/// Bits that a field takes in the type of a concatenation, `TYPE_BITS` (libnftables `datatype.h`).
pub(crate) const TYPE_BITS: u32 = 6;

/// Writes the declaration of a named set after the table's name.
pub(crate) fn write(w: &mut Writer, name: &str, set: &Set, id: u32) {
    w.text(NFTA_SET_NAME, name);
    w.number(NFTA_SET_FLAGS, flags(set));
    w.number(
        NFTA_SET_KEY_TYPE,
        type_number(set.key.iter().map(|t| t.facts().1)),
    );
    w.number(NFTA_SET_KEY_LEN, length(&set.key));
    match &set.data {
        Some(Data::Verdict) => verdict_data(w),
        Some(Data::Value(types)) => {
            w.number(
                NFTA_SET_DATA_TYPE,
                type_number(types.iter().map(|t| t.facts().1)),
            );
            w.number(NFTA_SET_DATA_LEN, length(types));
        }
        Some(Data::Object(kind)) => w.number(NFTA_SET_OBJ_TYPE, object_type(*kind)),
        None => {}
    }
    w.number(NFTA_SET_ID, id);
    description(w, set.size, &Shape::of(set));
    if let Some(timeout) = set.timeout {
        w.long(NFTA_SET_TIMEOUT, milliseconds(timeout));
    }
    w.raw(NFTA_SET_USERDATA, &userdata::of_set(set));
    if set.counted {
        w.nest(NFTA_SET_EXPR, |w| {
            expression::write(w, &super::instruction::Instruction::Counter, 0);
        });
    }
}

/// Writes the declaration of an anonymous set that will hold `size` elements.
pub(crate) fn write_anonymous(w: &mut Writer, set: &AnonymousSet, id: u32, size: u32) {
    let shape = Shape::of_anonymous(set);
    w.text(NFTA_SET_NAME, set.template());
    w.number(NFTA_SET_FLAGS, anonymous_flags(set));
    w.number(
        NFTA_SET_KEY_TYPE,
        type_number(set.key.iter().map(|e| e.datatype().facts().1)),
    );
    w.number(NFTA_SET_KEY_LEN, length(shape.key()));
    if matches!(set.content, Content::Verdicts(_)) {
        verdict_data(w);
    }
    w.number(NFTA_SET_ID, id);
    description(w, Some(size), &shape);
    w.raw(NFTA_SET_USERDATA, &userdata::of_anonymous(set));
}

fn verdict_data(w: &mut Writer) {
    w.number(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
    w.number(NFTA_SET_DATA_LEN, 0);
}

/// `NFTA_SET_FLAGS` of a set that lives and dies with its rule.
pub(crate) fn anonymous_flags(set: &AnonymousSet) -> u32 {
    let map = match set.content {
        Content::Keys(_) => 0,
        Content::Verdicts(_) => NFT_SET_MAP,
    };
    let shape = Shape::of_anonymous(set);
    NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | interval_flags(&shape) | map
}

/// `NFTA_SET_FLAGS` of a named set.
pub(crate) fn flags(set: &Set) -> u32 {
    let mut flags = set.flags.bits() | interval_flags(&Shape::of(set));
    if set.timeout.is_some() {
        flags |= NFT_SET_TIMEOUT;
    }
    flags
        | match &set.data {
            Some(Data::Verdict | Data::Value(_)) => NFT_SET_MAP,
            Some(Data::Object(_)) => NFT_SET_OBJECT,
            None => 0,
        }
}

fn interval_flags(shape: &Shape) -> u32 {
    match shape.layout() {
        Layout::Plain => 0,
        Layout::Ends => NFT_SET_INTERVAL,
        Layout::Corners => NFT_SET_INTERVAL | NFT_SET_CONCAT,
    }
}

/// `NFTA_SET_DESC`: the size, and the fields of a concatenation with ranges.
fn description(w: &mut Writer, size: Option<u32>, shape: &Shape) {
    let corners = shape.layout() == Layout::Corners;
    if size.is_none() && !corners {
        return;
    }
    w.nest(NFTA_SET_DESC, |w| {
        if let Some(size) = size {
            w.number(NFTA_SET_DESC_SIZE, size);
        }
        if corners {
            w.nest(NFTA_SET_DESC_CONCAT, |w| {
                for field in shape.key() {
                    w.nest(NFTA_LIST_ELEM, |w| {
                        w.number(NFTA_SET_FIELD_LEN, length(std::slice::from_ref(field)));
                    });
                }
            });
        }
    });
}

/// The types of a concatenation in one number, the first in the highest bits.
fn type_number(types: impl Iterator<Item = u32>) -> u32 {
    types.fold(0, |number, field| (number << TYPE_BITS) | field)
}

/// Bytes of a key: a single field as it is, the fields of a concatenation padded.
fn length(types: &[Datatype]) -> u32 {
    let bytes: usize = match types {
        [single] => single.bytes(),
        many => many.iter().map(|field| field.padded_bytes()).sum(),
    };
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
