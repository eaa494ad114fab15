//! Sets that cannot change one after the other.
//!
//! A packet that the old policy and the new one both allow has a reason in each. Where the one goes with
//! an element that leaves and the other comes with one that is added, or with a rule or an endpoint's
//! policy that changes, there is an instant without either, whichever comes first. Then the sets are
//! copied, and all of it happens at the one instant at which rules switch.

use std::collections::BTreeSet;

use super::bridge::is_of_an_object;
use super::cost;
use super::elements::Delta;
use super::generations::{Changes, is_owned, is_policy};
use super::members::Regrouped;
use crate::ruleset::{Kind, Name};

/// The sets in force that policies ask and whose elements change where they stand, if they must not.
pub(super) fn entangled<'a>(changes: &Changes<'a>) -> Vec<&'a Name> {
    let asked: Vec<(&'a Name, &Delta<'a>)> = changes
        .edited()
        .filter(|(name, _)| is_of_an_object(name))
        .collect();
    let others_change = changes.is_switching() || moves(changes);
    let entangled = match is_opposed(changes, &asked, others_change) {
        true => true,
        false => {
            is_torn(&asked, others_change)
                && Regrouped::of(changes) == Regrouped::More
                && is_cheap(changes, &asked)
        }
    };
    let asked = asked.into_iter().map(|(name, _)| name);
    asked.filter(|_| entangled).collect()
}

/// Whether the policy of an endpoint changes where it stands.
fn moves(changes: &Changes<'_>) -> bool {
    let mut deltas = changes.edited().map(|(_, delta)| delta);
    deltas.any(|delta| delta.moved.iter().any(|(_, to)| is_policy(to)))
}

/// Whether a shared set denies, and anything changes beside it: what is denied first may be what
/// something else is to allow, and the other way round, so that a packet might even pass.
fn is_opposed(changes: &Changes<'_>, asked: &[(&Name, &Delta<'_>)], others_change: bool) -> bool {
    let denies = |name: &Name| !is_owned(name) && changes.denies(name);
    (asked.len() > 1 || others_change) && asked.iter().any(|(name, _)| denies(name))
}

/// Whether a packet may be dropped in between. Of sets that only admit, what two policies allow by two
/// addresses is allowed at every instant: each direction asks for one of them.
fn is_torn(asked: &[(&Name, &Delta<'_>)], others_change: bool) -> bool {
    let comes = asked.iter().any(|(_, delta)| !delta.added.is_empty());
    let goes = asked.iter().any(|(_, delta)| !delta.removed.is_empty());
    if others_change {
        return comes || goes;
    }
    let owned = || asked.iter().any(|(name, _)| is_owned(name));
    comes && goes && (owned() || is_one_both(asked))
}

/// Whether an address leaves one set and enters another.
fn is_one_both(asked: &[(&Name, &Delta<'_>)]) -> bool {
    let deltas = || asked.iter().map(|(_, delta)| delta);
    let gone: BTreeSet<_> = deltas().flat_map(|delta| &delta.removed).copied().collect();
    let mut come = deltas().flat_map(|delta| &delta.added).map(|(key, _)| *key);
    // Prefixes may overlap in more ways than are worth finding out.
    gone.iter().any(|key| key.end.is_some())
        || come.any(|key| key.end.is_some() || gone.contains(key))
}

/// Whether copies of the sets cost little beside the pauses that the commit takes anyway.
fn is_cheap(changes: &Changes<'_>, asked: &[(&Name, &Delta<'_>)]) -> bool {
    let elements = |name| {
        changes
            .wanted
            .sets
            .get(name)
            .map_or(0, |set| set.elements.len())
    };
    let users = |name| changes.users(Kind::Set, name);
    let all = asked
        .iter()
        .map(|(name, _)| cost::of_copy(elements(name), users(name)));
    all.sum::<usize>() <= cost::COPIES_MAX
}
