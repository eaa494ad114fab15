//! Elements of one set, with the kernel's refusals.

use rustix::io::Errno;

use super::apply::Refusal;
use crate::ruleset::{Datatype, Element, Elements, Key, Set, SetFlags};

/// Adds elements in order. Adding one again is fine where it carries the same.
pub(super) fn add(set: &mut Set, added: &Elements) -> Result<(), Refusal> {
    for (index, (key, element)) in added.iter().enumerate() {
        add_one(set, key, element).map_err(|refusal| Refusal {
            element: Some(index),
            ..refusal
        })?;
    }
    Ok(())
}

fn add_one(set: &mut Set, key: &Key, element: &Element) -> Result<(), Refusal> {
    let interval = set.flags.contains(SetFlags::INTERVAL);
    let bytes = width(&set.key);
    if key.start.len() != bytes || key.last().len() != bytes || (key.end.is_some() && !interval) {
        return Err(Refusal::new(
            Errno::INVAL,
            "the key does not have the form that its set declares",
        ));
    }
    if let Some(present) = set.elements.get(key) {
        if present.data == element.data {
            return Ok(());
        }
        return Err(Refusal::new(
            Errno::EXIST,
            "the key is there with other data",
        ));
    }
    if interval && overlaps(set, key) {
        return Err(Refusal::new(
            Errno::EXIST,
            "the key overlaps one that is there",
        ));
    }
    let full = set
        .size
        .is_some_and(|size| set.elements.len() >= size as usize);
    if full {
        return Err(Refusal::new(Errno::NFILE, "the set is full"));
    }
    set.elements.insert(key.clone(), element.clone());
    Ok(())
}

/// Removes elements in order.
pub(super) fn remove(set: &mut Set, keys: &[Key]) -> Result<(), Refusal> {
    for (index, key) in keys.iter().enumerate() {
        if set.elements.remove(key).is_none() {
            return Err(Refusal {
                element: Some(index),
                ..Refusal::new(Errno::NOENT, "there is no such element")
            });
        }
    }
    Ok(())
}

/// Bytes of a key of these types.
fn width(types: &[Datatype]) -> usize {
    match types {
        [single] => single.bytes(),
        fields => fields.iter().map(|field| field.padded_bytes()).sum(),
    }
}

/// Whether a key shares a value with an element that is there already.
fn overlaps(set: &Set, key: &Key) -> bool {
    if let [_] = set.key.as_slice() {
        // Elements are disjoint, so only the last one that begins before the key ends can overlap.
        let mut end = key.last().clone();
        end.push(u8::MAX);
        let bound = Key::value(&end);
        let mut before = set.elements.range(..=bound).rev();
        return before
            .next()
            .is_some_and(|(present, _)| *present.last() >= key.start);
    }
    let mut candidates = set
        .elements
        .keys()
        .take_while(|present| present.start <= *key.last());
    candidates.any(|present| {
        key.fields(&set.key)
            .zip(present.fields(&set.key))
            .all(|((_, first, last), (_, low, high))| first <= high && low <= last)
    })
}
