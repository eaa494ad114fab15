//! One document: which kind it is, and who reads it.

use std::borrow::Cow;

use super::fields::{Findings, Path};
use super::node::{Node, Place, Value};
use super::references::Reference;
use super::{endpoint, group, settings};
use crate::model::{Endpoint, GroupName, Origin, SecurityGroup, Settings};
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
}

/// What a document is read with.
pub(super) struct Reader<'a> {
    /// What is wrong.
    pub(super) findings: &'a mut Findings,
    /// Groups that are named.
    pub(super) references: &'a mut Vec<Reference>,
    /// The source as origins name it.
    pub(super) source: std::sync::Arc<str>,
}

impl Reader<'_> {
    /// Where a value came from.
    pub(super) fn origin(&self, place: Place) -> Origin {
        Origin {
            source: Some(self.source.clone()),
            line: place.line,
        }
    }

    /// What the document declares, and the place of its name.
    pub(super) fn document(&mut self, node: &Node) -> Option<(Place, Declared)> {
        let Value::Map(entries) = &node.value else {
            let message = format!("a document that is {}", node.kind());
            let allowed = Cow::Borrowed("a map with apiVersion and kind");
            self.findings
                .error(node.place, &Path::Document, message, allowed);
            return None;
        };
        self.word(node, entries, "apiVersion", &[API_VERSION])?;
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
        let found = entries
            .iter()
            .find(|(key, _)| matches!(&key.value, Value::Scalar(scalar) if scalar.text == name));
        let Some((_, value)) = found else {
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
