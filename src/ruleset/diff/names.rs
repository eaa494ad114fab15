//! Which generation of each object is in force, and which one will be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use smallvec::SmallVec;

use super::reach::Reached;
use super::references;
use super::scope::Scope;
use crate::ruleset::kind::ByKind;
use crate::ruleset::reference::Reference;
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Data, Element, Kind, Name, Rule, Table};

/// The names that the objects of the desired table have in the kernel.
#[derive(Debug)]
pub(super) struct Names<'a> {
    applied: &'a Table,
    /// What packets can reach now.
    pub(super) reach: Reached<'a>,
    /// What is held of every object that is compared.
    seen: ByKind<BTreeMap<&'a str, Option<Held<'a>>>>,
    sees_everything: bool,
    renewed: BTreeMap<(Kind, &'a str), Name>,
}

/// The generations of one object that the kernel holds, mostly one.
type Generations<'a> = SmallVec<[&'a Name; 1]>;

/// An object that the kernel holds.
#[derive(Debug)]
struct Held<'a> {
    generations: Generations<'a>,
    in_force: &'a Name,
}

impl<'a> Names<'a> {
    /// Pairs the names that the kernel holds with the objects that they are generations of.
    pub(super) fn of(applied: &'a Tracked, scope: &Scope<'a>) -> Self {
        let mut names = Self {
            applied: applied.table(),
            reach: Reached::of(applied),
            seen: ByKind::default(),
            sees_everything: matches!(scope, Scope::Everything),
            renewed: BTreeMap::new(),
        };
        match scope {
            Scope::Everything => names.see_everything(),
            Scope::Only(objects) => {
                for kind in Kind::ALL {
                    for name in objects.of(kind).keys() {
                        names.see(kind, name);
                    }
                }
            }
        }
        names
    }

    fn see_everything(&mut self) {
        let table = self.applied;
        let sets = table.sets.keys().map(|name| (Kind::Set, name));
        let chains = table.chains.keys().map(|name| (Kind::Chain, name));
        let counters = table.counters.keys().map(|name| (Kind::Counter, name));
        let limits = table.limits.keys().map(|name| (Kind::Limit, name));
        let mut all: ByKind<BTreeMap<&'a str, Generations<'a>>> = ByKind::default();
        for (kind, name) in sets.chain(chains).chain(counters).chain(limits) {
            let generations = all.of_mut(kind).entry(name.logical());
            generations.or_default().push(name);
        }
        for kind in Kind::ALL {
            for (name, generations) in std::mem::take(all.of_mut(kind)) {
                self.hold(kind, name, generations);
            }
        }
    }

    /// Looks up what the kernel holds of one object.
    pub(super) fn see(&mut self, kind: Kind, name: &'a str) {
        if !self.seen.of(kind).contains_key(name) {
            self.hold(kind, name, generations(self.applied, kind, name));
        }
    }

