//! What packets can reach: the chains and sets behind each base chain.

use std::collections::{BTreeMap, BTreeSet};

use super::reference::Reference;
use super::{Hook, Name, Table};

/// What lies behind one base chain, itself included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach<'a> {
    /// The hook of the base chain.
    pub hook: Hook,
    /// The chains that verdicts lead to, and the base chain.
    pub chains: BTreeSet<&'a Name>,
    /// The named sets and maps that their rules look up.
    pub sets: BTreeSet<&'a Name>,
}

/// What lies behind every base chain of a table.
pub fn reach(table: &Table) -> BTreeMap<&Name, Reach<'_>> {
    let targets = map_targets(table);
    let bases = table
        .chains
        .iter()
        .filter_map(|(name, chain)| Some((name, chain.hook?)));
    bases
        .map(|(name, hook)| (name, behind(table, &targets, name, hook)))
        .collect()
}

fn behind<'a>(
    table: &'a Table,
    targets: &BTreeMap<&'a Name, BTreeSet<&'a Name>>,
    base: &'a Name,
    hook: Hook,
) -> Reach<'a> {
    let mut reach = Reach {
        hook,
        chains: BTreeSet::new(),
        sets: BTreeSet::new(),
    };
    let mut open = vec![base];
    while let Some(name) = open.pop() {
        if !reach.chains.insert(name) {
            continue;
        }
        let rules = table.chains.get(name).map_or(&[][..], |chain| &chain.rules);
        for reference in rules.iter().flat_map(|rule| rule.references()) {
            match reference {
                Reference::Chain(target) => open.push(target),
                Reference::Set(set) if reach.sets.insert(set) => {
                    open.extend(targets.get(set).into_iter().flatten());
                }
                Reference::Set(_) | Reference::Counter(_) | Reference::Limit(_) => {}
            }
        }
    }
    reach
}

/// The chains that each verdict map leads to, each once: a map of 10,000 elements may name 50.
pub(super) fn map_targets(table: &Table) -> BTreeMap<&Name, BTreeSet<&Name>> {
    let targets = table.sets.iter().map(|(name, set)| {
        let elements = set.elements.values();
        (
            name,
            elements.filter_map(|element| element.target()).collect(),
        )
    });
    targets.collect()
}
