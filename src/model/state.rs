//! Everything that is known, and the events that change it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Endpoint, EndpointName, GroupName, SecurityGroup, Settings};

/// Where something was written. It is no part of what it means: two values that differ in their
/// origin alone are equal.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file or key, if it came from one.
    pub source: Option<Arc<str>>,
    /// The line, from 1; 0 where unknown.
    pub line: u32,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}:{}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// Everything that operators have said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The security groups by name.
    pub groups: BTreeMap<GroupName, SecurityGroup>,
    /// The endpoints of all hosts by name.
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// The settings.
    pub settings: Settings,
}

/// One change of what operators say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A group appears or changes.
    Group(SecurityGroup),
    /// A group is gone.
    GroupGone(GroupName),
    /// An endpoint appears or changes.
    Endpoint(Box<Endpoint>),
    /// An endpoint is gone.
    EndpointGone(EndpointName),
    /// The settings change.
    Settings(Settings),
}

impl State {
    /// Takes one change in.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Group(group) => {
                self.groups.insert(group.name.clone(), group);
            }
            Event::GroupGone(name) => {
                self.groups.remove(&name);
            }
            Event::Endpoint(endpoint) => {
                self.endpoints.insert(endpoint.name.clone(), *endpoint);
            }
            Event::EndpointGone(name) => {
                self.endpoints.remove(&name);
            }
            Event::Settings(settings) => self.settings = settings,
        }
    }
}
