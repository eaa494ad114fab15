//! The fields of a line, taken one after the other until none is left.

use std::fmt;

use serde_json::{Map, Value};

/// What is wrong with a line, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; allowed: {allowed}", place = Place(field.as_deref()))]
pub struct Fault {
    /// The field, if the line is an object.
    pub field: Option<String>,
    /// What is wrong.
    pub what: What,
    /// What is allowed in its place.
    pub allowed: String,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// It is not there.
    #[error("missing")]
    Missing,
    /// A field of this name means nothing here.
    #[error("unknown field")]
    Unknown,
    /// Its value is something else.
    #[error("not {0}")]
    Found(String),
    /// The line is no JSON.
    #[error("no JSON: {0}")]
    Syntax(String),
}

struct Place<'a>(Option<&'a str>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(field) => write!(f, "field {field:?}"),
            None => f.write_str("the line"),
        }
    }
}

/// Characters of a value that an error shows.
const SHOWN_MAX: usize = 60;

/// A value as an error shows it: no longer than a line.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The fields of a line that were not taken yet.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn of(line: &str) -> Result<Self, Fault> {
        let fault = |what| Fault {
            field: None,
            what,
            allowed: "one JSON object".to_owned(),
        };
        match serde_json::from_str(line) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(fault(What::Found(shown(&other)))),
            Err(error) => Err(fault(What::Syntax(error.to_string()))),
        }
    }

    pub(super) fn text(&mut self, field: &str) -> Result<String, Fault> {
        self.take(field, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// One of several words, as what it stands for.
    pub(super) fn word<T: Copy>(&mut self, field: &str, words: &[(&str, T)]) -> Result<T, Fault> {
        let known: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.take(field, &known.join(", "), |value| {
            let (_, meant) = words
                .iter()
                .find(|(word, _)| value.as_str() == Some(word))?;
            Some(*meant)
        })
    }

    /// One of several whole numbers.
    pub(super) fn whole(&mut self, field: &str, allowed: &[u64]) -> Result<u64, Fault> {
        let known: Vec<_> = allowed.iter().map(u64::to_string).collect();
        self.take(field, &known.join(" or "), |value| {
            value.as_u64().filter(|number| allowed.contains(number))
        })
    }

    /// A number, or `null` for one that is none.
    pub(super) fn number(&mut self, field: &str) -> Result<f64, Fault> {
        self.take(field, "a number, or null for none", |value| match value {
            Value::Null => Some(f64::NAN),
            Value::Number(number) => number.as_f64(),
            Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }

    /// A string, or `null` or no field at all.
    pub(super) fn optional_text(&mut self, field: &str) -> Result<Option<String>, Fault> {
        if !self.0.contains_key(field) {
            return Ok(None);
        }
        self.take(field, "a string, or null for none", |value| match value {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text.clone())),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }

    /// A number, or `null` or no field at all.
    pub(super) fn optional_number(&mut self, field: &str) -> Result<Option<f64>, Fault> {
        match self.0.contains_key(field) {
            true => Ok(Some(self.number(field)?).filter(|number| number.is_finite())),
            false => Ok(None),
        }
    }

    /// A value that others decide.
    pub(super) fn exactly(&mut self, field: &str, expected: &Value) -> Result<(), Fault> {
        self.take(field, &expected.to_string(), |value| {
            (value == expected).then_some(())
        })
    }

    /// Every field that begins so, with what follows in its name.
    pub(super) fn sizes<C>(&mut self, prefix: &str) -> Result<C, Fault>
    where
        C: FromIterator<(String, u64)>,
    {
        let names = self.0.keys().filter(|name| name.starts_with(prefix));
        let names: Vec<String> = names.cloned().collect();
        let sizes = names.into_iter().map(|name| {
            let size = self.take(&name, "a whole number", Value::as_u64)?;
            let axis = name.strip_prefix(prefix).unwrap_or_default();
            Ok((axis.to_owned(), size))
        });
        sizes.collect()
    }

    /// Nothing may be left.
    pub(super) fn end(self, allowed: &str) -> Result<(), Fault> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((field, _)) => Err(Fault {
                field: Some(field),
                what: What::Unknown,
                allowed: allowed.to_owned(),
            }),
        }
    }

    fn take<T>(
        &mut self,
        field: &str,
        allowed: &str,
        meant: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, Fault> {
        let fault = |what| Fault {
            field: Some(field.to_owned()),
            what,
            allowed: allowed.to_owned(),
        };
        let value = self.0.remove(field).ok_or_else(|| fault(What::Missing))?;
        meant(&value).ok_or_else(|| fault(What::Found(shown(&value))))
    }
}
