//! What only all documents together show: groups that nobody declares, things that two endpoints share.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Findings, Path};
use super::node::Place;
use crate::model::{EndpointName, GroupName, State};

/// A group that is named somewhere.
#[derive(Debug)]
pub(super) struct Reference {
    group: GroupName,
    place: Place,
    field: String,
}

impl Reference {
    /// A group that is named in a field.
    pub(super) fn new(group: &GroupName, place: Place, path: &Path<'_>) -> Self {
        Self {
            group: group.clone(),
            place,
            field: path.to_string(),
        }
    }
}

/// Warns of groups that no document declares: they are as if they had no members and no rules.
pub(super) fn missing_groups(
    references: Vec<Reference>,
    declared: &BTreeMap<GroupName, Place>,
    findings: &mut Findings,
) {
    for Reference {
        group,
        place,
        field,
    } in references
    {
        if !declared.contains_key(&group) {
            let message = format!("group {group} does not exist: it allows nothing");
            findings.warning(place, field, message);
        }
    }
}

/// Warns of interfaces and addresses that more than one endpoint names.
pub(super) fn shared(
    state: &State,
    places: &BTreeMap<EndpointName, Place>,
    findings: &mut Findings,
) {
    let mut interfaces = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (name, endpoint) in &state.endpoints {
        let place = places.get(name).copied().unwrap_or_default();
        let interface = (&endpoint.host, &endpoint.interface);
        let first = *interfaces.entry(interface).or_insert(endpoint);
        if first.name != *name {
            let message = format!(
                "endpoint {name} and endpoint {} ({}) both have interface {} of host {}: \
                 {}, the first by name, has it",
                first.name, first.origin, endpoint.interface, endpoint.host, first.name
            );
            findings.warning(place, "interface".to_owned(), message);
        }
        for &address in &endpoint.addresses {
            let first = *addresses.entry(address).or_insert(endpoint);
            if first.name != *name && told.insert((name, address)) {
                let message = format!(
                    "endpoint {name} and endpoint {} ({}) both have address {address}",
                    first.name, first.origin
                );
                findings.warning(place, "addresses".to_owned(), message);
            }
        }
    }
}
