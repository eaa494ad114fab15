//! Endpoints: elements of the skeleton's sets and maps, never chains of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::names;
use super::skeleton;
use crate::model::{Endpoint, GroupName, SourceSpoofing, State};
use crate::net::{Cidr, Family, InterfaceName, MacAddress, octets};
use crate::ruleset::key::{KeyBuilder, interface_bytes};
use crate::ruleset::{Element, ElementData, Key, Name, Verdict};

/// The endpoints of this host by interface. Where several name the same interface, the first by
/// name has it and the others carry nothing.
pub fn local<'s>(state: &'s State, host: &str) -> BTreeMap<&'s InterfaceName, &'s Endpoint> {
    let mut local = BTreeMap::new();
    for endpoint in state
        .endpoints
        .values()
        .filter(|endpoint| endpoint.host == host)
    {
        local.entry(&endpoint.interface).or_insert(endpoint);
    }
    local
}

/// The groups of an endpoint that exist: a missing one allows nothing.
pub fn groups<'s>(state: &'s State, endpoint: &'s Endpoint) -> impl Iterator<Item = &'s GroupName> {
    let listed = endpoint.groups().iter();
    listed.filter(|group| state.groups.contains_key(*group))
}

/// Elements by set and key.
pub(super) type Elements = BTreeMap<(Name, Key), Element>;

/// Where the two directions of an endpoint's traffic are held against policy; `None` allows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Targets {
    pub(super) ingress: Option<Name>,
    pub(super) egress: Option<Name>,
}

/// What one endpoint is in the sets of the source check and in both dispatch maps.
pub(super) fn elements(
    endpoint: &Endpoint,
    targets: &Targets,
    spoofing: SourceSpoofing,
) -> Elements {
    let interface = interface_bytes(endpoint.interface.as_str());
    let key = || Key::value(&interface);
    let mut elements = Elements::new();
    let mut put = |set: &'static str, key: Key, data: ElementData| {
        elements.insert((names::fixed(set), key), Element::of(data));
    };
    put(skeleton::ENDPOINTS, key(), ElementData::None);
    for &address in &endpoint.addresses {
        let (set, key) = source(&interface, address, endpoint.mac);
        put(set, key, ElementData::None);
    }
    for &prefix in spoofed(endpoint, spoofing) {
        let (set, key) = source_prefix(&interface, prefix);
        put(set, key, ElementData::None);
    }
    let (set, sender) = sender(&interface, endpoint.mac);
    put(set, sender, ElementData::None);
    if let Some(policy) = &targets.egress {
        let jump = ElementData::Verdict(Verdict::Jump(policy.clone()));
        put(skeleton::FROM, key(), jump);
    }
    // Without one, what another endpoint may send would pass: its interface need not have a prefix.
    let ingress = targets.ingress.clone().map_or(Verdict::Drop, Verdict::Goto);
    put(skeleton::TO, key(), ElementData::Verdict(ingress));
    elements
}

/// `iifname . ether saddr`, or `iifname` alone where the MAC is not known.
fn sender(interface: &[u8], mac: Option<MacAddress>) -> (&'static str, Key) {
    let key = KeyBuilder::default().exact(interface);
    match mac {
        Some(mac) => (skeleton::SOURCE_MACS, key.exact(&mac.0).build()),
        None => (skeleton::SOURCE_ANY_MAC, key.build()),
    }
}

/// `iifname . ip saddr`, with `. ether saddr` where the MAC is known.
fn source(interface: &[u8], address: IpAddr, mac: Option<MacAddress>) -> (&'static str, Key) {
    let key = KeyBuilder::default()
        .exact(interface)
        .exact(&octets(address));
    match (mac, address) {
        (None, IpAddr::V4(_)) => (skeleton::SOURCE_IP4, key.build()),
        (None, IpAddr::V6(_)) => (skeleton::SOURCE_IP6, key.build()),
        (Some(mac), IpAddr::V4(_)) => (skeleton::SOURCE_MAC4, key.exact(&mac.0).build()),
        (Some(mac), IpAddr::V6(_)) => (skeleton::SOURCE_MAC6, key.exact(&mac.0).build()),
    }
}

/// The prefixes that an endpoint may send from, those inside others left out.
fn spoofed(endpoint: &Endpoint, spoofing: SourceSpoofing) -> impl Iterator<Item = &Cidr> {
    let labelled = endpoint
        .labelled()
        .filter(|_| spoofing == SourceSpoofing::Any);
    let all = labelled.map(|labelled| &labelled.spoofed);
    let covers = |outer: &Cidr, inner: &Cidr| {
        outer != inner
            && outer.family() == inner.family()
            && outer.prefix_len() <= inner.prefix_len()
            && outer.contains(inner.network())
    };
    all.into_iter().flatten().filter(move |inner| {
        let mut others = all.into_iter().flatten();
        !others.any(|outer| covers(outer, inner))
    })
}

/// `iifname . ip saddr` of a whole prefix.
fn source_prefix(interface: &[u8], prefix: Cidr) -> (&'static str, Key) {
    let (first, last) = prefix.bounds();
    let key = KeyBuilder::default().exact(interface).range(&first, &last);
    let set = match prefix.family() {
        Family::V4 => skeleton::SOURCE_NET4,
        Family::V6 => skeleton::SOURCE_NET6,
    };
    (set, key.build())
}
