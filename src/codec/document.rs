//! One document: which kind it is, and who reads it.

use std::borrow::Cow;

use super::calico::{self, Kind, Resource};
use super::fields::{Findings, Path};
use super::node::{Node, Place, Value};
use super::references::Reference;
use super::{endpoint, group, settings};
use crate::model::{Endpoint, GroupName, Origin, ScopedName, SecurityGroup, Settings};
use crate::net::InvalidValue;

/// The version of the documents that are read.
const API_VERSION: &str = "margay/v1";

/// What a document declares. A part that is wrong is left out, and said to be wrong elsewhere.
#[derive(Debug)]
pub(super) enum Declared {
    /// A group, or its name alone where its rules are wrong.
    Group(GroupName, Option<SecurityGroup>),
    /// An endpoint.
    Endpoint(Box<Endpoint>),
    /// Settings.
    Settings(Settings),
    /// A Calico resource.
    Resource(Resource),
}

/// What a document is read with.
pub(super) struct Reader<'a> {
    /// What is wrong.
    pub(super) findings: &'a mut Findings,
    /// What is named.
    pub(super) references: &'a mut Vec<Reference>,
    /// The source as origins name it.
    pub(super) source: std::sync::Arc<str>,
    /// What a resource is called, where its key in a store says so.
    pub(super) identity: Option<ScopedName>,
}

impl Reader<'_> {
    /// Where a value came from.
    pub(super) fn origin(&self, place: Place) -> Origin {
        Origin {
            source: Some(self.source.clone()),
            line: place.line,
        }
    }

    /// What the document declares, each with the place of its name.
    pub(super) fn document(&mut self, node: &Node) -> Vec<(Place, Declared)> {
        let Value::Map(entries) = &node.value else {
            let message = format!("a document that is {}", node.kind());
            let allowed = Cow::Borrowed("a map with apiVersion and kind");
            self.findings
                .error(node.place, &Path::Document, message, allowed);
            return Vec::new();
        };
        if head(entries, "kind").is_some_and(|(_, kind)| calico::is_list(kind)) {
            return self.list(node, entries);
        }
        let versions = &[API_VERSION, calico::API_VERSION];
        let declared = match self.word(node, entries, "apiVersion", versions) {
            Some(API_VERSION) => self.own(node, entries),
            Some(_) => self.resource(node, &Path::Document, None),
            None => None,
        };
        declared.into_iter().collect()
    }

    /// The items of a list. `kubectl` gives it the version of its own.
    fn list(&mut self, node: &Node, entries: &[(Node, Node)]) -> Vec<(Place, Declared)> {
        let versions = &[calico::API_VERSION, "v1"];
        if self.word(node, entries, "apiVersion", versions).is_none() {
            return Vec::new();
        }
        let kind = head(entries, "kind").and_then(|(_, kind)| calico::of_items(kind));
        let items = calico::documents(self.findings, node);
        let path = Path::Field(&Path::Document, "items");
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| self.resource(item, &Path::Item(&path, index), kind))
            .collect()
    }

    /// A Calico resource, of the kind of its list where it does not say its own.
    fn resource(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        listed: Option<Kind>,
    ) -> Option<(Place, Declared)> {
        let entries = self.findings.map(node, path);
        let kind = match (head(entries, "kind"), listed) {
            (Some((place, word)), _) => self.kind(place, path, word)?,
            (None, Some(kind)) => kind,
            (None, None) => {
                let allowed = Cow::Owned(Kind::words());
                let path = Path::Field(path, "kind");
                let message = "the field is missing";
                self.findings.error(node.place, &path, message, allowed);
                return None;
            }
        };
        let resource = calico::read(self, node, path, kind)?;
        Some((resource.place, Declared::Resource(resource)))
    }

    fn kind(&mut self, place: Place, path: &Path<'_>, word: &str) -> Option<Kind> {
        let kind = Kind::of(word);
        let path = Path::Field(path, "kind");
        if Kind::is_unrelated(word) {
            let message = format!("{word} has no part in policy: it is ignored");
            self.findings.warning(place, path.to_string(), message);
        } else if kind.is_none() {
            let unknown = InvalidValue::new("kind", word, "").finding();
            let allowed = Cow::Owned(Kind::words());
            self.findings.error(place, &path, unknown, allowed);
        }
        kind
    }

    fn own(&mut self, node: &Node, entries: &[(Node, Node)]) -> Option<(Place, Declared)> {
        match self.word(
            node,
            entries,
            "kind",
            &["SecurityGroup", "Endpoint", "Settings"],
        )? {
            "SecurityGroup" => group::read(self, node),
            "Endpoint" => endpoint::read(self, node),
            _ => settings::read(self, node).map(|s| (node.place, Declared::Settings(s))),
        }
    }

    /// A field of the head that must be one of a few words.
    fn word(
        &mut self,
        node: &Node,
        entries: &[(Node, Node)],
        name: &'static str,
        allowed: &'static [&'static str],
    ) -> Option<&'static str> {
        let path = Path::Field(&Path::Document, name);
        let said = || Cow::Owned(allowed.join(", "));
        let Some(value) = entry(entries, name) else {
            self.findings
                .error(node.place, &path, "the field is missing", said());
            return None;
        };
        let (text, _) = self.findings.text(value, &path)?;
        let word = allowed.iter().find(|word| **word == text);
        if word.is_none() {
            let unknown = InvalidValue::new(name, text, "").finding();
            self.findings.error(value.place, &path, unknown, said());
        }
        word.copied()
    }
}

/// The value of a field of the head.
fn entry<'n>(entries: &'n [(Node, Node)], name: &str) -> Option<&'n Node> {
    let is_name = |key: &Node| matches!(&key.value, Value::Scalar(scalar) if scalar.text == name);
    let mut found = entries.iter().filter(|(key, _)| is_name(key));
    found.next().map(|(_, value)| value)
}

/// The text of a field of the head, and where it stands.
fn head<'n>(entries: &'n [(Node, Node)], name: &str) -> Option<(Place, &'n str)> {
    let node = entry(entries, name)?;
    match &node.value {
        Value::Scalar(scalar) => Some((node.place, &scalar.text)),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}
