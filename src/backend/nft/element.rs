//! Elements of sets as attributes: plain keys, ends of ranges, corners of boxes.

use super::bits;
use super::expression::{NFTA_DATA_VALUE, milliseconds, value, verdict};
use super::shape::{Layout, Shape};
use super::userdata;
use crate::netlink::attribute::Writer;
use crate::ruleset::{Bytes, Element, ElementData, Key};

/// `NFTA_LIST_ELEM` (linux/netfilter/nf_tables.h).
const NFTA_LIST_ELEM: u16 = 1;
pub(crate) const NFTA_SET_ELEM_KEY: u16 = 1;
pub(crate) const NFTA_SET_ELEM_DATA: u16 = 2;
pub(crate) const NFTA_SET_ELEM_FLAGS: u16 = 3;
pub(crate) const NFTA_SET_ELEM_TIMEOUT: u16 = 4;
pub(crate) const NFTA_SET_ELEM_USERDATA: u16 = 6;
pub(crate) const NFTA_SET_ELEM_OBJREF: u16 = 9;
pub(crate) const NFTA_SET_ELEM_KEY_END: u16 = 10;
pub(crate) const NFT_SET_ELEM_INTERVAL_END: u32 = 1;

/// Where the range that an element begins ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeEnd {
    /// Where another element or another key says; a single key is its own end.
    Told,
    /// With the last value of all, behind which nothing could say it.
    Open,
}

impl RangeEnd {
    /// The end of a range by the value that follows it.
    pub(crate) fn before(next: Option<&Bytes>) -> Self {
        next.map_or(Self::Open, |_| Self::Told)
    }
}

/// Writes a plain key that has nothing beside it, what most elements of large sets are, as [`write`]
/// would: its lengths are known beforehand.
#[inline]
pub(crate) fn write_bare(w: &mut Writer, key: &Key) {
    let kinds = [NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE];
    w.wrapped(kinds, &key.start);
}

/// Writes one element, which in a set of ranges becomes two.
pub(crate) fn write(w: &mut Writer, shape: &Shape, key: &Key, element: &Element) {
    match shape.layout() {
        Layout::Plain => w.nest(NFTA_LIST_ELEM, |w| {
            body(w, &key.start, None, element, RangeEnd::Told)
        }),
        Layout::Ends => {
            let range = shape.swap(key);
            let end = bits::successor(range.last());
            w.nest(NFTA_LIST_ELEM, |w| {
                body(
                    w,
                    &range.start,
                    None,
                    element,
                    RangeEnd::before(end.as_ref()),
                );
            });
            if let Some(end) = end {
                write_end(w, &end);
            }
        }
        Layout::Corners => {
            let range = shape.swap(key);
            let last = Some(range.last());
            w.nest(NFTA_LIST_ELEM, |w| {
                body(w, &range.start, last, element, RangeEnd::Told)
            });
        }
    }
}

/// Writes the end of a range: the first value that is not in it.
pub(crate) fn write_end(w: &mut Writer, end: &[u8]) {
    w.nest(NFTA_LIST_ELEM, |w| {
        w.number(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
        value(w, NFTA_SET_ELEM_KEY, end);
    });
}

/// Writes the beginning of a range alone; another range follows it at once.
pub(crate) fn write_start(w: &mut Writer, start: &Bytes, element: &Element, end: RangeEnd) {
    w.nest(NFTA_LIST_ELEM, |w| body(w, start, None, element, end));
}

fn body(w: &mut Writer, start: &[u8], last: Option<&Bytes>, element: &Element, end: RangeEnd) {
    if let Some(timeout) = element.timeout {
        w.long(NFTA_SET_ELEM_TIMEOUT, milliseconds(timeout));
    }
    value(w, NFTA_SET_ELEM_KEY, start);
    if let Some(last) = last {
        value(w, NFTA_SET_ELEM_KEY_END, last);
    }
    match &element.data {
        ElementData::None => {}
        ElementData::Verdict(target) => verdict(w, NFTA_SET_ELEM_DATA, target),
        ElementData::Value(bytes) => value(w, NFTA_SET_ELEM_DATA, bytes),
        ElementData::Object(name) => w.text(NFTA_SET_ELEM_OBJREF, name.as_str()),
    }
    if element.comment.is_some() || end == RangeEnd::Open {
        let comment = element.comment.as_deref();
        w.raw(NFTA_SET_ELEM_USERDATA, &userdata::of_element(comment, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::{Datatype, Set};

    #[test]
    fn a_bare_key_is_written_as_any_other() {
        for bytes in 1..=20 {
            let key = Key::value(&vec![7; bytes]);
            let [mut short, mut long] = [Writer::default(), Writer::default()];
            write_bare(&mut short, &key);
            let shape = Shape::of(&Set::of(&[Datatype::Ipv4Addr]));
            write(&mut long, &shape, &key, &Element::default());
            assert_eq!(short.bytes, long.bytes);
        }
    }
}
