//! What commits that did not come to their end left behind, taken away without a new one.

use std::collections::BTreeMap;

use super::reach::Reached;
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::reference::Reference;
use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use crate::ruleset::{Kind, Name, TableKey, Tracked};

/// The commit that takes away all that packets cannot reach; empty where there is no such thing.
pub fn without_leftovers(held: &Tracked, key: &TableKey) -> Commit {
    let (table, reach) = (held.table(), Reached::of(held));
    let mut chains = unreached(&reach, Kind::Chain, &table.chains);
    // No packet is meant to read the chain of the digest.
    chains.retain(|(name, _)| name.as_str() != STATE_CHAIN);
    // What names others goes before them.
    let full = chains.iter().filter(|(_, chain)| !chain.rules.is_empty());
    let full = full.map(|(name, _)| Operation::FlushChain((*name).clone()));
    let sets = names(
        unreached(&reach, Kind::Set, &table.sets),
        Operation::DeleteSet,
    );
    let empty = names(chains.clone(), Operation::DeleteChain);
    let counters = unreached(&reach, Kind::Counter, &table.counters);
    let counters = names(counters, Operation::DeleteCounter);
    let limits = unreached(&reach, Kind::Limit, &table.limits);
    let limits = names(limits, Operation::DeleteLimit);
    let operations: Vec<_> = full
        .chain(sets)
        .chain(empty)
        .chain(counters)
        .chain(limits)
        .collect();
    let step = Step {
        phase: Phase::Collect,
        wait: Wait::Grace,
        operations,
    };
    Commit {
        table: key.clone(),
        steps: Vec::from_iter((!step.operations.is_empty()).then_some(step)),
    }
}

/// The objects of a kind that packets cannot reach.
fn unreached<'a, T>(
    reach: &Reached<'a>,
    kind: Kind,
    objects: &'a BTreeMap<Name, T>,
) -> Vec<(&'a Name, &'a T)> {
    let objects = objects.iter();
    let left = objects.filter(|(name, _)| !reach.contains(Reference::of(kind, name)));
    left.collect()
}

/// The same to each object.
fn names<T>(objects: Vec<(&Name, T)>, operation: fn(Name) -> Operation) -> Vec<Operation> {
    let names = objects.into_iter().map(|(name, _)| name.clone());
    names.map(operation).collect()
}
