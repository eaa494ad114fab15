//! Selectors: which labelled things are meant.
//!
//! ```text
//! expr := and ( '||' and )*        and := op ( '&&' op )*
//! op   := '!'* ( 'all()' | 'global()' | 'has(' LABEL ')' | '(' expr ')' | LABEL rel )
//! rel  := ( '==' | '!=' | 'contains' | 'starts with' | 'ends with' ) STR | ( 'in' | 'not in' ) '{' [STR (',' STR)* [',']] '}'
//! ```
//!
//! A text that is empty means `all()`. A label that is missing fails every test but `!=` and `not in`.

mod lexer;
mod parse;
mod print;
mod requirement;
mod term;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::label::{LabelKey, LabelValue, LabelView};
use super::name::Namespace;
use crate::net::InvalidValue;
use term::{Relation, Term};

pub use requirement::Requirement;

/// Which labelled things are meant. Cheap to clone; equal where the canonical text is equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector(Arc<Term>);

/// Of what a selector speaks: endpoints carry the labels of their namespace and service account
/// with a prefix, and a selector of namespaces or service accounts is read as one of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Endpoints and network sets, by their labels as they are.
    Endpoints,
    /// Namespaces: `all()` is whatever is in one, `global()` whatever is in none.
    Namespaces,
    /// Service accounts.
    ServiceAccounts,
    /// Service accounts of a global policy: `all()` is whatever has one.
    ServiceAccountsAnywhere,
}

/// A selector that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invalid}, at byte {offset} of the selector")]
pub struct InvalidSelector {
    /// The byte of the text at which the trouble begins.
    pub offset: usize,
    /// What stands there, and what may.
    pub invalid: InvalidValue,
}

impl Selector {
    /// Reads a selector of something.
    ///
    /// # Errors
    /// The first place at which the text cannot go on as it does, and what could stand there.
    pub fn of(subject: Subject, text: &str) -> Result<Self, InvalidSelector> {
        let written = parse::parse(text)?;
        Ok(Self::from(written.read_as(subject).simplified()))
    }

    /// `all()`.
    pub fn all() -> Self {
        Self::from(Term::All)
    }

    /// `!all()`, which nothing matches.
    pub fn nothing() -> Self {
        Self::from(Term::Not(Box::new(Term::All)))
    }

    /// `projectcalico.org/namespace == "..."`.
    pub fn in_namespace(namespace: &Namespace) -> Self {
        Self::one_of(LabelKey::of_namespace(), [LabelValue::from(namespace)])
    }

    /// `has(key)`.
    pub fn has(key: LabelKey) -> Self {
        Self::from(Term::Has(key))
    }

    /// `key in {...}`; of one value, `key == "..."`.
    pub fn one_of(key: LabelKey, values: impl IntoIterator<Item = LabelValue>) -> Self {
        let mut values: BTreeSet<_> = values.into_iter().collect();
        let relation = match values.pop_first() {
            Some(only) if values.is_empty() => Relation::Equals(only),
            Some(first) => {
                values.insert(first);
                Relation::In(values)
            }
            None => Relation::In(values),
        };
        Self::from(Term::Label(key, relation))
    }

    /// What both match.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::from(Term::And(vec![(*self.0).clone(), (*other.0).clone()]).simplified())
    }

    /// What this one does not match.
    #[must_use]
    pub fn not(&self) -> Self {
        Self::from(Term::Not(Box::new((*self.0).clone())).simplified())
    }

    /// Whether something with these labels is meant.
    pub fn matches(&self, labels: &impl LabelView) -> bool {
        self.0.matches(labels)
    }

    /// Whether nothing can match, whatever its labels.
    pub fn is_nothing(&self) -> bool {
        matches!(&*self.0, Term::Not(term) if **term == Term::All)
    }

    /// Whether everything matches, whatever its labels.
    pub fn is_all(&self) -> bool {
        *self.0 == Term::All
    }

    /// Whether it is `global()` and no more.
    pub fn is_global(&self) -> bool {
        *self.0 == Term::Global
    }

    /// Whether `global()` is part of it.
    pub fn has_global(&self) -> bool {
        self.0.has_global()
    }

    /// The labels that the answer can depend on: where none of them changes, it does not.
    pub fn keys(&self) -> BTreeSet<&LabelKey> {
        let mut keys = BTreeSet::new();
        self.0.collect_keys(&mut keys);
        keys
    }

    /// What whatever matches must carry. Each of them holds, so an index may choose the rarest;
    /// where there is none, anything may match.
    pub fn requirements(&self) -> Vec<Requirement<'_>> {
        requirement::of(&self.0)
    }
}

impl From<Term> for Selector {
    fn from(term: Term) -> Self {
        Self(Arc::new(term))
    }
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        Self::of(Subject::Endpoints, text)
    }
}

impl fmt::Display for Selector {
    /// The canonical text, which reads back as the same selector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
