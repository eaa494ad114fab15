//! Members that live on other hosts: they may join their new groups before they leave the old ones.
//!
//! Groups admit, so tightening first is right for every change: what both policies drop never passes.
//! But a packet that one group admits before and another afterwards is dropped in between. Loosening
//! first has no such gap, and is right where no packet reads two of the changed addresses: the groups
//! of its peer then decide alone, and being in both admits what the old or the new policy admits. A
//! packet that shows one changed address here shows no other one, unless that is an endpoint's own.

use std::collections::BTreeSet;

use super::generations::Changes;
use super::references::Kind;
use crate::ruleset::{Datatype, Key, Set, Table};

/// Whether nothing changes but the groups of addresses that no endpoint of this host has.
pub(super) fn only_remote_members_change(changes: &Changes<'_>) -> bool {
    let mut moved: BTreeSet<&[u8]> = BTreeSet::new();
    for (name, delta) in &changes.deltas {
        let is_kept = changes.names.kept(Kind::Set, name).is_some();
        if !is_kept || !name.as_str().starts_with("group/") {
            return false;
        }
        let added = delta.added.iter().map(|(key, _)| *key);
        moved.extend(
            added
                .chain(delta.removed.iter().copied())
                .map(|key| &key.start[..]),
        );
    }
    let own = own_addresses(changes.applied).chain(own_addresses(changes.desired));
    changes.rewritten.is_empty() && !own.into_iter().any(|address| moved.contains(address))
}

/// The addresses in the source checks: `iifname . ip saddr`, with and without a MAC.
fn own_addresses(table: &Table) -> impl Iterator<Item = &[u8]> {
    table
        .sets
        .values()
        .filter_map(|set| Some((set, address_type(set)?)))
        .flat_map(|(set, address)| {
            set.elements
                .keys()
                .filter_map(move |key| address_of(key, address))
        })
}

fn address_type(set: &Set) -> Option<Datatype> {
    match set.key[..] {
        [
            Datatype::IfName,
            address @ (Datatype::Ipv4Addr | Datatype::Ipv6Addr),
            ..,
        ] => Some(address),
        _ => None,
    }
}

fn address_of(key: &Key, address: Datatype) -> Option<&[u8]> {
    let at = Datatype::IfName.padded_bytes();
    key.start.get(at..at + address.bytes())
}
