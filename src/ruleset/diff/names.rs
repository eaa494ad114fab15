//! Which generation of each object is in force, and which one will be.

use std::collections::BTreeMap;

use super::reach::Reached;
use super::references::{self, Kind, kind_and_name};
use crate::ruleset::{Data, Element, Name, Rule, Table};

/// The names that the objects of the desired table have in the kernel.
#[derive(Debug)]
pub(super) struct Names<'a> {
    applied: BTreeMap<(Kind, &'a str), Held<'a>>,
    renewed: BTreeMap<(Kind, &'a str), Name>,
}

/// The generations of one object that the kernel holds.
#[derive(Debug)]
struct Held<'a> {
    in_force: &'a Name,
    is_reached: bool,
    highest: u16,
}

impl<'a> Names<'a> {
    /// Pairs every name that the kernel holds with the object that it is a generation of.
    pub(super) fn of(applied: &'a Table, reach: &Reached<'a>) -> Self {
        let mut names = Self {
            applied: BTreeMap::new(),
            renewed: BTreeMap::new(),
        };
        let sets = applied.sets.keys().map(|name| (Kind::Set, name));
        let chains = applied.chains.keys().map(|name| (Kind::Chain, name));
        let counters = applied.counters.keys().map(|name| (Kind::Counter, name));
        let limits = applied.limits.keys().map(|name| (Kind::Limit, name));
        for (kind, name) in sets.chain(chains).chain(counters).chain(limits) {
            names.hold(kind, name, reach);
        }
        names
    }

    fn hold(&mut self, kind: Kind, name: &'a Name, reach: &Reached<'a>) {
        let (is_reached, generation) = (reach.contains(kind, name), name.generation());
        let held = self.applied.entry((kind, name.logical())).or_insert(Held {
            in_force: name,
            is_reached,
            highest: generation,
        });
        held.highest = held.highest.max(generation);
        let rank = (is_reached, generation);
        if rank > (held.is_reached, held.in_force.generation()) {
            (held.in_force, held.is_reached) = (name, is_reached);
        }
    }

    /// The generation that the kernel holds and uses, whether or not it stays.
    pub(super) fn in_force(&self, kind: Kind, desired: &Name) -> Option<&'a Name> {
        self.applied
            .get(&(kind, desired.as_str()))
            .map(|held| held.in_force)
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
        let key = (kind, desired.as_str());
        match (self.renewed.get(&key), self.applied.get(&key)) {
            (Some(name), _) => name.clone(),
            (None, Some(held)) => held.in_force.clone(),
            (None, None) => desired.clone(),
        }
    }

    /// Gives an object a new generation, which no packet can reach yet.
    pub(super) fn renew(&mut self, kind: Kind, desired: &'a Name) {
        let key = (kind, desired.as_str());
        let Some(held) = self.applied.get(&key) else {
            return;
        };
        // A wrapped count starts again at 1: what carried it is long collected.
        let generation = held.highest.checked_add(1).unwrap_or(1);
        self.renewed
            .entry(key)
            .or_insert_with(|| desired.with_generation(generation));
    }

    /// How many objects have a new generation.
    pub(super) fn renewed_count(&self) -> usize {
        self.renewed.len()
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
                let mut named = wanted.references().into_iter().map(kind_and_name);
                let is_renamed = named.any(|(kind, name)| self.target(kind, name) != *name);
                if is_renamed {
                    *held == self.rule(wanted)
                } else {
                    held == wanted
                }
            })
    }
}
