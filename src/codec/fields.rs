//! Typed reading of nodes: what does not fit is written down, with its field and what is allowed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::Strictness;
use super::calico::Group;
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
    /// The fields of a map that is not there.
    pub(super) fn none(place: Place) -> Self {
        Self {
            place,
            present: Vec::new(),
        }
    }

    /// Where the map begins.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The known fields that were written, by name.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.present.iter().map(|&(name, _)| name)
    }

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
    strictness: Strictness,
}

impl Findings {
    /// Nothing found yet.
    pub(super) fn new(strictness: Strictness) -> Self {
        Self {
            strictness,
            ..Self::default()
        }
    }

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
        self.fault(place, path.to_string(), message.into(), allowed.into());
    }

    fn fault(
        &mut self,
        place: Place,
        field: String,
        message: String,
        allowed: Option<Cow<'static, str>>,
    ) {
        self.errors += 1;
        self.list.push(Finding {
            severity: Severity::Error,
            place,
            field,
            message,
            allowed,
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
        self.known(node, path, || known.iter().copied(), Severity::Error)
    }

    /// The fields of a map of a Calico resource; another one is a fault only if strictness asks for it.
    pub(super) fn resource<'n>(
        &mut self,
        node: &'n Node,
        path: &Path<'_>,
        known: &'static [Group],
    ) -> Option<Fields<'n>> {
        let names = || known.iter().flat_map(|group| group.names.iter().copied());
        let unknown = match self.strictness {
            Strictness::Lenient => Severity::Warning,
            Strictness::Strict => Severity::Error,
        };
        self.known(node, path, names, unknown)
    }

    fn known<'n, N: Iterator<Item = &'static str>>(
        &mut self,
        node: &'n Node,
        path: &Path<'_>,
        known: impl Fn() -> N,
        unknown: Severity,
    ) -> Option<Fields<'n>> {
        let mut seen = Vec::new();
        for (key, value) in self.map_or_mismatch(node, path)? {
            match known().find(|name| is_text(key, name)) {
                Some(name) if seen.iter().any(|&(other, _)| other == name) => {
                    let path = Path::Field(path, name);
                    self.error(key.place, &path, "the field is there twice", None);
                }
                Some(name) => seen.push((name, value)),
                None => self.unknown(key, path, known(), unknown),
            }
        }
        seen.retain(|(_, value)| !matches!(value.value, Value::Null));
        Some(Fields {
            place: node.place,
            present: seen,
        })
    }

    fn unknown(
        &mut self,
        key: &Node,
        path: &Path<'_>,
        known: impl Iterator<Item = &'static str>,
        severity: Severity,
    ) {
        let (field, message) = match &key.value {
            Value::Scalar(scalar) => {
                let name = InvalidValue::new("field", &scalar.text, "");
                let shown: String = scalar.text.chars().take(60).collect();
                let field = Path::Field(path, &shown).to_string();
                (field, unknown_field(&name))
            }
            Value::Null | Value::List(_) | Value::Map(_) => (
                path.to_string(),
                format!("{} as the name of a field", key.kind()),
            ),
        };
        match severity {
            Severity::Error => {
                let allowed = known.collect::<Vec<_>>().join(", ");
                self.fault(key.place, field, message, Some(Cow::Owned(allowed)));
            }
            Severity::Warning => self.warning(key.place, field, message),
        }
    }

    /// The entries of a map.
    pub(super) fn map<'n>(&mut self, node: &'n Node, path: &Path<'_>) -> &'n [(Node, Node)] {
        self.map_or_mismatch(node, path).unwrap_or(&[])
    }

    fn map_or_mismatch<'n>(
        &mut self,
        node: &'n Node,
        path: &Path<'_>,
    ) -> Option<&'n [(Node, Node)]> {
        if let Value::Map(entries) = &node.value {
            return Some(entries);
        }
        self.mismatch(node, path, "a map");
        None
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

    /// The value of a field that must be there.
    pub(super) fn required_value<T>(
        &mut self,
        fields: &Fields<'_>,
        path: &Path<'_>,
        name: &'static str,
    ) -> Option<T>
    where
        T: FromStr<Err = InvalidValue>,
    {
        let node = self.required(fields, path, name)?;
        self.value(node, &Path::Field(path, name))
    }

    /// The text of a field, where one was written that is not empty.
    pub(super) fn some_text<'n>(
        &mut self,
        fields: &Fields<'n>,
        path: &Path<'_>,
        name: &'static str,
    ) -> Option<(&'n str, Option<Place>)> {
        let text = self.text(fields.get(name)?, &Path::Field(path, name))?;
        (!text.0.is_empty()).then_some(text)
    }

    /// The value of a field, where a text was written that is not empty.
    pub(super) fn some_value<T>(
        &mut self,
        fields: &Fields<'_>,
        path: &Path<'_>,
        name: &'static str,
    ) -> Option<T>
    where
        T: FromStr<Err = InvalidValue>,
    {
        self.some_text(fields, path, name)?;
        self.value(fields.get(name)?, &Path::Field(path, name))
    }

    /// The values of a list, each with its node.
    pub(super) fn values<'n, T>(
        &mut self,
        fields: &Fields<'n>,
        path: &Path<'_>,
        name: &'static str,
    ) -> Vec<(&'n Node, T)>
    where
        T: FromStr<Err = InvalidValue>,
    {
        let path = Path::Field(path, name);
        let items = self.list(fields.get(name), &path).iter().enumerate();
        items
            .filter_map(|(index, item)| Some((item, self.value(item, &Path::Item(&path, index))?)))
            .collect()
    }

    /// Complains of a list that has more items than it may.
    pub(super) fn at_most(
        &mut self,
        max: usize,
        fields: &Fields<'_>,
        path: &Path<'_>,
        name: &'static str,
    ) {
        let Some(node) = fields.get(name) else { return };
        if let Value::List(items) = &node.value
            && items.len() > max
        {
            let message = format!("a list of {} items", items.len());
            let allowed = Cow::Owned(format!("at most {max}"));
            self.error(node.place, &Path::Field(path, name), message, allowed);
        }
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
