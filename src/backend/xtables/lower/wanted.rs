//! What is looked up: keys of a set of the table, or of one that stands in a rule.

use std::collections::BTreeMap;

use super::action::label;
use super::lookup::Keys;
use super::refusal::Refused;
use crate::backend::xtables::name::hash;
use crate::ruleset::{ElementData, Elements, Key, Name, Set, SetFlags, Table, Verdict, VmapSource};

/// Keys to look up, and what ipsets of them are named after.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'k> {
    pub(super) name: String,
    pub(super) set: Option<Name>,
    pub(super) keys: Keys,
    pub(super) elements: Listed<'k>,
}

/// Keys, where they stand: those of a set are gone through only where somebody wants to know them.
#[derive(Debug, Clone)]
pub(super) enum Listed<'k> {
    /// A set or map of the table.
    Set(&'k Elements),
    /// A map in a rule.
    Map(&'k BTreeMap<Key, Verdict>),
    /// One by one.
    Keys(Vec<&'k Key>),
}

impl<'k> Listed<'k> {
    /// The keys, in order.
    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = &'k Key> + '_> {
        match self {
            Self::Set(elements) => Box::new(elements.keys()),
            Self::Map(entries) => Box::new(entries.keys()),
            Self::Keys(keys) => Box::new(keys.iter().copied()),
        }
    }

    /// The verdict that a key maps to.
    pub(super) fn verdict(&self, key: &Key) -> Option<&'k Verdict> {
        match self {
            Self::Set(elements) => match &elements.get(key)?.data {
                ElementData::Verdict(verdict) => Some(verdict),
                ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
            },
            Self::Map(entries) => entries.get(key),
            Self::Keys(_) => None,
        }
    }
}

impl<'k> Wanted<'k> {
    /// A named set, if the table has it.
    pub(super) fn named(table: &'k Table, name: &Name) -> Result<Self, Refused> {
        let set = table.sets.get(name);
        let set =
            set.ok_or_else(|| Refused::owned(format!("set \"{name}\", which is not there")))?;
        Ok(Self {
            name: name.to_string(),
            set: Some(name.clone()),
            keys: keys(set)?,
            elements: Listed::Set(&set.elements),
        })
    }

    /// Keys that stand in a rule: their ipsets are named after it, which may have several such sets, and the keys.
    pub(super) fn inline(rule: &str, elements: Vec<&'k Key>) -> Self {
        Self {
            name: inline_name(rule, &elements),
            set: None,
            keys: Keys::Inline,
            elements: Listed::Keys(elements),
        }
    }

    /// A map of the table, or one that stands in a rule.
    pub(super) fn map(table: &'k Table, map: &'k VmapSource, rule: &str) -> Result<Self, Refused> {
        match map {
            VmapSource::Named(name) => Self::named(table, name),
            VmapSource::Anonymous(entries) => Ok(Self {
                elements: Listed::Map(entries),
                ..Self::inline(rule, entries.keys().collect())
            }),
        }
    }

    /// The keys of each verdict.
    pub(super) fn by_verdict(&self) -> BTreeMap<&'k Verdict, Self> {
        let mut groups: BTreeMap<&Verdict, Vec<&Key>> = BTreeMap::new();
        for key in self.elements.iter() {
            if let Some(verdict) = self.elements.verdict(key) {
                groups.entry(verdict).or_default().push(key);
            }
        }
        let wanted = |(verdict, elements)| {
            let wanted = Self {
                name: format!("{}>{}", self.name, label(verdict)),
                set: self.set.clone(),
                keys: self.keys,
                elements: Listed::Keys(elements),
            };
            (verdict, wanted)
        };
        groups.into_iter().map(wanted).collect()
    }
}

fn inline_name(rule: &str, elements: &[&Key]) -> String {
    format!("{rule}:{}", hash(&format!("{elements:?}"), 32))
}

/// What keys a set has.
fn keys(set: &Set) -> Result<Keys, Refused> {
    if set.flags.intersects(SetFlags::DYNAMIC | SetFlags::TIMEOUT) || set.timeout.is_some() {
        return Err(Refused::new(
            "a set whose elements come from packets or go with time",
        ));
    }
    if set.counted {
        return Err(Refused::new("a set whose elements count packets"));
    }
    Ok(match set.flags.contains(SetFlags::INTERVAL) {
        true => Keys::Ranges,
        false => Keys::Exact,
    })
}
