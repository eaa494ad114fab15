//! Sources in, one state out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{Declared, Reader};
use super::fields::{Findings, Path};
use super::files::FileFault;
use super::node::{Node, Place};
use super::references::{self, Reference};
use super::yaml::{Documents, Unparsable};
use super::{Loaded, json};
use crate::model::{EndpointName, GroupName, State};

/// What some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Takes sources in, one after the other.
#[derive(Debug, Default)]
pub(super) struct Loader {
    /// Names and texts.
    sources: Vec<(Arc<str>, Arc<str>)>,
    findings: Findings,
    references: Vec<Reference>,
    state: State,
    documents: usize,
    groups: BTreeMap<GroupName, Place>,
    endpoints: BTreeMap<EndpointName, Place>,
    settings: Option<Place>,
}

impl Loader {
    /// Reads the documents of one text.
    pub(super) fn add(&mut self, name: &str, text: &str) {
        let source = self.sources.len();
        let name: Arc<str> = name.into();
        let text: Arc<str> = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).into();
        self.sources.push((name.clone(), text.clone()));
        if name.ends_with(".json") {
            for document in json::documents(&text, source) {
                self.document(&name, document);
            }
        } else {
            for document in Documents::new(&text, Place::start(source)) {
                self.document(&name, document);
            }
        }
    }

    /// Says that a source could not be read.
    pub(super) fn add_unreadable(&mut self, name: &str, fault: FileFault) {
        let mut place = self.whole_source(name);
        if let FileFault::NotUtf8 { line, .. } = fault {
            place.line = u32::try_from(line).unwrap_or(u32::MAX);
            place.column = 1;
        }
        self.findings
            .error(place, &Path::Document, fault.to_string(), None);
    }

    /// Says that a folder holds nothing to read.
    pub(super) fn add_empty_folder(&mut self, name: &str) {
        let place = self.whole_source(name);
        let message = "no .yaml, .yml or .json file in this folder".to_owned();
        self.findings.warning(place, String::new(), message);
    }

    fn whole_source(&mut self, name: &str) -> Place {
        self.sources.push((name.into(), "".into()));
        Place {
            source: self.sources.len() - 1,
            ..Place::default()
        }
    }

    fn document(&mut self, source: &Arc<str>, document: Result<Node, Unparsable>) {
        self.documents += 1;
        let node = match document {
            Ok(node) => node,
            Err(Unparsable { place, message }) => {
                return self.findings.error(place, &Path::Document, message, None);
            }
        };
        let mut reader = Reader {
            findings: &mut self.findings,
            references: &mut self.references,
            source: source.clone(),
        };
        if let Some((place, declared)) = reader.document(&node) {
            self.declare(place, declared);
        }
    }

    fn declare(&mut self, place: Place, declared: Declared) {
        match declared {
            Declared::Group(name, group) => {
                if let Some(first) = self.groups.get(&name).copied() {
                    return self.twice(place, first, "name", &format!("group {name}"));
                }
                self.groups.insert(name.clone(), place);
                if let Some(group) = group {
                    self.state.groups.insert(name, group);
                }
            }
            Declared::Endpoint(endpoint) => {
                let name = endpoint.name.clone();
                if let Some(first) = self.endpoints.get(&name).copied() {
                    return self.twice(place, first, "name", &format!("endpoint {name}"));
                }
                self.endpoints.insert(name.clone(), place);
                self.state.endpoints.insert(name, *endpoint);
            }
            Declared::Settings(settings) => {
                if let Some(first) = self.settings.replace(place) {
                    self.settings = Some(first);
                    return self.twice(place, first, "kind", "the Settings document");
                }
                self.state.settings = settings;
            }
        }
    }

    fn twice(&mut self, place: Place, first: Place, field: &str, what: &str) {
        let file = self.sources.get(first.source).map_or("", |(name, _)| name);
        let message = format!("{what} is there twice: first at {file}:{}", first.line);
        let path = Path::Field(&Path::Document, field);
        self.findings.error(place, &path, message, None);
    }

    /// What all sources say together.
    pub(super) fn finish(mut self) -> Loaded {
        references::missing_groups(self.references, &self.groups, &mut self.findings);
        references::shared(&self.state, &self.endpoints, &mut self.findings);
        let mut findings = self.findings.into_vec();
        findings.sort_by_key(|finding| finding.place);
        let problems = findings.into_iter().filter_map(|finding| {
            let (name, text) = self.sources.get(finding.place.source)?;
            Some(finding.of_source(name, text))
        });
        Loaded {
            problems: problems.collect(),
            state: self.state,
            documents: self.documents,
        }
    }
}
