//! What only all documents together show: what nobody declares, what two endpoints share.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Findings, Path};
use super::node::Place;
use crate::model::{EndpointName, GroupName, ProfileName, SourceSpoofing, State, TierName};

/// Something that is named somewhere.
#[derive(Debug)]
pub(super) struct Reference {
    target: Target,
    place: Place,
    field: String,
}

/// What can be named before it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A group.
    Group(GroupName),
    /// A profile.
    Profile(ProfileName),
    /// A tier.
    Tier(TierName),
}

impl Reference {
    /// Something that is named in a field.
    pub(super) fn new(target: Target, place: Place, path: &Path<'_>) -> Self {
        Self {
            target,
            place,
            field: path.to_string(),
        }
    }
}

/// Warns of what no document declares: it is as if it were empty.
pub(super) fn missing(
    references: Vec<Reference>,
    is_declared: impl Fn(&Target) -> bool,
    findings: &mut Findings,
) {
    for reference in references {
        if !is_declared(&reference.target) {
            let message = match &reference.target {
                Target::Group(group) => format!("group {group} does not exist: it allows nothing"),
                Target::Profile(profile) => {
                    format!("profile {profile} does not exist: it allows nothing")
                }
                Target::Tier(tier) => format!(
                    "tier {tier} does not exist: it comes after those that do, and denies at its end"
                ),
            };
            findings.warning(reference.place, reference.field, message);
        }
    }
}

/// Warns of endpoints that would send from prefixes, where their host does not let them.
pub(super) fn spoofed(
    state: &State,
    places: &BTreeMap<EndpointName, Place>,
    findings: &mut Findings,
) {
    for (name, endpoint) in &state.endpoints {
        let wanted = endpoint.labelled().is_some_and(|l| !l.spoofed.is_empty());
        if wanted && state.settings_of(&endpoint.host).source_spoofing == SourceSpoofing::Disabled {
            let place = places.get(name).copied().unwrap_or_default();
            let field = "spec.allowSpoofedSourcePrefixes".to_owned();
            let message = format!(
                "workloadSourceSpoofing is not Any on host {}: {name} may not use these prefixes",
                endpoint.host
            );
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
