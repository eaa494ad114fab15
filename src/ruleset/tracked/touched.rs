//! What may differ from what it was when a table was last settled.

use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::kind::ByKind;
use crate::ruleset::{Key, Kind, Name};

/// The objects that changed, came or went.
#[derive(Debug, Clone, Default)]
pub(crate) enum Touched {
    /// Nothing is known, so that everything may differ.
    #[default]
    Everything,
    /// These objects alone, of each kind.
    Only(Box<ByKind<BTreeMap<Name, Extent>>>),
}

/// How much of an object may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extent {
    /// These elements of a set.
    Elements(BTreeSet<Key>),
    /// All of it.
    Whole,
}

impl Touched {
    /// Nothing differs.
    pub(super) fn nothing() -> Self {
        Self::Only(Box::default())
    }

    /// All of an object may differ.
    pub(super) fn object(&mut self, kind: Kind, name: &Name) {
        if let Self::Only(objects) = self {
            let objects = objects.of_mut(kind);
            match objects.get_mut(name) {
                Some(extent) => *extent = Extent::Whole,
                None => drop(objects.insert(name.clone(), Extent::Whole)),
            }
        }
    }

    /// One element of a set may differ.
    pub(super) fn element(&mut self, set: &Name, key: &Key) {
        if let Self::Only(objects) = self {
            let sets = objects.of_mut(Kind::Set);
            match sets.get_mut(set) {
                Some(Extent::Elements(keys)) => drop(keys.insert(key.clone())),
                Some(Extent::Whole) => {}
                None => {
                    // Made of an array it would be sorted and built at once, which is more code to fetch.
                    let mut keys = BTreeSet::new();
                    keys.insert(key.clone());
                    sets.insert(set.clone(), Extent::Elements(keys));
                }
            }
        }
    }
}
