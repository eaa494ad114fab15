//! Settings: which interfaces are workloads', where the metadata service is, what reaches the host.

use super::names;
use super::outcome::denial;
use super::rules;
use super::skeleton;
use crate::model::{HostAction, InterfacePrefix, InvalidCheck, Settings};
use crate::net::{Family, octets};
use crate::ruleset::key::{KeyBuilder, interface_bytes};
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Chain, Element, Key, Rule, Statement, Table, Verdict};

/// Fills the slots that settings decide, over what settings before filled in.
pub(super) fn fill(table: &mut Tracked, skeleton: &Table, settings: &Settings) {
    let prefixes = outermost(&settings.interface_prefixes).map(wildcard);
    keys(table, skeleton, skeleton::WORKLOADS, prefixes.collect());
    for (family, slot) in [
        (Family::V4, skeleton::METADATA4),
        (Family::V6, skeleton::METADATA6),
    ] {
        let own = settings
            .metadata
            .filter(|m| Family::of(m.address) == family);
        let key = own.map(|metadata| {
            let address = KeyBuilder::default().exact(&octets(metadata.address));
            address.exact(&metadata.port.to_be_bytes()).build()
        });
        keys(table, skeleton, slot, key.into_iter().collect());
    }
    chain(
        table,
        skeleton::HOST_ACTION,
        vec![host_action(settings.endpoint_to_host)],
    );
    let refusal = Rule::new(vec![denial(settings.deny_action)]);
    chain(table, skeleton::REFUSED, vec![refusal]);
    let invalid = skeleton.chains.get(&names::fixed(skeleton::INVALID));
    let rules = match settings.invalid_check {
        InvalidCheck::Enforced => invalid.map(|chain| chain.rules.clone()),
        InvalidCheck::Disabled => None,
    };
    chain(table, skeleton::INVALID, rules.unwrap_or_default());
}

fn keys(table: &mut Tracked, skeleton: &Table, slot: &'static str, keys: Vec<Key>) {
    let name = names::fixed(slot);
    if let Some(declared) = skeleton.sets.get(&name) {
        let mut set = declared.clone();
        set.elements = keys
            .into_iter()
            .map(|key| (key, Element::default()))
            .collect();
        table.put_set(name, set);
    }
}

fn chain(table: &mut Tracked, slot: &'static str, rules: Vec<Rule>) {
    let chain = Chain {
        rules,
        ..Chain::default()
    };
    table.put_chain(names::fixed(slot), chain);
}

/// `goto allowed`, `accept` without our mark, or `drop`.
fn host_action(action: HostAction) -> Rule {
    Rule::new(vec![match action {
        HostAction::Drop => Statement::Verdict(Verdict::Drop),
        HostAction::Return => Statement::Verdict(Verdict::Accept),
        HostAction::Accept => rules::goto(names::fixed(skeleton::ALLOWED)),
    }])
}

/// The prefixes that no other one covers: the kernel refuses ranges that overlap.
fn outermost(prefixes: &[InterfacePrefix]) -> impl Iterator<Item = &InterfacePrefix> {
    let covers = |outer: &InterfacePrefix, inner: &InterfacePrefix| {
        outer != inner && inner.as_str().starts_with(outer.as_str())
    };
    prefixes
        .iter()
        .filter(move |inner| !prefixes.iter().any(|outer| covers(outer, inner)))
}

/// `"tap*"`: every name that begins so.
fn wildcard(prefix: &InterfacePrefix) -> Key {
    let first = interface_bytes(prefix.as_str());
    let mut last = [0xff; 16];
    last[..prefix.as_str().len()].copy_from_slice(prefix.as_str().as_bytes());
    Key::range(&first, &last)
}
