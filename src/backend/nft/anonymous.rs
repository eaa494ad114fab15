//! The elements of anonymous sets, in the form in which nft sends them.

use super::bits;
use super::element::{self, RangeEnd};
use super::lower::{AnonymousSet, Content};
use super::shape::{Layout, Shape};
use crate::netlink::attribute::Writer;
use crate::ruleset::{Bytes, Element, ElementData, Key, Verdict};

/// What is sent, and the size that nft declares for it.
#[derive(Debug)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
    pub(crate) declared_size: u32,
}

/// One element of the message.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A whole element.
    Whole(Key, Element),
    /// The first value of a range.
    Start {
        start: Bytes,
        element: Element,
        end: RangeEnd,
    },
    /// The first value that is not in the range before.
    End(Bytes),
}

impl Entry {
    pub(crate) fn write(&self, w: &mut Writer, shape: &Shape) {
        match self {
            Self::Whole(key, element) => element::write(w, shape, key, element),
            Self::Start {
                start,
                element,
                end,
            } => element::write_start(w, start, element, *end),
            Self::End(end) => element::write_end(w, end),
        }
    }
}

/// The elements of an anonymous set.
pub(crate) fn entries(set: &AnonymousSet) -> Entries {
    let shape = Shape::of_anonymous(set);
    let elements = match &set.content {
        Content::Keys(keys) => keys
            .iter()
            .map(|key| (key.clone(), Element::default()))
            .collect(),
        Content::Verdicts(map) => map
            .iter()
            .map(|(key, v)| (key.clone(), leading_to(v)))
            .collect(),
    };
    match shape.layout() {
        Layout::Plain | Layout::Corners => whole(elements),
        Layout::Ends => {
            let sorted = in_order(&shape, elements);
            // Neighbours in a set become one range; in a map they share one boundary.
            ranges(match set.content {
                Content::Keys(_) => joined(sorted),
                Content::Verdicts(_) => sorted,
            })
        }
    }
}

fn leading_to(verdict: &Verdict) -> Element {
    Element::of(ElementData::Verdict(verdict.clone()))
}

fn whole(elements: Vec<(Key, Element)>) -> Entries {
    Entries {
        declared_size: u32::try_from(elements.len()).unwrap_or(u32::MAX),
        entries: elements
            .into_iter()
            .map(|(key, element)| Entry::Whole(key, element))
            .collect(),
    }
}

/// Elements as the kernel sorts them.
fn in_order(shape: &Shape, elements: Vec<(Key, Element)>) -> Vec<(Key, Element)> {
    let mut sorted: Vec<(Key, Element)> = elements
        .into_iter()
        .map(|(key, element)| (shape.swap(&key), element))
        .collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    sorted
}

/// Ranges that are in order as their boundaries.
fn ranges(sorted: Vec<(Key, Element)>) -> Entries {
    let gap = sorted
        .first()
        .is_some_and(|(key, _)| key.start.iter().any(|b| *b != 0));
    let size = sorted.len() * 2 + usize::from(gap);
    let mut entries = Vec::with_capacity(size);
    if let Some((first, _)) = sorted.first().filter(|_| gap) {
        entries.push(Entry::End(Bytes::from_elem(0, first.start.len())));
    }
    let next_starts: Vec<Option<Bytes>> = sorted
        .iter()
        .skip(1)
        .map(|(key, _)| Some(key.start.clone()))
        .chain([None])
        .collect();
    for ((key, element), next) in sorted.into_iter().zip(next_starts) {
        let end = bits::successor(key.last());
        entries.push(Entry::Start {
            start: key.start,
            element,
            end: RangeEnd::before(end.as_ref()),
        });
        if let Some(end) = end.filter(|end| Some(end) != next.as_ref()) {
            entries.push(Entry::End(end));
        }
    }
    Entries {
        entries,
        declared_size: u32::try_from(size).unwrap_or(u32::MAX),
    }
}

fn joined(sorted: Vec<(Key, Element)>) -> Vec<(Key, Element)> {
    let mut joined: Vec<(Key, Element)> = Vec::with_capacity(sorted.len());
    for (key, element) in sorted {
        match joined.last_mut() {
            Some((before, _)) if touches(before, &key) => {
                let last = key.last().max(before.last()).clone();
                *before = Key::range(&before.start, &last);
            }
            Some(_) | None => joined.push((key, element)),
        }
    }
    joined
}

fn touches(before: &Key, key: &Key) -> bool {
    key.start <= *before.last() || bits::successor(before.last()).as_ref() == Some(&key.start)
}
