//! Which sets operations touch.

use std::collections::BTreeSet;

use super::shape::Catalog;
use crate::ruleset::transaction::Operation;
use crate::ruleset::{MarkSource, Name, Operand, Rule, Statement, VmapSource};

/// Whether operations touch a set that is neither in the catalog nor added by them.
pub(crate) fn to_unknown_sets(operations: &[Operation], catalog: &Catalog) -> bool {
    let mut added = BTreeSet::new();
    for operation in operations {
        let is_unknown = |name: &Name| catalog.shape(name).is_none() && !added.contains(name);
        let unknown = match operation {
            Operation::AddSet(name, _) => {
                added.insert(name.clone());
                false
            }
            Operation::AddElements(name, _) | Operation::DeleteElements(name, _) => {
                is_unknown(name)
            }
            Operation::AddRule(_, rule) => sets_of(rule).any(is_unknown),
            Operation::AddTable
            | Operation::DeleteTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_)
            | Operation::DeleteSet(_)
            | Operation::AddChain(..)
            | Operation::FlushChain(_)
            | Operation::DeleteChain(_) => false,
        };
        if unknown {
            return true;
        }
    }
    false
}

/// The named sets that a rule looks up.
fn sets_of(rule: &Rule) -> impl Iterator<Item = &Name> {
    rule.statements
        .iter()
        .filter_map(|statement| match statement {
            Statement::Match(test) => match &test.right {
                Operand::Set(name) => Some(name),
                Operand::Key(_) | Operand::AnyBit(_) | Operand::Anonymous(_) => None,
            },
            Statement::Vmap {
                map: VmapSource::Named(map),
                ..
            }
            | Statement::CounterMap { map, .. }
            | Statement::SetMark(MarkSource::Map { map, .. }) => Some(map),
            Statement::Vmap {
                map: VmapSource::Anonymous(_),
                ..
            }
            | Statement::SetMark(MarkSource::Bits { .. })
            | Statement::Dynamic { .. }
            | Statement::Verdict(_)
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::Limit(_)
            | Statement::NamedLimit(_)
            | Statement::Log { .. }
            | Statement::Reject(_)
            | Statement::Notrack => None,
        })
}
