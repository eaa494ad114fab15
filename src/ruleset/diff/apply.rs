//! What a table holds after a commit.

use crate::ruleset::Table;
use crate::ruleset::transaction::{Commit, Operation};

/// The table that a commit makes of another, without asking whether the kernel would allow it.
pub fn applied_after(applied: Option<&Table>, commit: &Commit) -> Table {
    let mut table = applied.cloned().unwrap_or_default();
    for operation in commit.steps.iter().flat_map(|step| &step.operations) {
        apply(&mut table, operation);
    }
    table
}

fn apply(table: &mut Table, operation: &Operation) {
    match operation {
        Operation::AddTable => {}
        Operation::DeleteTable => *table = Table::default(),
        Operation::AddCounter(name, comment) => {
            table.counters.insert(name.clone(), comment.clone());
        }
        Operation::DeleteCounter(name) => drop(table.counters.remove(name)),
        Operation::AddLimit(name, limit) => drop(table.limits.insert(name.clone(), *limit)),
        Operation::DeleteLimit(name) => drop(table.limits.remove(name)),
        Operation::AddSet(name, set) => {
            table
                .sets
                .entry(name.clone())
                .or_insert_with(|| (**set).clone());
        }
        Operation::DeleteSet(name) => drop(table.sets.remove(name)),
        Operation::AddElements(name, elements) => {
            if let Some(set) = table.sets.get_mut(name) {
                set.elements
                    .extend(elements.iter().map(|(k, e)| (k.clone(), e.clone())));
            }
        }
        Operation::DeleteElements(name, keys) => {
            if let Some(set) = table.sets.get_mut(name) {
                keys.iter().for_each(|key| drop(set.elements.remove(key)));
            }
        }
        Operation::AddChain(name, chain) => {
            table
                .chains
                .entry(name.clone())
                .or_insert_with(|| chain.clone());
        }
        Operation::FlushChain(name) => {
            if let Some(chain) = table.chains.get_mut(name) {
                chain.rules.clear();
            }
        }
        Operation::DeleteChain(name) => drop(table.chains.remove(name)),
        Operation::AddRule(name, rule) => {
            if let Some(chain) = table.chains.get_mut(name) {
                chain.rules.push(rule.clone());
            }
        }
    }
}
