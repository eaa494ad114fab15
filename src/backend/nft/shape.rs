//! What must be known of a set to say its elements.

use std::collections::{BTreeSet, HashMap};

use super::bits;
use super::declaration::TYPE_BITS;
use super::lower::AnonymousSet;
use crate::ruleset::transaction::Operation;
use crate::ruleset::{Bytes, Datatype, Key, Name, Set, SetFlags};

/// How the elements of a set look to the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// The fields of the key.
    key: Vec<Datatype>,
    /// Whether elements may be ranges.
    interval: bool,
}

/// How a kind of set is told its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One key an element.
    Plain,
    /// Two elements a range: its first value, and the value after its last.
    Ends,
    /// Two keys an element: the first and last corner of a box.
    Corners,
}

impl Shape {
    pub(crate) fn of(set: &Set) -> Self {
        Self {
            key: set.key.clone(),
            interval: set.flags.contains(SetFlags::INTERVAL),
        }
    }

    pub(crate) fn of_anonymous(set: &AnonymousSet) -> Self {
        Self {
            key: set.key.iter().map(|field| field.datatype()).collect(),
            interval: set.is_interval(),
        }
    }

    /// The shape that a set in the kernel has; `None` where a type is not known.
    pub(crate) fn read(key_type: u32, flags: u32) -> Option<Self> {
        Some(Self {
            key: datatypes(key_type)?,
            interval: flags & SetFlags::INTERVAL.bits() != 0,
        })
    }

    pub(crate) fn key(&self) -> &[Datatype] {
        &self.key
    }

    pub(crate) fn layout(&self) -> Layout {
        match (self.interval, self.key.len() > 1) {
            (false, _) => Layout::Plain,
            (true, false) => Layout::Ends,
            (true, true) => Layout::Corners,
        }
    }

    /// The first and last value of a key in network order, in which the kernel keeps intervals.
    ///
    /// The conversion is its own inverse.
    pub(crate) fn swap(&self, key: &Key) -> Key {
        let start = self.swap_bytes(&key.start);
        Key {
            start,
            end: key.end.as_ref().map(|end| self.swap_bytes(end)),
        }
    }

    fn swap_bytes(&self, bytes: &Bytes) -> Bytes {
        if !self.key.iter().any(|field| field.is_host_order()) {
            return bytes.clone();
        }
        let (mut swapped, mut at) = (Bytes::new(), 0);
        for field in &self.key {
            let value = bytes.get(at..at + field.bytes()).unwrap_or_default();
            swapped.extend_from_slice(&bits::network_order(*field, value));
            at += field.padded_bytes();
            swapped.resize(at.min(bytes.len()), 0);
        }
        swapped
    }
}

/// The types that a number stands for, the last in the lowest bits.
pub(crate) fn datatypes(mut number: u32) -> Option<Vec<Datatype>> {
    let mut types = Vec::new();
    while number != 0 {
        let lowest = number & ((1 << TYPE_BITS) - 1);
        types.push(
            Datatype::ALL
                .into_iter()
                .find(|known| known.facts().1 == lowest)?,
        );
        number >>= TYPE_BITS;
    }
    types.reverse();
    Some(types)
}

/// The named sets of one table.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    shapes: HashMap<Name, Shape>,
    intervals: BTreeSet<Name>,
}

impl Catalog {
    /// The shape of a set, if it is known.
    pub(crate) fn shape(&self, set: &Name) -> Option<&Shape> {
        self.shapes.get(set)
    }

    /// The known sets that hold ranges.
    pub(crate) fn intervals(&self) -> &BTreeSet<Name> {
        &self.intervals
    }

    /// Takes note of a set.
    pub(crate) fn learn(&mut self, name: &Name, shape: Shape) {
        if shape.interval {
            self.intervals.insert(name.clone());
        } else {
            self.intervals.remove(name);
        }
        self.shapes.insert(name.clone(), shape);
    }

    /// Takes note of what an operation makes of the table's sets.
    pub(crate) fn follow(&mut self, operation: &Operation) {
        match operation {
            Operation::AddSet(name, set) => self.learn(name, Shape::of(set)),
            Operation::DeleteSet(name) => {
                self.shapes.remove(name);
                self.intervals.remove(name);
            }
            Operation::DeleteTable => *self = Self::default(),
            Operation::AddTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_)
            | Operation::AddElements(..)
            | Operation::DeleteElements(..)
            | Operation::AddChain(..)
            | Operation::FlushChain(_)
            | Operation::DeleteChain(_)
            | Operation::AddRule(..) => {}
        }
    }
}
