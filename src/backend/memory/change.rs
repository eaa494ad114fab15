//! What a transaction changes of the elements of each set.

use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::transaction::{Operation, Step};
use crate::ruleset::{Key, Name, SetFlags, Table};

/// The change of one set, between the table before and the table after.
#[derive(Debug, Default)]
pub(super) struct SetChange<'a> {
    /// Whether elements carry data.
    pub(super) is_map: bool,
    /// Its flags.
    pub(super) flags: SetFlags,
    /// Whether the set itself went, even if one of its name came back.
    pub(super) replaced: bool,
    /// Keys that came.
    pub(super) added: BTreeSet<&'a Key>,
    /// Keys that went.
    pub(super) removed: BTreeSet<&'a Key>,
    /// Keys that map to something else.
    pub(super) moved: BTreeSet<&'a Key>,
}

impl SetChange<'_> {
    /// Whether nothing changed.
    pub(super) fn is_empty(&self) -> bool {
        !self.replaced && self.added.is_empty() && self.removed.is_empty() && self.moved.is_empty()
    }
}

/// The sets whose elements a step names, with what became of those.
pub(super) fn set_changes<'a>(
    before: &'a Table,
    after: &'a Table,
    step: &'a Step,
) -> BTreeMap<&'a Name, SetChange<'a>> {
    let mut changes: BTreeMap<&Name, SetChange<'_>> = BTreeMap::new();
    for operation in &step.operations {
        match operation {
            Operation::AddElements(set, elements) => {
                let change = changes.entry(set).or_default();
                elements
                    .keys()
                    .for_each(|key| note(change, before, after, set, key));
            }
            Operation::DeleteElements(set, keys) => {
                let change = changes.entry(set).or_default();
                keys.iter()
                    .for_each(|key| note(change, before, after, set, key));
            }
            Operation::DeleteSet(set) => changes.entry(set).or_default().replaced = true,
            Operation::DeleteTable => before.sets.keys().for_each(|set| {
                changes.entry(set).or_default().replaced = true;
            }),
            Operation::AddTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_)
            | Operation::AddSet(..)
            | Operation::AddChain(..)
            | Operation::FlushChain(_)
            | Operation::DeleteChain(_)
            | Operation::AddRule(..) => {}
        }
    }
    for (name, change) in &mut changes {
        if let Some(set) = after.sets.get(*name).or_else(|| before.sets.get(*name)) {
            change.is_map = set.data.is_some();
            change.flags = set.flags;
        }
    }
    changes
}

fn note<'a>(change: &mut SetChange<'a>, before: &Table, after: &Table, set: &Name, key: &'a Key) {
    let [old, new] = [before, after].map(|table| table.sets.get(set)?.elements.get(key));
    match (old, new) {
        (None, Some(_)) => change.added.insert(key),
        (Some(_), None) => change.removed.insert(key),
        (Some(old), Some(new)) if old.data != new.data => change.moved.insert(key),
        (Some(_), Some(_)) | (None, None) => false,
    };
}
