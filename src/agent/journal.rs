//! What of what is known changed, so that nobody has to look at all of it to find out.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{EndpointName, Event, State};

/// What of what is known changed since somebody last asked.
#[derive(Debug, Default)]
pub struct Journal {
    changed: BTreeSet<Changed>,
    /// How many endpoints and nodes each host has that has any.
    hosts: BTreeMap<String, usize>,
}

/// Something that changed and that a host's own side depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changed {
    /// Perhaps the settings of this host.
    Settings,
    /// An endpoint that is or was of this host.
    Endpoint(EndpointName),
}

impl Journal {
    /// Takes note of changes that are about to be applied to what is known.
    pub fn note(&mut self, host: &str, state: &State, events: &[Event]) {
        // Where several events are about one thing, each but the first finds what the one before left.
        let mut endpoints: BTreeMap<&EndpointName, Option<&String>> = BTreeMap::new();
        let mut nodes: BTreeMap<&String, bool> = BTreeMap::new();
        for event in events {
            match event {
                Event::Endpoint(endpoint) => {
                    self.endpoint(
                        host,
                        state,
                        &mut endpoints,
                        (&endpoint.name, Some(&endpoint.host)),
                    );
                }
                Event::EndpointGone(name) => {
                    self.endpoint(host, state, &mut endpoints, (name, None));
                }
                Event::Node(node) => {
                    let known = nodes.insert(&node.name, true);
                    if !known.unwrap_or_else(|| state.nodes.contains_key(&node.name)) {
                        self.comes(&node.name);
                    }
                    self.changed.insert(Changed::Settings);
                }
                Event::NodeGone(name) => {
                    let known = nodes.insert(name, false);
                    if known.unwrap_or_else(|| state.nodes.contains_key(name)) {
                        self.goes(name);
                    }
                    self.changed.insert(Changed::Settings);
                }
                Event::Settings(_) | Event::Configuration(_) | Event::ConfigurationGone(_) => {
                    self.changed.insert(Changed::Settings);
                }
                Event::Group(_)
                | Event::GroupGone(_)
                | Event::Tier(_)
                | Event::TierGone(_)
                | Event::Policy(_)
                | Event::PolicyGone(_)
                | Event::Profile(_)
                | Event::ProfileGone(_)
                | Event::NetworkSet(_)
                | Event::NetworkSetGone(_)
                | Event::Readiness(_) => {}
            }
        }
    }

    /// What changed, which is then forgotten.
    pub fn take(&mut self) -> BTreeSet<Changed> {
        std::mem::take(&mut self.changed)
    }

    /// How many hosts are known or have an endpoint.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    fn endpoint<'e>(
        &mut self,
        host: &str,
        state: &State,
        before: &mut BTreeMap<&'e EndpointName, Option<&'e String>>,
        (name, new): (&'e EndpointName, Option<&'e String>),
    ) {
        let known = || state.endpoints.get(name).map(|endpoint| &endpoint.host);
        let old = before.insert(name, new);
        let old = old.unwrap_or_else(known).cloned();
        if [old.as_ref(), new].into_iter().flatten().any(|h| h == host) {
            self.changed.insert(Changed::Endpoint(name.clone()));
        }
        if let Some(new) = new {
            self.comes(new);
        }
        if let Some(old) = old {
            self.goes(&old);
        }
    }

    fn comes(&mut self, host: &str) {
        match self.hosts.get_mut(host) {
            Some(count) => *count += 1,
            None => drop(self.hosts.insert(host.to_owned(), 1)),
        }
    }

    fn goes(&mut self, host: &str) {
        if let Some(count) = self.hosts.get_mut(host) {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(host);
            }
        }
    }
}
