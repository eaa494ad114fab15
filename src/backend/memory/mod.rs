//! A backend without a kernel: it enforces the kernel's rules on objects, and refuses a transaction
//! that packets in flight could see half done.

mod apply;
mod change;
mod depth;
mod elements;
mod publication;
mod safety;

use crate::backend::{Backend, CommitError, Culprit, ObserveError};
use crate::ruleset::transaction::{Commit, Operation, Step, Wait};
use crate::ruleset::{Ruleset, Table, TableKey};

use apply::Refusal;

/// Tables in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryBackend {
    ruleset: Ruleset,
    generation: u32,
}

impl MemoryBackend {
    /// A backend that holds these tables already.
    pub fn holding(ruleset: Ruleset) -> Self {
        Self {
            ruleset,
            generation: 0,
        }
    }

    /// What is in force.
    pub fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// Runs one step, all or nothing; tells whether it changed what packets can reach.
    fn run(&mut self, key: &TableKey, step: &Step) -> Result<safety::Effect, CommitError> {
        let before = self.ruleset.tables.get(key);
        let after = transact(before, step)?;
        let empty = Table::default();
        let effect = safety::check(
            before.unwrap_or(&empty),
            after.as_ref().unwrap_or(&empty),
            step,
        )
        .map_err(|reason| CommitError::Unsafe {
            phase: step.phase,
            reason,
        })?;
        match after {
            Some(table) => self.ruleset.tables.insert(key.clone(), table),
            None => self.ruleset.tables.remove(key),
        };
        self.generation = self.generation.wrapping_add(1);
        Ok(effect)
    }
}

impl Backend for MemoryBackend {
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let mut last = safety::Effect::Invisible;
        for step in &commit.steps {
            if (step.wait, last) == (Wait::None, safety::Effect::Visible) {
                return Err(CommitError::Unsafe {
                    phase: step.phase,
                    reason: "no grace period since a step that packets can see".to_owned(),
                });
            }
            last = self.run(&commit.table, step)?;
        }
        Ok(())
    }

    fn adopt(&mut self, _: &TableKey) -> Result<(), CommitError> {
        Ok(())
    }

    fn is_owned(&self) -> bool {
        true
    }

    fn observe(&mut self, table: &TableKey) -> Result<Option<Table>, ObserveError> {
        Ok(self.ruleset.tables.get(table).cloned())
    }

    fn has_moved(&mut self) -> Result<bool, ObserveError> {
        Ok(false)
    }

    fn generation(&mut self) -> Result<u32, ObserveError> {
        Ok(self.generation)
    }
}

/// The table after a step, `None` where it is gone.
fn transact(before: Option<&Table>, step: &Step) -> Result<Option<Table>, CommitError> {
    let mut table = before.cloned();
    let refused = |operation: &Operation, refusal: Refusal| CommitError::Refused {
        phase: step.phase,
        operation: operation.to_string(),
        culprit: Box::new(Culprit {
            operation: operation.clone(),
            element: refusal.element,
        }),
        errno: refusal.errno.raw_os_error(),
        reason: refusal.reason,
    };
    for operation in &step.operations {
        apply::apply(&mut table, operation).map_err(|refusal| refused(operation, refusal))?;
    }
    let Some(after) = &table else {
        return Ok(None);
    };
    // The kernel validates the graph at the end of the batch; the last edge added stands for it.
    let edge = step
        .operations
        .iter()
        .rev()
        .find(|operation| adds_edge(operation));
    match (depth::check(after), edge) {
        (Err(refusal), Some(operation)) => Err(refused(operation, refusal)),
        (Err(_), None) | (Ok(()), _) => Ok(table),
    }
}

/// Whether an operation can lead packets to another chain.
fn adds_edge(operation: &Operation) -> bool {
    match operation {
        Operation::AddElements(..) | Operation::AddRule(..) | Operation::AddChain(..) => true,
        Operation::AddTable
        | Operation::DeleteTable
        | Operation::AddCounter(..)
        | Operation::DeleteCounter(_)
        | Operation::AddLimit(..)
        | Operation::DeleteLimit(_)
        | Operation::AddSet(..)
        | Operation::DeleteSet(_)
        | Operation::DeleteElements(..)
        | Operation::FlushChain(_)
        | Operation::DeleteChain(_) => false,
    }
}

#[cfg(test)]
mod tests;
