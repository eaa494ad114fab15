//! Addresses that change groups: when they may join their new groups before they leave the old ones.
//!
//! Groups admit, so tightening first is right for every change: what both policies drop never passes.
//! But a packet that one group admits before and another afterwards is dropped in between. Loosening
//! first has no such gap, and is right where the membership of one address decides alone: in both
//! groups it then admits what the old or the new policy admits.
//!
//! That is so for addresses of other hosts: a packet shows one of them here, since both ends cannot
//! be elsewhere. It is so for one endpoint of this host as well, while a `bridge` keeps its own policy,
//! if that changes too, to what the old and the new one both allow. What selectors mean is a group in
//! this sense, as long as nobody denies by it.

use std::collections::BTreeSet;

use super::bridge::is_of_an_object;
use super::generations::{Changes, is_owned, is_policy};
use crate::ruleset::tracked::Polarity;
use crate::ruleset::{Key, Kind};

/// Whose groups change, if nothing but groups, what selectors mean, and the policies of their members
/// does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Regrouped {
    /// Addresses of which a packet shows one: of other hosts, and of one endpoint of this host.
    Peers,
    /// One endpoint of this host, whose policy changes with its groups.
    Endpoint,
    /// Several endpoints, or more than groups.
    More,
}

impl Regrouped {
    /// Looks through every difference.
    pub(super) fn of(changes: &Changes<'_>) -> Self {
        let Some((addresses, interfaces)) = regrouped(changes) else {
            return Self::More;
        };
        let mut remote = false;
        let mut of_here: BTreeSet<&[u8]> = interfaces.iter().copied().collect();
        for addresses in &addresses {
            let before = changes.senders(*addresses).count();
            remote |= before == 0;
            of_here.extend(changes.senders(*addresses));
        }
        // A packet shows one address of here and one of elsewhere at once.
        match (of_here.len(), interfaces.len(), remote) {
            (0, 0, _) | (1, 0, false) => Self::Peers,
            (1, 1, false) => Self::Endpoint,
            _ => Self::More,
        }
    }
}

/// Ranges of addresses, each from its first to its last.
type Ranges<'a> = BTreeSet<(&'a [u8], &'a [u8])>;

/// The addresses that change groups, and the interfaces whose policy changes; `None` if more changes.
fn regrouped<'a>(changes: &Changes<'a>) -> Option<(Ranges<'a>, BTreeSet<&'a [u8]>)> {
    let (mut addresses, mut interfaces) = (Ranges::new(), BTreeSet::new());
    for (name, delta) in &changes.deltas {
        changes.names.kept(Kind::Set, name)?;
        if !delta.moved.iter().all(|(_, wanted)| is_policy(wanted)) {
            return None;
        }
        interfaces.extend(delta.moved.iter().map(|(key, _)| &key.start[..]));
        let added = delta.added.iter().map(|(key, _)| *key);
        let others: Vec<&Key> = added.chain(delta.removed.iter().copied()).collect();
        if others.is_empty() {
            continue;
        }
        let is_owned = is_owned(name) || !is_of_an_object(name);
        if is_owned || changes.polarity(name) != Polarity::ADMITS || !changes.names_peers(name) {
            return None;
        }
        let width = changes.wanted.sets.get(name)?.key.first()?.bytes();
        for key in others {
            addresses.insert((key.start.get(..width)?, key.last().get(..width)?));
        }
    }
    changes
        .rewritten
        .is_empty()
        .then_some((addresses, interfaces))
}
