//! Elements of a dump back to keys and what belongs to them.

use std::time::Duration;

use super::element::{
    NFT_SET_ELEM_INTERVAL_END, NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_FLAGS, NFTA_SET_ELEM_KEY,
    NFTA_SET_ELEM_KEY_END, NFTA_SET_ELEM_OBJREF, NFTA_SET_ELEM_TIMEOUT, NFTA_SET_ELEM_USERDATA,
};
use super::expression::{read_value, read_verdict};
use super::shape::{Layout, Shape};
use super::{bits, userdata};
use crate::netlink::attribute::Reader;
use crate::ruleset::{Bytes, Element, ElementBody, ElementData, Elements, Key, Name};

/// The elements of one set as far as they were read.
#[derive(Debug)]
pub(crate) struct Reading {
    shape: Shape,
    /// The timeout of the set, which its elements need not repeat.
    timeout: Option<Duration>,
    elements: Elements,
    /// Boundaries of ranges: where, and what begins there; an end sorts before a start.
    boundaries: Vec<(Bytes, Option<Element>)>,
}

impl Reading {
    pub(crate) fn of(shape: Shape, timeout: Option<Duration>) -> Self {
        Self {
            shape,
            timeout,
            elements: Elements::new(),
            boundaries: Vec::new(),
        }
    }

    /// Reads one element; `None` where it is not understood.
    pub(crate) fn take(&mut self, element: Reader<'_>) -> Option<()> {
        let start = read_value(element.inside(NFTA_SET_ELEM_KEY))?;
        let flags = element.number(NFTA_SET_ELEM_FLAGS).unwrap_or(0);
        match self.shape.layout() {
            Layout::Plain => {
                let read = self.read(element)?;
                self.elements.insert(Key { start, end: None }, read);
            }
            Layout::Corners => {
                let last = read_value(element.inside(NFTA_SET_ELEM_KEY_END))?;
                let read = self.read(element)?;
                let key = self.shape.swap(&Key::range(&start, &last));
                self.elements.insert(key, read);
            }
            Layout::Ends if flags & NFT_SET_ELEM_INTERVAL_END != 0 => {
                self.boundaries.push((start, None));
            }
            Layout::Ends => {
                let read = self.read(element)?;
                self.boundaries.push((start, Some(read)));
            }
        }
        Some(())
    }

    /// All elements, ranges put together from their boundaries.
    pub(crate) fn finish(mut self) -> Option<Elements> {
        self.boundaries
            .sort_by(|(a, x), (b, y)| a.cmp(b).then(x.is_some().cmp(&y.is_some())));
        let mut open: Option<(Bytes, Element)> = None;
        for (at, beginning) in std::mem::take(&mut self.boundaries) {
            if let Some(range) = open.take() {
                self.insert(range, &bits::predecessor(&at)?);
            }
            open = beginning.map(|element| (at, element));
        }
        if let Some(range) = open {
            let last = Bytes::from_elem(0xff, range.0.len());
            self.insert(range, &last);
        }
        Some(self.elements)
    }

    fn insert(&mut self, (start, element): (Bytes, Element), last: &Bytes) {
        let key = self.shape.swap(&Key::range(&start, last));
        self.elements.insert(key, element);
    }

    fn read(&self, element: Reader<'_>) -> Option<Element> {
        let data = element.inside(NFTA_SET_ELEM_DATA);
        let data = match (
            element.text(NFTA_SET_ELEM_OBJREF),
            element.find(NFTA_SET_ELEM_DATA),
        ) {
            (Some(object), None) => ElementData::Object(Name::new(object).ok()?),
            (None, Some(_)) => match read_value(data) {
                Some(value) => ElementData::Value(value),
                None => ElementData::Verdict(read_verdict(data)?),
            },
            (None, None) => ElementData::None,
            (Some(_), Some(_)) => return None,
        };
        let timeout = element.long(NFTA_SET_ELEM_TIMEOUT).filter(|ms| *ms > 0);
        let comment = element
            .find(NFTA_SET_ELEM_USERDATA)
            .and_then(userdata::comment);
        let body = ElementBody {
            data,
            timeout: timeout
                .map(Duration::from_millis)
                .filter(|t| Some(*t) != self.timeout),
            comment: comment.map(Into::into),
        };
        Some(body.into())
    }
}
