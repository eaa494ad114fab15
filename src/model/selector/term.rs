//! The tree of a selector, and what it means.
//!
//! Nothing here can be deeper than the parser lets it, so recursion is safe.

use std::collections::BTreeSet;

use super::Subject;
use crate::model::label::{LabelKey, LabelValue, LabelView};

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Term {
    /// `all()`
    All,
    /// `global()`: everything, but where it is read as a selector of namespaces.
    Global,
    /// `has(key)`
    Has(LabelKey),
    /// `key == "value"` and its like.
    Label(LabelKey, Relation),
    /// `!x`
    Not(Box<Self>),
    /// `(x && y)`
    And(Vec<Self>),
    /// `(x || y)`
    Or(Vec<Self>),
}

/// What is said of a label's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Relation {
    /// `==`
    Equals(LabelValue),
    /// `!=`
    Differs(LabelValue),
    /// `contains`
    Contains(LabelValue),
    /// `starts with`
    StartsWith(LabelValue),
    /// `ends with`
    EndsWith(LabelValue),
    /// `in`
    In(BTreeSet<LabelValue>),
    /// `not in`
    NotIn(BTreeSet<LabelValue>),
}

impl Term {
    /// Whether something with these labels is meant.
    pub(super) fn matches(&self, labels: &impl LabelView) -> bool {
        match self {
            Self::All | Self::Global => true,
            Self::Has(key) => labels.value(key).is_some(),
            Self::Label(key, relation) => relation.holds(labels.value(key)),
            Self::Not(term) => !term.matches(labels),
            Self::And(terms) => terms.iter().all(|term| term.matches(labels)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(labels)),
        }
    }

    /// The labels that are read.
    pub(super) fn collect_keys<'s>(&'s self, keys: &mut BTreeSet<&'s LabelKey>) {
        match self {
            Self::All | Self::Global => {}
            Self::Has(key) | Self::Label(key, _) => {
                keys.insert(key);
            }
            Self::Not(term) => term.collect_keys(keys),
            Self::And(terms) | Self::Or(terms) => {
                terms.iter().for_each(|term| term.collect_keys(keys));
            }
        }
    }

    /// Whether `global()` is part of it.
    pub(super) fn has_global(&self) -> bool {
        match self {
            Self::Global => true,
            Self::All | Self::Has(_) | Self::Label(..) => false,
            Self::Not(term) => term.has_global(),
            Self::And(terms) | Self::Or(terms) => terms.iter().any(Self::has_global),
        }
    }

    /// A selector of something as the selector of endpoints that it stands for.
    pub(super) fn read_as(self, subject: Subject) -> Self {
        let (prefix, all, global) = match subject {
            Subject::Endpoints => return self,
            Subject::Namespaces => {
                let has = Self::Has(LabelKey::of_namespace());
                let none = Self::Not(Box::new(has.clone()));
                ("pcns.", has, none)
            }
            Subject::ServiceAccounts => ("pcsa.", Self::All, Self::Global),
            Subject::ServiceAccountsAnywhere => {
                let has = Self::Has(LabelKey::of_service_account());
                ("pcsa.", has, Self::Global)
            }
        };
        self.replaced(&|term| match term {
            Self::All => all.clone(),
            Self::Global => global.clone(),
            Self::Has(key) => Self::Has(key.prefixed(prefix)),
            Self::Label(key, relation) => Self::Label(key.prefixed(prefix), relation),
            Self::Not(_) | Self::And(_) | Self::Or(_) => term,
        })
    }

    /// The same tree with other leaves.
    fn replaced(self, leaf: &impl Fn(Self) -> Self) -> Self {
        let each = |terms: Vec<Self>| terms.into_iter().map(|term| term.replaced(leaf)).collect();
        match self {
            Self::All | Self::Global | Self::Has(_) | Self::Label(..) => leaf(self),
            Self::Not(term) => Self::Not(Box::new(term.replaced(leaf))),
            Self::And(terms) => Self::And(each(terms)),
            Self::Or(terms) => Self::Or(each(terms)),
        }
    }

    /// The same meaning without `!!`, `all() &&`, and groups inside groups of their own kind.
    pub(super) fn simplified(self) -> Self {
        match self {
            Self::All | Self::Global | Self::Has(_) | Self::Label(..) => self,
            Self::Not(term) => {
                let term = term.simplified();
                if let Self::Not(inner) = term {
                    *inner
                } else {
                    Self::Not(Box::new(term))
                }
            }
            Self::And(terms) => {
                let mut flat = Vec::with_capacity(terms.len());
                for term in terms {
                    let term = term.simplified();
                    if let Self::And(inner) = term {
                        flat.extend(inner);
                    } else if term != Self::All {
                        flat.push(term);
                    }
                }
                single(flat).unwrap_or_else(Self::And)
            }
            Self::Or(terms) => {
                let mut flat = Vec::with_capacity(terms.len());
                for term in terms {
                    let term = term.simplified();
                    if let Self::Or(inner) = term {
                        flat.extend(inner);
                    } else {
                        flat.push(term);
                    }
                }
                if flat.contains(&Self::All) {
                    return Self::All;
                }
                single(flat).unwrap_or_else(Self::Or)
            }
        }
    }
}

/// The only term; of none, `all()`.
fn single(mut terms: Vec<Term>) -> Result<Term, Vec<Term>> {
    match (terms.pop(), terms.is_empty()) {
        (None, _) => Ok(Term::All),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            terms.push(last);
            Err(terms)
        }
    }
}

impl Relation {
    fn holds(&self, value: Option<&LabelValue>) -> bool {
        let text = value.map(LabelValue::as_str);
        match self {
            Self::Equals(wanted) => value == Some(wanted),
            Self::Differs(wanted) => value != Some(wanted),
            Self::Contains(part) => text.is_some_and(|text| text.contains(part.as_str())),
            Self::StartsWith(part) => text.is_some_and(|text| text.starts_with(part.as_str())),
            Self::EndsWith(part) => text.is_some_and(|text| text.ends_with(part.as_str())),
            Self::In(set) => value.is_some_and(|value| set.contains(value)),
            Self::NotIn(set) => value.is_none_or(|value| !set.contains(value)),
        }
    }
}
