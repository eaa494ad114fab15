//! Endpoints: elements of the skeleton's sets and maps, never chains of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::names;
use super::skeleton;
use crate::model::{Direction, Endpoint, GroupName, State};
use crate::net::{InterfaceName, MacAddress, octets};
use crate::ruleset::key::{KeyBuilder, interface_bytes};
use crate::ruleset::{Chain, Key, Name, Rule, Statement, Table, Verdict};

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
pub fn groups<'s>(state: &State, endpoint: &'s Endpoint) -> BTreeSet<&'s GroupName> {
    endpoint
        .groups()
        .iter()
        .filter(|group| state.groups.contains_key(*group))
        .collect()
}

/// Puts one endpoint into the source check and both dispatch maps.
pub(super) fn add(table: &mut Table, endpoint: &Endpoint, groups: &BTreeSet<&GroupName>) {
    let interface = interface_bytes(endpoint.interface.as_str());
    let key = Key::value(&interface);
    insert(table, skeleton::ENDPOINTS, key.clone());
    insert_verdict(
        table,
        skeleton::SOURCE,
        key.clone(),
        source_check(endpoint.mac),
    );
    for &address in &endpoint.addresses {
        add_source(table, &interface, address, endpoint.mac);
    }
    if let Some(mac) = endpoint.mac {
        let key = KeyBuilder::default()
            .exact(&interface)
            .exact(&mac.0)
            .build();
        insert(table, skeleton::SOURCE_MACS, key);
    }
    if let Some(policy) = target(table, groups, Direction::Egress) {
        insert_verdict(table, skeleton::FROM, key.clone(), Verdict::Jump(policy));
    }
    // Without one, what another endpoint may send would pass: its interface need not have a prefix.
    let policy = target(table, groups, Direction::Ingress).map_or(Verdict::Drop, Verdict::Goto);
    insert_verdict(table, skeleton::TO, key, policy);
}

/// The chain that holds an endpoint's policy: that of its only group, or a bundle of several.
fn target(table: &mut Table, groups: &BTreeSet<&GroupName>, direction: Direction) -> Option<Name> {
    let mut list = groups.iter().copied();
    let first = list.next()?;
    if list.next().is_none() {
        return Some(names::policy(first, direction));
    }
    let name = names::bundle(groups.iter().copied(), direction);
    table
        .chains
        .entry(name.clone())
        .or_insert_with(|| bundle(groups, direction));
    Some(name)
}

/// `jump policy/web/in`, `jump policy/db/in`: the first that allows a packet takes it.
fn bundle(groups: &BTreeSet<&GroupName>, direction: Direction) -> Chain {
    let jump = |group: &&GroupName| {
        Rule::new(vec![Statement::Verdict(Verdict::Jump(names::policy(
            group, direction,
        )))])
    };
    Chain {
        rules: groups.iter().map(jump).collect(),
        ..Chain::default()
    }
}

fn source_check(mac: Option<MacAddress>) -> Verdict {
    Verdict::Goto(names::fixed(if mac.is_some() {
        skeleton::SOURCE_MAC
    } else {
        skeleton::SOURCE_IP
    }))
}

/// `iifname . ip saddr`, with `. ether saddr` where the MAC is known.
fn add_source(table: &mut Table, interface: &[u8], address: IpAddr, mac: Option<MacAddress>) {
    let key = KeyBuilder::default()
        .exact(interface)
        .exact(&octets(address));
    match (mac, address) {
        (None, IpAddr::V4(_)) => insert(table, skeleton::SOURCE_IP4, key.build()),
        (None, IpAddr::V6(_)) => insert(table, skeleton::SOURCE_IP6, key.build()),
        (Some(mac), IpAddr::V4(_)) => {
            insert(table, skeleton::SOURCE_MAC4, key.exact(&mac.0).build())
        }
        (Some(mac), IpAddr::V6(_)) => {
            insert(table, skeleton::SOURCE_MAC6, key.exact(&mac.0).build())
        }
    }
}

pub(super) fn insert(table: &mut Table, set: &'static str, key: Key) {
    if let Some(set) = table.sets.get_mut(&names::fixed(set)) {
        set.insert(key);
    }
}

fn insert_verdict(table: &mut Table, map: &'static str, key: Key, verdict: Verdict) {
    if let Some(map) = table.sets.get_mut(&names::fixed(map)) {
        map.insert_verdict(key, verdict);
    }
}

/// Replaces the rules of one of the skeleton's slots.
pub(super) fn fill(table: &mut Table, chain: &'static str, rule: Rule) {
    if let Some(chain) = table.chains.get_mut(&names::fixed(chain)) {
        chain.rules = vec![rule];
    }
}
