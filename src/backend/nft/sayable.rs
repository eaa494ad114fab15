//! What can be said in our types. The kernel takes more than that from others: keys of any length under
//! any type, texts without an end. Such a thing in our table is foreign, and no value is made of it.

use crate::net::InterfaceName;
use crate::ruleset::{
    Data, Datatype, Element, ElementData, Expression, Key, Limit, MarkSource, Match, Operand, Set,
    SetFlags, Statement, VmapSource, symbol,
};

/// Most bytes of a key, `NFT_DATA_VALUE_MAXLEN` (linux/netfilter/nf_tables.h).
const KEY_BYTES_MAX: usize = 64;
/// Most bytes of a comment, `NFTNL_UDATA_COMMENT_MAXLEN` (libnftnl udata.h).
const COMMENT_BYTES_MAX: usize = 128;
/// Most bytes of a log prefix, `NF_LOG_PREFIXLEN - 1` (linux/netfilter/nf_log.h).
const LOG_PREFIX_BYTES_MAX: usize = 127;

/// Whether a text can stand in quotes behind `comment`.
pub(crate) fn comment(text: &str) -> bool {
    text.len() <= COMMENT_BYTES_MAX && quoted(text)
}

fn quoted(text: &str) -> bool {
    !text.contains(|c: char| c == '"' || c.is_control())
}

/// Whether a set is one of ours, with all that is in it.
pub(crate) fn set(set: &Set) -> bool {
    let interval = set.flags.contains(SetFlags::INTERVAL);
    let ages = set.flags.contains(SetFlags::TIMEOUT);
    let host_order = set.key.iter().any(|datatype| datatype.is_host_order());
    let data = match &set.data {
        Some(Data::Value(types)) => is_key(types),
        Some(Data::Verdict | Data::Object(_)) | None => true,
    };
    let fits = |(key, element): (&Key, &Element)| {
        is_of(&set.key, key)
            && (ages || element.timeout.is_none())
            && carries(set.data.as_ref(), &element.data)
    };
    is_key(&set.key)
        && data
        && !(interval && host_order)
        && (ages || set.timeout.is_none())
        && set.elements.iter().all(fits)
}

fn carries(declared: Option<&Data>, data: &ElementData) -> bool {
    match (declared, data) {
        (None, ElementData::None)
        | (Some(Data::Verdict), ElementData::Verdict(_))
        | (Some(Data::Object(_)), ElementData::Object(_)) => true,
        (Some(Data::Value(types)), ElementData::Value(value)) => is_of(types, &Key::value(value)),
        (
            None | Some(Data::Verdict | Data::Object(_) | Data::Value(_)),
            ElementData::None
            | ElementData::Verdict(_)
            | ElementData::Object(_)
            | ElementData::Value(_),
        ) => false,
    }
}

/// Whether a statement is one of ours.
pub(crate) fn statement(statement: &Statement) -> bool {
    match statement {
        Statement::Match(test) => is_match(test),
        Statement::Vmap { key, map } => {
            let types = datatypes(key);
            is_key(&types)
                && match map {
                    VmapSource::Named(_) => true,
                    VmapSource::Anonymous(map) => are_of(&types, map.keys()),
                }
        }
        Statement::CounterMap { key, .. } | Statement::SetMark(MarkSource::Map { key, .. }) => {
            is_key(&datatypes(key))
        }
        Statement::Dynamic { key, limit, .. } => {
            is_key(&datatypes(key)) && limit.as_ref().is_none_or(is_limit)
        }
        Statement::Limit(limit) => is_limit(limit),
        Statement::Log { prefix, .. } => prefix.as_deref().is_none_or(|prefix| {
            prefix.len() <= LOG_PREFIX_BYTES_MAX && quoted(prefix) && !prefix.contains('$')
        }),
        Statement::Verdict(_)
        | Statement::Counter
        | Statement::NamedCounter(_)
        | Statement::NamedLimit(_)
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(MarkSource::Bits { .. }) => true,
    }
}

/// Whether a limit lets anything pass.
pub(crate) fn is_limit(limit: &Limit) -> bool {
    limit.rate > 0
}

fn is_match(test: &Match) -> bool {
    let types = datatypes(&test.left);
    let single = match types.as_slice() {
        [single] => Some(*single),
        _ => None,
    };
    let masked = match (&test.mask, single) {
        (Some(mask), Some(single)) => is_of(&[single], &Key::value(mask)),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let right = match &test.right {
        Operand::Key(key) => {
            single.is_some() && is_of(&types, key) && (test.mask.is_none() || key.end.is_none())
        }
        Operand::AnyBit(bits) => {
            single.is_some_and(symbol::is_bitmask) && is_of(&types, &Key::value(bits))
        }
        Operand::Set(_) => true,
        Operand::Anonymous(keys) => are_of(&types, keys.iter()),
    };
    is_key(&types) && masked && right
}

fn datatypes(expressions: &[Expression]) -> Vec<Datatype> {
    expressions.iter().map(|one| one.datatype()).collect()
}

/// Whether values of these types make a key that the kernel can hold.
fn is_key(types: &[Datatype]) -> bool {
    let bytes: usize = types.iter().map(|datatype| datatype.padded_bytes()).sum();
    (1..=KEY_BYTES_MAX).contains(&bytes)
}

fn are_of<'a>(types: &[Datatype], mut keys: impl ExactSizeIterator<Item = &'a Key>) -> bool {
    keys.len() > 0 && keys.all(|key| is_of(types, key))
}

/// Whether a key has a value or a range of each of these types, and nothing else.
fn is_of(types: &[Datatype], key: &Key) -> bool {
    let (mut firsts, mut lasts) = (key.start.as_slice(), key.last().as_slice());
    let fits = types.iter().all(|&datatype| {
        let width = match types {
            [single] => single.bytes(),
            _ => datatype.padded_bytes(),
        };
        let first = cut(&mut firsts, datatype.bytes(), width);
        let last = cut(&mut lasts, datatype.bytes(), width);
        let fits = first.zip(last);
        fits.is_some_and(|(first, last)| is_field(datatype, first, last))
    });
    fits && firsts.is_empty() && lasts.is_empty()
}

/// Takes a value off the bytes of a key, with the zeros that fill its width.
fn cut<'a>(rest: &mut &'a [u8], bytes: usize, width: usize) -> Option<&'a [u8]> {
    let (field, behind) = rest.split_at_checked(width)?;
    let (value, padding) = field.split_at_checked(bytes)?;
    *rest = behind;
    padding.iter().all(|byte| *byte == 0).then_some(value)
}

fn is_field(datatype: Datatype, first: &[u8], last: &[u8]) -> bool {
    if datatype == Datatype::IfName {
        return is_name(first, last);
    }
    first == last || (datatype.is_ordered() && first < last)
}

/// Whether bytes are the name of an interface with zeros after it, or all names that begin so.
fn is_name(first: &[u8], last: &[u8]) -> bool {
    let end = first.iter().position(|byte| *byte == 0);
    let (name, rest) = first.split_at(end.unwrap_or(first.len()));
    let last = last.strip_prefix(name).unwrap_or_default();
    let whole = rest == last;
    let wildcard = last.iter().all(|byte| *byte == 0xff);
    std::str::from_utf8(name).is_ok_and(|name| name.parse::<InterfaceName>().is_ok())
        && rest.iter().all(|byte| *byte == 0)
        && last.len() == rest.len()
        && (whole || wildcard)
}
