//! The canonical text of a selector.

use std::collections::BTreeSet;
use std::fmt;

use super::term::{Relation, Term};
use crate::model::label::LabelValue;

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Has(key) => write!(f, "has({key})"),
            Self::Label(key, relation) => write!(f, "{key} {relation}"),
            Self::Not(term) => write!(f, "!{term}"),
            Self::And(terms) => joined(f, terms, " && "),
            Self::Or(terms) => joined(f, terms, " || "),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, terms: &[Term], operator: &str) -> fmt::Result {
    let mut before = "(";
    for term in terms {
        write!(f, "{before}{term}")?;
        before = operator;
    }
    f.write_str(")")
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => quoted(f, "== ", value),
            Self::Differs(value) => quoted(f, "!= ", value),
            Self::Contains(value) => quoted(f, "contains ", value),
            Self::StartsWith(value) => quoted(f, "starts with ", value),
            Self::EndsWith(value) => quoted(f, "ends with ", value),
            Self::In(values) => set(f, "in", values),
            Self::NotIn(values) => set(f, "not in", values),
        }
    }
}

fn set(f: &mut fmt::Formatter<'_>, operator: &str, values: &BTreeSet<LabelValue>) -> fmt::Result {
    write!(f, "{operator} {{")?;
    let mut before = "";
    for value in values {
        quoted(f, before, value)?;
        before = ", ";
    }
    f.write_str("}")
}

fn quoted(f: &mut fmt::Formatter<'_>, before: &str, value: &LabelValue) -> fmt::Result {
    let quote = if value.as_str().contains('"') {
        '\''
    } else {
        '"'
    };
    write!(f, "{before}{quote}{value}{quote}")
}
