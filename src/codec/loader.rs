//! Sources in, one state out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calico::{Kind, Resource};
use super::document::{Declared, Reader};
use super::fields::{Findings, Path};
use super::files::FileFault;
use super::node::{Node, Place};
use super::references::{self, Reference, Target};
use super::yaml::{Documents, Unparsable};
use super::{Change, Loaded, Problem, Strictness, json};
use crate::model::{EndpointName, Event, GroupName, ProfileName, State, TierName};

/// What some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Takes sources in, one after the other.
#[derive(Debug)]
pub(super) struct Loader {
    /// Names and texts.
    sources: Vec<(Arc<str>, Arc<str>)>,
    findings: Findings,
    references: Vec<Reference>,
    events: Vec<Event>,
    documents: usize,
    groups: BTreeMap<GroupName, Place>,
    endpoints: BTreeMap<EndpointName, Place>,
    settings: Option<Place>,
    resources: BTreeMap<(Kind, String), Place>,
}

impl Loader {
    /// Nothing read yet.
    pub(super) fn new(strictness: Strictness) -> Self {
        Self {
            sources: Vec::new(),
            findings: Findings::new(strictness),
            references: Vec::new(),
            events: Vec::new(),
            documents: 0,
            groups: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            settings: None,
            resources: BTreeMap::new(),
        }
    }

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
        let node = match document {
            Ok(node) => node,
            Err(Unparsable { place, message }) => {
                self.documents += 1;
                return self.findings.error(place, &Path::Document, message, None);
            }
        };
        let mut reader = Reader {
            findings: &mut self.findings,
            references: &mut self.references,
            source: source.clone(),
            identity: None,
        };
        let declared = reader.document(&node);
        // A list is as many documents as it has items.
        self.documents += declared.len().max(1);
        for (place, declared) in declared {
            self.declare(place, declared);
        }
    }

    fn declare(&mut self, place: Place, declared: Declared) {
        match declared {
            Declared::Group(name, group) => {
                if let Some(first) = self.groups.get(&name).copied() {
                    return self.twice(place, first, "name", &format!("group {name}"));
                }
                self.groups.insert(name, place);
                self.events.extend(group.map(Event::Group));
            }
            Declared::Endpoint(endpoint) => {
                let name = endpoint.name.clone();
                if let Some(first) = self.endpoints.get(&name).copied() {
                    return self.twice(place, first, "name", &format!("endpoint {name}"));
                }
                self.endpoints.insert(name, place);
                self.events.push(Event::Endpoint(endpoint));
            }
            Declared::Settings(settings) => {
                if let Some(first) = self.settings.replace(place) {
                    self.settings = Some(first);
                    return self.twice(place, first, "kind", "the Settings document");
                }
                self.events.push(Event::Settings(settings));
            }
            Declared::Resource(resource) => self.resource(place, resource),
        }
    }

    fn resource(&mut self, place: Place, resource: Resource) {
        let Resource {
            kind, name, events, ..
        } = resource;
        let key = (kind, name);
        if let Some(first) = self.resources.get(&key).copied() {
            return self.twice(place, first, "metadata.name", &format!("{kind} {}", key.1));
        }
        self.resources.insert(key, place);
        for event in events {
            if let Event::Endpoint(endpoint) = &event {
                self.endpoints.insert(endpoint.name.clone(), place);
            }
            self.events.push(event);
        }
    }

    /// Whether something that is named is there, even if it is faulty.
    fn is_declared(&self, target: &Target) -> bool {
        let resource = |kind, name: &str| self.resources.contains_key(&(kind, name.to_owned()));
        match target {
            Target::Group(group) => self.groups.contains_key(group),
            Target::Profile(profile) => {
                *profile == ProfileName::of_default_allow()
                    || resource(Kind::Profile, profile.as_str())
            }
            Target::Tier(tier) => {
                *tier == TierName::of_default() || resource(Kind::Tier, tier.as_str())
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
        let references = std::mem::take(&mut self.references);
        let mut state = State::default();
        for event in std::mem::take(&mut self.events) {
            state.apply(event);
        }
        let mut findings = std::mem::take(&mut self.findings);
        references::missing(references, |target| self.is_declared(target), &mut findings);
        references::shared(&state, &self.endpoints, &mut findings);
        references::spoofed(&state, &self.endpoints, &mut findings);
        Loaded {
            problems: self.problems(findings),
            state,
            documents: self.documents,
        }
    }

    /// What the sources say by themselves, whatever else there may be.
    pub(super) fn finish_change(mut self) -> Change {
        let findings = std::mem::take(&mut self.findings);
        Change {
            problems: self.problems(findings),
            events: self.events,
        }
    }

    /// What is wrong, in the order of the sources and of their lines.
    fn problems(&self, findings: Findings) -> Vec<Problem> {
        let mut findings = findings.into_vec();
        findings.sort_by_key(|finding| finding.place);
        let problems = findings.into_iter().filter_map(|finding| {
            let (name, text) = self.sources.get(finding.place.source)?;
            Some(finding.of_source(name, text))
        });
        problems.collect()
    }
}
