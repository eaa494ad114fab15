//! What rules and elements name: the edges between the objects of a table.

use super::{
    Element, ElementData, MarkSource, Name, Operand, Rule, Statement, Verdict, VmapSource,
};

/// An object that a rule or an element names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference<'a> {
    /// A chain that a verdict leads to.
    Chain(&'a Name),
    /// A set or map.
    Set(&'a Name),
    /// A named counter.
    Counter(&'a Name),
    /// A named limit.
    Limit(&'a Name),
}

impl Rule {
    /// What the rule names, in the order of its statements.
    pub fn references(&self) -> Vec<Reference<'_>> {
        self.statements.iter().flat_map(references).collect()
    }
}

impl Element {
    /// The chain that the element leads to.
    pub fn target(&self) -> Option<&Name> {
        match &self.data {
            ElementData::Verdict(verdict) => verdict.target(),
            ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
        }
    }
}

fn references(statement: &Statement) -> Vec<Reference<'_>> {
    match statement {
        Statement::Match(test) => match &test.right {
            Operand::Set(name) => vec![Reference::Set(name)],
            Operand::Key(_) | Operand::AnyBit(_) | Operand::Anonymous(_) => vec![],
        },
        Statement::Verdict(verdict) => chain(verdict).into_iter().collect(),
        Statement::Vmap { map, .. } => match map {
            VmapSource::Named(name) => vec![Reference::Set(name)],
            VmapSource::Anonymous(elements) => elements.values().filter_map(chain).collect(),
        },
        Statement::NamedCounter(name) => vec![Reference::Counter(name)],
        Statement::NamedLimit(name) => vec![Reference::Limit(name)],
        Statement::CounterMap { map, .. } => vec![Reference::Set(map)],
        Statement::SetMark(MarkSource::Map { map, .. }) => vec![Reference::Set(map)],
        Statement::Dynamic { set, .. } => vec![Reference::Set(set)],
        Statement::Counter
        | Statement::Limit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(MarkSource::Bits { .. }) => vec![],
    }
}

fn chain(verdict: &Verdict) -> Option<Reference<'_>> {
    verdict.target().map(Reference::Chain)
}