    fn hold(&mut self, kind: Kind, name: &'a str, generations: Generations<'a>) {
        let rank = |name: &&'a Name| {
            let is_reached = self.reach.contains(Reference::of(kind, name));
            (is_reached, name.generation())
        };
        let in_force = match generations[..] {
            [only] => Some(only),
            _ => generations.iter().copied().max_by_key(rank),
        };
        let held = in_force.map(|in_force| Held {
            generations,
            in_force,
        });
        self.seen.of_mut(kind).insert(name, held);
    }

    /// The generation that the kernel holds and uses, whether or not it stays.
    pub(super) fn in_force(&self, kind: Kind, desired: &Name) -> Option<&'a Name> {
        match self.seen.of(kind).get(desired.as_str()) {
            Some(held) => held.as_ref().map(|held| held.in_force),
            None if self.sees_everything => None,
            // Of what is not compared there is only one.
            None => any(self.applied, kind, desired.as_str()),
        }
    }

    /// The generation that the kernel holds and keeps.
    pub(super) fn kept(&self, kind: Kind, desired: &Name) -> Option<&'a Name> {
        if self.renewed.contains_key(&(kind, desired.as_str())) {
            return None;
        }
        self.in_force(kind, desired)
    }

    /// The name after the commit.
    pub(super) fn target(&self, kind: Kind, desired: &Name) -> Name {
        match self.renewed.get(&(kind, desired.as_str())) {
            Some(name) => name.clone(),
            None => self.in_force(kind, desired).unwrap_or(desired).clone(),
        }
    }

    /// Gives an object a new generation, which no packet can reach yet; tells whether it had none.
    pub(super) fn renew(&mut self, kind: Kind, desired: &'a Name) -> bool {
        let key = (kind, desired.as_str());
        let held = self.seen.of(kind).get(desired.as_str());
        let held = held.and_then(Option::as_ref);
        let held = held.filter(|_| !self.renewed.contains_key(&key));
        let highest = held.and_then(|held| held.generations.iter().map(|n| n.generation()).max());
        let Some(highest) = highest else { return false };
        // A wrapped count starts again at 1: what carried it is long collected.
        let generation = highest.checked_add(1).unwrap_or(1);
        self.renewed
            .insert(key, desired.with_generation(generation));
        true
    }

    /// How many objects have a new generation.
    pub(super) fn renewed_count(&self) -> usize {
        self.renewed.len()
    }

    /// What the kernel holds of a kind and nobody wants, in the order of names.
    pub(super) fn garbage<'n>(
        &self,
        kind: Kind,
        wanted: impl Iterator<Item = &'n &'a Name>,
    ) -> BTreeSet<&'a Name>
    where
        'a: 'n,
    {
        let kept = wanted.filter_map(|name| self.kept(kind, name));
        let kept: BTreeSet<&Name> = kept.collect();
        let seen = self.seen.of(kind).values().flatten();
        let held = seen.flat_map(|held| held.generations.iter().copied());
        held.filter(|name| !kept.contains(name)).collect()
    }

    /// A desired rule in the names of the kernel.
    pub(super) fn rule(&self, rule: &Rule) -> Rule {
        references::renamed_rule(rule, &|kind, name| self.target(kind, name))
    }

    /// A desired element in the names of the kernel.
    pub(super) fn element(&self, element: &Element, data: Option<&Data>) -> Element {
        references::renamed_element(element, data, &|kind, name| self.target(kind, name))
    }

    /// Whether a chain in force holds exactly the desired rules.
    pub(super) fn same_rules(&self, in_force: &[Rule], desired: &[Rule]) -> bool {
        in_force.len() == desired.len()
            && in_force.iter().zip(desired).all(|(held, wanted)| {
                let mut named = wanted.references().into_iter();
                let is_renamed =
                    named.any(|object| self.target(object.kind(), object.name()) != *object.name());
                if is_renamed {
                    *held == self.rule(wanted)
                } else {
                    held == wanted
                }
            })
    }
}

/// Every generation of an object that a table holds.
fn generations<'a>(table: &'a Table, kind: Kind, name: &str) -> Generations<'a> {
    fn among<'a, T>(objects: &'a BTreeMap<Name, T>, name: &str) -> Generations<'a> {
        let first = objects.get_key_value(name);
        let suffixed = format!("{name}.");
        let bounds = (Bound::Included(suffixed.as_str()), Bound::Unbounded);
        let later = objects.range::<str, _>(bounds);
        let later = later.take_while(|(later, _)| later.as_str().starts_with(&suffixed));
        let later = later.filter(|(later, _)| later.logical() == name);
        first
            .into_iter()
            .chain(later)
            .map(|(name, _)| name)
            .collect()
    }
    match kind {
        Kind::Set => among(&table.sets, name),
        Kind::Chain => among(&table.chains, name),
        Kind::Counter => among(&table.counters, name),
        Kind::Limit => among(&table.limits, name),
    }
}

/// A generation of an object that a table holds, the first if there are several.
pub(super) fn any<'a>(table: &'a Table, kind: Kind, name: &str) -> Option<&'a Name> {
    fn among<'a, T>(objects: &'a BTreeMap<Name, T>, name: &str) -> Option<&'a Name> {
        objects.get_key_value(name).map(|(name, _)| name)
    }
    let first = match kind {
        Kind::Set => among(&table.sets, name),
        Kind::Chain => among(&table.chains, name),
        Kind::Counter => among(&table.counters, name),
        Kind::Limit => among(&table.limits, name),
    };
    first.or_else(|| generations(table, kind, name).first().copied())
}
