//! Settings: which interfaces are workloads', where the metadata service is, what reaches the host.

use super::endpoints::{fill, insert};
use super::names;
use super::rules;
use super::skeleton;
use crate::model::{HostAction, InterfacePrefix, Settings};
use crate::net::{Family, octets};
use crate::ruleset::key::{KeyBuilder, interface_bytes};
use crate::ruleset::{Key, Rule, Statement, Table, Verdict};

/// Fills the slots that settings decide.
pub(super) fn add(table: &mut Table, settings: &Settings) {
    for prefix in outermost(&settings.interface_prefixes) {
        insert(table, skeleton::WORKLOADS, wildcard(prefix));
    }
    if let Some(metadata) = settings.metadata {
        let slot = match Family::of(metadata.address) {
            Family::V4 => skeleton::METADATA4,
            Family::V6 => skeleton::METADATA6,
        };
        let address = KeyBuilder::default().exact(&octets(metadata.address));
        insert(
            table,
            slot,
            address.exact(&metadata.port.to_be_bytes()).build(),
        );
    }
    fill(
        table,
        skeleton::HOST_ACTION,
        host_action(settings.endpoint_to_host),
    );
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
