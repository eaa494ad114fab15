//! What a thing must carry for a selector to match it.

use super::term::{Relation, Term};
use crate::model::label::{LabelKey, LabelValue};

/// A label that whatever matches carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement<'s> {
    /// The label, with one of these values.
    OneOf(&'s LabelKey, Vec<&'s LabelValue>),
    /// The label, with whatever value.
    Has(&'s LabelKey),
}

impl<'s> Requirement<'s> {
    /// The label.
    pub fn key(&self) -> &'s LabelKey {
        match self {
            Self::OneOf(key, _) | Self::Has(key) => key,
        }
    }
}

/// The requirements of a term; all of them hold for whatever matches it.
pub(super) fn of(term: &Term) -> Vec<Requirement<'_>> {
    match term {
        Term::All | Term::Global | Term::Not(_) => Vec::new(),
        Term::Has(key) => vec![Requirement::Has(key)],
        Term::Label(key, relation) => of_label(key, relation).into_iter().collect(),
        Term::And(terms) => terms.iter().flat_map(of).collect(),
        Term::Or(terms) => of_either(terms),
    }
}

fn of_label<'s>(key: &'s LabelKey, relation: &'s Relation) -> Option<Requirement<'s>> {
    match relation {
        Relation::Equals(value) => Some(Requirement::OneOf(key, vec![value])),
        Relation::In(values) => Some(Requirement::OneOf(key, values.iter().collect())),
        Relation::Contains(_) | Relation::StartsWith(_) | Relation::EndsWith(_) => {
            Some(Requirement::Has(key))
        }
        Relation::Differs(_) | Relation::NotIn(_) => None,
    }
}

/// What every branch requires of the same label, loosened until it covers them all.
fn of_either(branches: &[Term]) -> Vec<Requirement<'_>> {
    let mut branches = branches.iter().map(of);
    let first = branches.next().unwrap_or_default();
    branches.fold(first, |held, branch| {
        held.into_iter()
            .filter_map(|requirement| loosened(requirement, &branch))
            .collect()
    })
}

fn loosened<'s>(held: Requirement<'s>, branch: &[Requirement<'s>]) -> Option<Requirement<'s>> {
    let same = branch.iter().find(|other| other.key() == held.key())?;
    Some(match (held, same) {
        (Requirement::OneOf(key, mut values), Requirement::OneOf(_, more)) => {
            values.extend(more);
            values.sort();
            values.dedup();
            Requirement::OneOf(key, values)
        }
        (Requirement::OneOf(key, _) | Requirement::Has(key), _) => Requirement::Has(key),
    })
}
