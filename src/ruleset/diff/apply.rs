//! What a table holds after a commit.

use crate::ruleset::transaction::{Commit, Operation};
use crate::ruleset::{Table, Tracked};

/// The table that a commit makes of another, without asking whether the kernel would allow it.
pub fn applied_after(applied: Option<&Table>, commit: &Commit) -> Table {
    let mut table = Tracked::from(applied.cloned().unwrap_or_default());
    table.apply(commit);
    table.into_table()
}

impl Tracked {
    /// Does what a commit does, without asking whether the kernel would allow it, at a cost in
    /// proportion to the commit.
    pub fn apply(&mut self, commit: &Commit) {
        let operations = commit.steps.iter().flat_map(|step| &step.operations);
        operations.for_each(|operation| self.operate(operation));
    }

    fn operate(&mut self, operation: &Operation) {
        match operation {
            Operation::AddTable => {}
            Operation::DeleteTable => *self = Self::default(),
            Operation::AddCounter(name, comment) => self.put_counter(name.clone(), comment.clone()),
            Operation::DeleteCounter(name) => self.remove_counter(name),
            Operation::AddLimit(name, limit) => self.put_limit(name.clone(), *limit),
            Operation::DeleteLimit(name) => self.remove_limit(name),
            Operation::AddSet(name, set) => {
                if !self.table().sets.contains_key(name) {
                    self.put_set(name.clone(), (**set).clone());
                }
            }
            Operation::DeleteSet(name) => self.remove_set(name),
            Operation::AddElements(name, elements) => {
                let elements = elements.iter();
                self.insert_elements(name, elements.map(|(k, e)| (k.clone(), e.clone())));
            }
            Operation::DeleteElements(name, keys) => {
                keys.iter().for_each(|key| self.remove_element(name, key));
            }
            Operation::AddChain(name, chain) => {
                if !self.table().chains.contains_key(name) {
                    self.put_chain(name.clone(), chain.clone());
                }
            }
            Operation::FlushChain(name) => self.flush_chain(name),
            Operation::DeleteChain(name) => self.remove_chain(name),
            Operation::AddRule(name, rule) => self.push_rule(name, rule.clone()),
        }
    }
}
