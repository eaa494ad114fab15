//! What nft writes beside an object so that it can list it as it was typed: small tagged values.
//!
//! The kernel keeps these bytes and never reads them (libnftnl `udata.h`).

use super::element::RangeEnd;
use super::field::{Header, Standing, ct_number, fib_number, is_swapped, location, meta_number};
use super::lower::{AnonymousSet, Content};
use super::sayable;
use crate::ruleset::{Data, Datatype, Expression, Set};

/// Longest comment, `NFTNL_UDATA_COMMENT_MAXLEN` (libnftnl).
pub(crate) const COMMENT_BYTES_MAX: usize = 128;

/// The comment of a table, rule, chain, object or element: `NFTNL_UDATA_*_COMMENT`.
const COMMENT: u8 = 0;
/// `NFTNL_UDATA_SET_ELEM_FLAGS` and its one flag, `SET_ELEM_F_INTERVAL_OPEN` (libnftables).
const ELEMENT_FLAGS: u8 = 1;
const SET_ELEM_F_INTERVAL_OPEN: u32 = 1;

/// `NFTNL_UDATA_SET_*`.
const KEY_BYTEORDER: u8 = 0;
const DATA_BYTEORDER: u8 = 1;
const MERGE_ELEMENTS: u8 = 2;
const KEY_TYPEOF: u8 = 3;
const DATA_TYPEOF: u8 = 4;
const DATA_INTERVAL: u8 = 6;
const SET_COMMENT: u8 = 7;
/// `NFTNL_UDATA_SET_TYPEOF_EXPR` and `NFTNL_UDATA_SET_TYPEOF_DATA`.
const TYPEOF_EXPR: u8 = 0;
const TYPEOF_DATA: u8 = 1;

/// `enum byteorder` (libnftables `datatype.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrder {
    Invalid = 0,
    Host = 1,
    Network = 2,
}

/// `enum expr_types` (libnftables `expression.h`).
const EXPR_VERDICT: u32 = 1;
const EXPR_PAYLOAD: u32 = 7;
const EXPR_META: u32 = 9;
const EXPR_CT: u32 = 12;
const EXPR_CONCAT: u32 = 13;
const EXPR_FIB: u32 = 26;
/// A `ct` key that is the same in both directions.
const NO_DIRECTION: u32 = u32::MAX;

/// Tagged values: a type byte, a length byte, the value.
#[derive(Debug, Default)]
pub(crate) struct Userdata(pub(crate) Vec<u8>);

impl Userdata {
    fn raw(&mut self, kind: u8, value: &[u8]) {
        // Values are made here: numbers, nests of a few numbers, and comments of a checked length.
        self.0.push(kind);
        self.0.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        self.0.extend_from_slice(value);
    }

    fn number(&mut self, kind: u8, value: u32) {
        self.raw(kind, &value.to_ne_bytes());
    }

    fn text(&mut self, kind: u8, value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.raw(kind, &bytes);
    }

    fn nest(&mut self, kind: u8, content: impl FnOnce(&mut Self)) {
        let mut inside = Self::default();
        content(&mut inside);
        self.raw(kind, &inside.0);
    }

    fn type_of(&mut self, kind: u8, expression: u32, content: impl FnOnce(&mut Self)) {
        self.nest(kind, |w| {
            w.number(TYPEOF_EXPR, expression);
            w.nest(TYPEOF_DATA, content);
        });
    }
}

/// The userdata of a rule, a chain or an object: its comment.
pub(crate) fn of_comment(comment: &str) -> Vec<u8> {
    let mut w = Userdata::default();
    w.text(COMMENT, comment);
    w.0
}

/// The userdata of an element: its comment, and that its range ends with the last value, if it does.
pub(crate) fn of_element(comment: Option<&str>, end: RangeEnd) -> Vec<u8> {
    let mut w = Userdata::default();
    if let Some(comment) = comment {
        w.text(COMMENT, comment);
    }
    if end == RangeEnd::Open {
        w.number(ELEMENT_FLAGS, SET_ELEM_F_INTERVAL_OPEN);
    }
    w.0
}

/// The userdata of a set declared with `type`.
pub(crate) fn of_set(set: &Set) -> Vec<u8> {
    let mut w = Userdata::default();
    w.number(KEY_BYTEORDER, byteorder_of_types(&set.key) as u32);
    match &set.data {
        Some(Data::Value(types)) => w.number(DATA_BYTEORDER, byteorder_of_types(types) as u32),
        Some(Data::Verdict) => w.number(DATA_BYTEORDER, ByteOrder::Invalid as u32),
        Some(Data::Object(_)) | None => {}
    }
    if set.key.len() > 1 {
        w.type_of(KEY_TYPEOF, EXPR_CONCAT, |_| {});
    }
    if let Some(Data::Value(types)) = &set.data
        && types.len() > 1
    {
        w.type_of(DATA_TYPEOF, EXPR_CONCAT, |_| {});
    }
    if set.data.is_some() {
        w.number(DATA_INTERVAL, 0);
    }
    if let Some(comment) = &set.comment {
        w.text(SET_COMMENT, comment);
    }
    w.0
}

