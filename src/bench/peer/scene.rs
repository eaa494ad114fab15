//! A world as other methods see it: endpoints by interface, their groups, the addresses of members.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::{
    Direction, Endpoint, GroupName, GroupRule, Peer, SecurityGroup, Settings, State,
};
use crate::net::Family;

/// What one host must enforce.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// The endpoints of the host by interface; of two on one interface the first by name.
    pub(super) endpoints: BTreeMap<&'a str, &'a Endpoint>,
    /// The groups that they belong to and that exist.
    pub(super) groups: BTreeMap<&'a GroupName, &'a SecurityGroup>,
    /// What the names of workload interfaces begin with.
    pub(super) prefixes: Vec<&'a str>,
    members: BTreeMap<&'a GroupName, Vec<&'a Endpoint>>,
}

impl<'a> Scene<'a> {
    /// What a host must enforce of a state.
    ///
    /// # Errors
    /// The first thing in it that no other peer here knows how to say.
    pub(super) fn new(state: &'a State, host: &str) -> Result<Self, String> {
        expressible(state, host)?;
        let prefixes = &state.settings.interface_prefixes;
        let mut scene = Self {
            endpoints: BTreeMap::new(),
            groups: BTreeMap::new(),
            prefixes: prefixes.iter().map(|prefix| prefix.as_str()).collect(),
            members: BTreeMap::new(),
        };
        for endpoint in state.endpoints.values() {
            for group in endpoint.groups() {
                scene.members.entry(group).or_default().push(endpoint);
            }
        }
        for endpoint in state.endpoints.values().filter(|e| e.host == host) {
            scene.take(endpoint, state)?;
        }
        Ok(scene)
    }

    fn take(&mut self, endpoint: &'a Endpoint, state: &'a State) -> Result<(), String> {
        let interface = endpoint.interface.as_str();
        let mut prefixes = self.prefixes.iter();
        if !prefixes.any(|prefix| interface.starts_with(prefix)) {
            return Err(format!(
                "it knows workloads by the beginning of an interface's name, and {interface} of endpoint {} has none of {:?}",
                endpoint.name, self.prefixes
            ));
        }
        if self.endpoints.contains_key(interface) {
            return Ok(());
        }
        self.endpoints.insert(interface, endpoint);
        let existing = endpoint.groups().iter();
        self.groups
            .extend(existing.filter_map(|name| state.groups.get_key_value(name)));
        Ok(())
    }

    /// The groups of an endpoint that exist, in order.
    pub(super) fn groups_of(&self, endpoint: &'a Endpoint) -> impl Iterator<Item = &'a GroupName> {
        let names = endpoint.groups().iter();
        names.filter(|name| self.groups.contains_key(name))
    }

    /// The addresses of a group's members.
    pub(super) fn members(&self, group: &GroupName, family: Family) -> BTreeSet<IpAddr> {
        let endpoints = self.members.get(group).into_iter().flatten();
        endpoints
            .flat_map(|endpoint| endpoint.addresses.iter().copied())
            .filter(|address| Family::of(*address) == family)
            .collect()
    }

    /// The groups that rules in use name as the other end, each in the families that it is named in.
    pub(super) fn peers(&self) -> BTreeSet<(&'a GroupName, Family)> {
        let all = self.groups.values();
        all.flat_map(|group| Direction::ALL.map(|direction| group.rules(direction).iter()))
            .flatten()
            .filter_map(named)
            .collect()
    }
}

fn named(rule: &GroupRule) -> Option<(&GroupName, Family)> {
    match &rule.peer {
        Peer::Group(group) => Some((group, rule.family)),
        Peer::Cidr(_) => None,
    }
}

/// The worlds that are measured are of groups, with the settings that are so where nobody says otherwise.
fn expressible(state: &State, host: &str) -> Result<(), String> {
    let mut endpoints = state.endpoints.values();
    if let Some(endpoint) = endpoints.find(|endpoint| endpoint.labelled().is_some()) {
        return Err(format!(
            "it is given security groups alone, and selectors choose endpoint {}",
            endpoint.name
        ));
    }
    let plain = Settings {
        interface_prefixes: state.settings.interface_prefixes.clone(),
        ..Settings::default()
    };
    match state.settings_of(host) == plain {
        true => Ok(()),
        false => Err("it knows no other settings than the prefixes of interfaces".to_owned()),
    }
}
