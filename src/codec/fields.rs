//! Typed reading of nodes: what does not fit is written down, with its field and what is allowed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::node::{Node, Place, Value};
use super::problem::{Finding, Severity};
use crate::net::InvalidValue;

/// Where a node hangs in its document; prints as `rules.ingress[3]`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The document itself.
    Document,
    /// A field of a map.
    Field(&'a Self, &'a str),
    /// An item of a list.
    Item(&'a Self, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => Ok(()),
            Self::Field(Path::Document, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The known fields of a map.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    place: Place,
    present: Vec<(&'static str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a field, where one was written.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.present
            .iter()
            .find_map(|&(known, node)| (known == name).then_some(node))
    }
}

/// Everything that was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    errors: usize,
}

impl Findings {
    /// How many errors there are.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// All of them.
    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.list
    }

    /// Writes an error down.
    pub(super) fn error(
        &mut self,
        place: Place,
        path: &Path<'_>,
        message: impl Into<String>,
        allowed: impl Into<Option<Cow<'static, str>>>,
    ) {
        self.errors += 1;
        self.list.push(Finding {
            severity: Severity::Error,
            place,
            field: path.to_string(),
            message: message.into(),
            allowed: allowed.into(),
        });
    }

    /// Writes a value down that does not parse.
    pub(super) fn invalid(&mut self, place: Place, path: &Path<'_>, value: &InvalidValue) {
        self.error(place, path, value.finding(), Cow::Borrowed(value.allowed));
    }

    /// Writes a warning down.
    pub(super) fn warning(&mut self, place: Place, field: String, message: String) {
        self.list.push(Finding {
            severity: Severity::Warning,
            place,
            field,
            message,
            allowed: None,
        });
    }

    /// The fields of a map, each at most once and no other than the known ones.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &Path<'_>,
        known: &'static [&'static str],
    ) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            self.mismatch(node, path, "a map");
            return None;
        };
        let mut seen = Vec::new();
        for (key, value) in entries {
            match known.iter().find(|&&name| is_text(key, name)) {
                Some(name) if seen.iter().any(|&(other, _)| other == *name) => {
                    let path = Path::Field(path, name);
                    self.error(key.place, &path, "the field is there twice", None);
                }
                Some(name) => seen.push((*name, value)),
                None => self.unknown(key, path, known),
            }
        }
        seen.retain(|(_, value)| !matches!(value.value, Value::Null));
        Some(Fields {
            place: node.place,
            present: seen,
        })
    }

    fn unknown(&mut self, key: &Node, path: &Path<'_>, known: &'static [&'static str]) {
        let allowed = Cow::Owned(known.join(", "));
        match &key.value {
            Value::Scalar(scalar) => {
                let name = InvalidValue::new("field", &scalar.text, "");
                let shown: String = scalar.text.chars().take(60).collect();
                self.error(
                    key.place,
                    &Path::Field(path, &shown),
                    unknown_field(&name),
                    allowed,
                );
            }
            Value::Null | Value::List(_) | Value::Map(_) => {
                let message = format!("{} as the name of a field", key.kind());
                self.error(key.place, path, message, allowed);
            }
        }
    }

    /// A field that must be there.
    pub(super) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        path: &Path<'_>,
        name: &'static str,
    ) -> Option<&'n Node> {
        let node = fields.get(name);
        if node.is_none() {
            self.error(
                fields.place,
                &Path::Field(path, name),
                "the field is missing",
                None,
            );
        }
        node
    }

    /// The items of a list; of nothing, none.
    pub(super) fn list<'n>(&mut self, node: Option<&'n Node>, path: &Path<'_>) -> &'n [Node] {
        match node.map(|node| (node, &node.value)) {
            None => &[],
            Some((_, Value::List(items))) => items,
            Some((node, Value::Null | Value::Scalar(_) | Value::Map(_))) => {
                self.mismatch(node, path, "a list");
                &[]
            }
        }
    }

    /// A text, and where its first character stands if it is written as it is.
    pub(super) fn text<'n>(
        &mut self,
        node: &'n Node,
        path: &Path<'_>,
    ) -> Option<(&'n str, Option<Place>)> {
        match &node.value {
            Value::Scalar(scalar) => Some((&scalar.text, scalar.verbatim)),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.mismatch(node, path, "a text");
                None
            }
        }
    }

    /// A text that is a value of a type.
    pub(super) fn value<T>(&mut self, node: &Node, path: &Path<'_>) -> Option<T>
    where
        T: FromStr<Err = InvalidValue>,
    {
        let (text, _) = self.text(node, path)?;
        text.parse()
            .map_err(|invalid| self.invalid(node.place, path, &invalid))
            .ok()
    }

    fn mismatch(&mut self, node: &Node, path: &Path<'_>, wanted: &'static str) {
        let message = format!("found {}", node.kind());
        self.error(node.place, path, message, Cow::Borrowed(wanted));
    }
}

fn is_text(node: &Node, text: &str) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text == text)
}

fn unknown_field(name: &InvalidValue) -> String {
    name.finding().replacen("invalid", "unknown", 1)
}