/// The userdata of an anonymous set, which has the type of what is looked up.
pub(crate) fn of_anonymous(set: &AnonymousSet) -> Vec<u8> {
    let mut w = Userdata::default();
    w.number(KEY_BYTEORDER, byteorder_of_expressions(set) as u32);
    match &set.content {
        Content::Keys(_) => {
            if set.is_interval() {
                w.number(MERGE_ELEMENTS, 1);
            }
            key_type(&mut w, set);
        }
        Content::Verdicts(_) => {
            w.number(DATA_BYTEORDER, ByteOrder::Invalid as u32);
            if set.key.len() > 1 {
                key_type(&mut w, set);
            }
            w.type_of(DATA_TYPEOF, EXPR_VERDICT, |_| {});
            w.number(DATA_INTERVAL, 0);
        }
    }
    w.0
}

fn key_type(w: &mut Userdata, set: &AnonymousSet) {
    match set.key.as_slice() {
        // A masked value is an expression that nft does not describe.
        [_] if set.masked => {}
        [single] => type_of_expression(w, KEY_TYPEOF, *single),
        many => {
            // Nor, except in a map, one whose byte order it changes, and those behind it.
            let swaps = matches!(set.content, Content::Keys(_)) && set.is_interval();
            let described = many
                .iter()
                .take_while(|field| !(swaps && is_swapped(**field, Standing::Concatenated)));
            w.type_of(KEY_TYPEOF, EXPR_CONCAT, |w| {
                for (index, field) in (0..).zip(described) {
                    type_of_expression(w, index, *field);
                }
            });
        }
    }
}

fn type_of_expression(w: &mut Userdata, kind: u8, expression: Expression) {
    let (number, values) = match expression {
        Expression::Payload(field) => {
            let place = location(field);
            (
                EXPR_PAYLOAD,
                [Some(header_number(place.header)), Some(place.template)],
            )
        }
        Expression::Meta(key) => (EXPR_META, [Some(meta_number(key)), None]),
        Expression::Ct(key) => (EXPR_CT, [Some(ct_number(key)), Some(NO_DIRECTION)]),
        Expression::Fib(flags, result) => {
            (EXPR_FIB, [Some(fib_number(result)), Some(flags.bits())])
        }
    };
    w.type_of(kind, number, |w| {
        for (index, value) in (0..).zip(values.into_iter().flatten()) {
            w.number(index, value);
        }
    });
}

fn header_number(header: Header) -> u32 {
    header as u32
}

/// The byte order that nft gives a type in its table of types.
fn byteorder_of_types(types: &[Datatype]) -> ByteOrder {
    match types {
        [Datatype::InetProto | Datatype::NfProto] => ByteOrder::Invalid,
        [Datatype::IfName | Datatype::PktType] => ByteOrder::Host,
        [single] if single.is_host_order() => ByteOrder::Host,
        [_] => ByteOrder::Network,
        _ => ByteOrder::Invalid,
    }
}

fn byteorder_of_expressions(set: &AnonymousSet) -> ByteOrder {
    let swaps = matches!(set.content, Content::Keys(_)) && set.is_interval();
    match set.key.as_slice() {
        [Expression::Payload(_)] => ByteOrder::Network,
        // Of one byte nft changes the order in name alone, and not in a map.
        [Expression::Meta(key)] if swaps && key.datatype().bytes() == 1 => ByteOrder::Network,
        [Expression::Meta(_) | Expression::Ct(_) | Expression::Fib(..)] => ByteOrder::Host,
        _ => ByteOrder::Invalid,
    }
}

/// A comment among tagged values, under one of two tags. One that nft could not print is none of
/// ours, and no packet reads it: it is as if it were not there.
fn find_text(mut bytes: &[u8], kind: u8) -> Option<String> {
    while let [found, length, rest @ ..] = bytes {
        let value = rest.get(..usize::from(*length))?;
        if *found == kind {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            let text = std::str::from_utf8(text).ok()?;
            return sayable::comment(text).then(|| text.to_owned());
        }
        bytes = &rest[value.len()..];
    }
    None
}

/// The comment of a rule, chain, object or element.
pub(crate) fn comment(bytes: &[u8]) -> Option<String> {
    find_text(bytes, COMMENT)
}

/// The comment of a set.
pub(crate) fn set_comment(bytes: &[u8]) -> Option<String> {
    find_text(bytes, SET_COMMENT)
}
