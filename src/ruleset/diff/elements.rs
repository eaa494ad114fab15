//! How the elements of a set in force differ from the desired ones.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::names::Names;
use super::references;
use super::scope::Extent;
use crate::ruleset::{Element, ElementData, Key, Kind, Set, SetFlags, Verdict};

/// The difference between two generations of a set's elements, each in key order.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    /// Keys that come, with what they map to in desired names.
    pub(super) added: Vec<(&'a Key, &'a Element)>,
    /// Keys that go.
    pub(super) removed: Vec<&'a Key>,
    /// Keys of a map that map to something else.
    pub(super) moved: Vec<(&'a Key, &'a Element)>,
}

impl<'a> Delta<'a> {
    /// Compares as far as the extent says. Elements of a dynamic set come from packets and are no
    /// difference.
    pub(super) fn between(
        in_force: &'a Set,
        desired: &'a Set,
        extent: &Extent<'_>,
        names: &Names<'_>,
    ) -> Self {
        if desired.flags.contains(SetFlags::DYNAMIC) {
            return Self::default();
        }
        match extent {
            Extent::Whole => Self::of_all(in_force, desired, names),
            Extent::Elements(keys) => Self::of_some(in_force, desired, keys, names),
        }
    }

    fn of_some(
        in_force: &'a Set,
        desired: &'a Set,
        keys: &BTreeSet<&Key>,
        names: &Names<'_>,
    ) -> Self {
        let mut delta = Self::default();
        for key in keys {
            let [old, new] = [in_force, desired].map(|set| set.elements.get_key_value(*key));
            delta.note(old, new, desired, names);
        }
        delta
    }

    /// Compares in one ordered walk.
    fn of_all(in_force: &'a Set, desired: &'a Set, names: &Names<'_>) -> Self {
        let mut delta = Self::default();
        let mut held = in_force.elements.iter().peekable();
        let mut wanted = desired.elements.iter().peekable();
        loop {
            let order = match (held.peek(), wanted.peek()) {
                (None, None) => return delta,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((ours, _)), Some((theirs, _))) => ours.cmp(theirs),
            };
            let old = if order.is_le() { held.next() } else { None };
            let new = if order.is_ge() { wanted.next() } else { None };
            delta.note(old, new, desired, names);
        }
    }

    fn note(
        &mut self,
        old: Option<(&'a Key, &'a Element)>,
        new: Option<(&'a Key, &'a Element)>,
        desired: &Set,
        names: &Names<'_>,
    ) {
        match (old, new) {
            (Some((_, held)), Some((_, wanted))) if is_same(held, wanted, desired, names) => {}
            (Some(_), Some(moved)) if desired.data.is_some() => self.moved.push(moved),
            (old, new) => {
                self.removed.extend(old.map(|(key, _)| key));
                self.added.extend(new);
            }
        }
    }

    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.moved.is_empty()
    }

    /// Whether elements only come.
    pub(super) fn only_adds(&self) -> bool {
        self.removed.is_empty() && self.moved.is_empty()
    }

    /// Whether elements only go.
    pub(super) fn only_removes(&self) -> bool {
        self.added.is_empty() && self.moved.is_empty()
    }
}

fn is_same(held: &Element, wanted: &Element, desired: &Set, names: &Names<'_>) -> bool {
    if !references::mentions_names(desired) {
        return held == wanted;
    }
    match (&held.data, &wanted.data) {
        // The common case, without a copy of the element.
        (ElementData::Verdict(ours), ElementData::Verdict(theirs)) => {
            held.timeout == wanted.timeout
                && held.comment == wanted.comment
                && is_same_verdict(ours, theirs, names)
        }
        (
            ElementData::None
            | ElementData::Verdict(_)
            | ElementData::Value(_)
            | ElementData::Object(_),
            _,
        ) => *held == names.element(wanted, desired.data.as_ref()),
    }
}

fn is_same_verdict(held: &Verdict, wanted: &Verdict, names: &Names<'_>) -> bool {
    match (held, wanted) {
        (Verdict::Jump(ours), Verdict::Jump(theirs))
        | (Verdict::Goto(ours), Verdict::Goto(theirs)) => {
            *ours == names.target(Kind::Chain, theirs)
        }
        (
            Verdict::Accept
            | Verdict::Drop
            | Verdict::Continue
            | Verdict::Return
            | Verdict::Jump(_)
            | Verdict::Goto(_),
            _,
        ) => held == wanted,
    }
}
