//! What a comparison looks at: what was touched in either table, and what that leads to.

use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::kind::ByKind;
use crate::ruleset::reference::Reference;
use crate::ruleset::tracked::{self, Touched, Tracked};
use crate::ruleset::{Chain, Key, Kind, Limit, Name, Set, Table};

/// The objects to compare, by the names of the desired table.
#[derive(Debug)]
pub(super) enum Scope<'a> {
    /// All that either table holds.
    Everything,
    /// These alone. All others are the same in both tables, and there is one generation of each.
    Only(Box<ByKind<BTreeMap<&'a str, Extent<'a>>>>),
}

/// How much of an object to compare.
#[derive(Debug)]
pub(super) enum Extent<'a> {
    /// These elements of a set.
    Elements(BTreeSet<&'a Key>),
    /// All of it.
    Whole,
}

impl<'a> Scope<'a> {
    /// What was touched since both tables were settled.
    pub(super) fn of(applied: &'a Tracked, desired: &'a Tracked) -> Self {
        let (Touched::Only(held), Touched::Only(wanted)) = (applied.touched(), desired.touched())
        else {
            return Self::Everything;
        };
        let mut scope = Self::Only(Box::default());
        for kind in Kind::ALL {
            for (name, extent) in wanted.of(kind) {
                scope.widen(kind, name.as_str(), extent.into());
            }
            for (name, extent) in held.of(kind) {
                scope.widen(kind, name.logical(), extent.into());
            }
        }
        // A commit that died may have led some to a new generation, and not yet others.
        for kind in Kind::ALL {
            for (name, extent) in held.of(kind) {
                if *extent == tracked::Extent::Whole {
                    scope.follow(kind, name.logical(), desired);
                }
            }
        }
        scope
    }

    /// Takes those that name an object in, because it is not called what it was; gives them.
    pub(super) fn follow(
        &mut self,
        kind: Kind,
        name: &str,
        desired: &'a Tracked,
    ) -> Vec<Reference<'a>> {
        if matches!(self, Self::Everything) {
            return Vec::new();
        }
        let users = desired.index().users(kind, name);
        let users: Vec<Reference<'_>> = users.map(|(_, user)| user).collect();
        for user in &users {
            self.widen(user.kind(), user.name().as_str(), Extent::Whole);
        }
        users
    }

    /// How much of a set to compare.
    pub(super) fn extent(&self, set: &Name) -> &Extent<'a> {
        match self {
            Self::Everything => &Extent::Whole,
            Self::Only(objects) => {
                let extent = objects.of(Kind::Set).get(set.as_str());
                extent.unwrap_or(&Extent::Whole)
            }
        }
    }

    /// The objects of a kind that a table holds and that are to be compared, in the order of names.
    pub(super) fn among<'s, 't: 's, T>(
        &'s self,
        kind: Kind,
        objects: &'t BTreeMap<Name, T>,
    ) -> impl Iterator<Item = (&'t Name, &'t T)> + use<'s, 'a, 't, T> {
        let (all, some) = match self {
            Self::Everything => (Some(objects), None),
            Self::Only(names) => (None, Some(names.of(kind).keys())),
        };
        let some = some.into_iter().flatten();
        let some = some.filter_map(|name| objects.get_key_value(*name));
        all.into_iter().flatten().chain(some)
    }

    fn widen(&mut self, kind: Kind, name: &'a str, extent: Extent<'a>) {
        let Self::Only(objects) = self else { return };
        let objects = objects.of_mut(kind);
        match (objects.get_mut(name), extent) {
            (Some(Extent::Elements(keys)), Extent::Elements(more)) => keys.extend(more),
            (Some(Extent::Whole), _) => {}
            (Some(some), Extent::Whole) => *some = Extent::Whole,
            (None, extent) => drop(objects.insert(name, extent)),
        }
    }
}

/// The desired objects to compare, in the order of names.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) sets: BTreeMap<&'a Name, &'a Set>,
    pub(super) chains: BTreeMap<&'a Name, &'a Chain>,
    pub(super) counters: BTreeMap<&'a Name, &'a Option<String>>,
    pub(super) limits: BTreeMap<&'a Name, &'a Limit>,
}

impl<'a> Wanted<'a> {
    /// What a scope takes in of a table.
    pub(super) fn of(scope: &Scope<'a>, desired: &'a Table) -> Self {
        Self {
            sets: scope.among(Kind::Set, &desired.sets).collect(),
            chains: scope.among(Kind::Chain, &desired.chains).collect(),
            counters: scope.among(Kind::Counter, &desired.counters).collect(),
            limits: scope.among(Kind::Limit, &desired.limits).collect(),
        }
    }

    /// Takes in a chain or map, because of what it names.
    pub(super) fn add(&mut self, user: Reference<'a>, desired: &'a Table) {
        match user {
            Reference::Chain(name) => self.chains.extend(desired.chains.get_key_value(name)),
            Reference::Set(name) => self.sets.extend(desired.sets.get_key_value(name)),
            Reference::Counter(_) | Reference::Limit(_) => {}
        }
    }
}

impl<'a> From<&'a tracked::Extent> for Extent<'a> {
    fn from(touched: &'a tracked::Extent) -> Self {
        match touched {
            tracked::Extent::Elements(keys) => Self::Elements(keys.iter().collect()),
            tracked::Extent::Whole => Self::Whole,
        }
    }
}
