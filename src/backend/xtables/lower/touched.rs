//! What changed in a table since it was lowered.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::Edit;
use crate::ruleset::transaction::{Operation, Step};
use crate::ruleset::{Elements, Key, Name, Table};

/// What changed in a table since it was lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// Anything.
    All,
    /// These chains and sets alone, those that came or went included.
    These(BTreeSet<Name>, BTreeMap<Name, Extent>),
}

/// How much of a set changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// These elements alone.
    Elements(Edit),
    /// All of it.
    Whole,
}

impl Touched {
    /// What a step touches.
    pub fn by(step: &Step) -> Self {
        let (mut chains, mut sets) = (BTreeSet::new(), BTreeMap::new());
        for operation in &step.operations {
            match operation {
                Operation::DeleteTable => return Self::All,
                Operation::AddChain(name, _)
                | Operation::FlushChain(name)
                | Operation::DeleteChain(name)
                | Operation::AddRule(name, _) => _ = chains.insert(name.clone()),
                Operation::AddSet(name, _) | Operation::DeleteSet(name) => {
                    sets.insert(name.clone(), Extent::Whole);
                }
                Operation::AddElements(name, elements) => extent(&mut sets, name).come(elements),
                Operation::DeleteElements(name, keys) => extent(&mut sets, name).go(keys),
                Operation::AddTable
                | Operation::AddCounter(..)
                | Operation::DeleteCounter(_)
                | Operation::AddLimit(..)
                | Operation::DeleteLimit(_) => {}
            }
        }
        Self::These(chains, sets)
    }

    /// Whether chains of a table may lead elsewhere than before: a chain was touched, or a map.
    pub(super) fn leads_elsewhere(&self, table: &Table) -> bool {
        let Self::These(chains, sets) = self else {
            return true;
        };
        let is_plain = |set: &Name| table.sets.get(set).is_some_and(|set| set.data.is_none());
        !chains.is_empty() || !sets.keys().all(is_plain)
    }

    /// The same, where it is not known which elements of sets came and which went.
    pub fn whole(self) -> Self {
        match self {
            Self::All => Self::All,
            Self::These(chains, sets) => {
                let sets = sets.into_keys().map(|set| (set, Extent::Whole));
                Self::These(chains, sets.collect())
            }
        }
    }
}

fn extent<'s>(sets: &'s mut BTreeMap<Name, Extent>, name: &Name) -> &'s mut Extent {
    let nothing = || Extent::Elements(Edit::default());
    sets.entry(name.clone()).or_insert_with(nothing)
}

impl Extent {
    fn come(&mut self, elements: &Elements) {
        match self {
            Self::Elements(edit) => edit.come.extend(elements.keys().cloned()),
            Self::Whole => {}
        }
    }

    fn go(&mut self, keys: &[Key]) {
        match self {
            Self::Elements(edit) if edit.come.is_empty() => edit.gone.extend_from_slice(keys),
            // An edit says first what went.
            Self::Elements(_) | Self::Whole => *self = Self::Whole,
        }
    }
}
