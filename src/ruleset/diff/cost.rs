//! What changes cost the kernel: the numbers by which `diff` chooses between editing and replacing.
//!
//! Measured on Linux 6.18. A hash set of a declared size fills three times faster than one that
//! grows, and refuses elements above it (ENFILE). Adding to any set costs in proportion to what is
//! added. Deleting from a concatenated interval set (pipapo) costs in proportion to the set, per
//! element: 2.4 us for each that it holds. Where that grows dear a new generation is populated instead,
//! and the rules that lead to it bring a verdict, for which the kernel walks the whole table.

use crate::ruleset::{Set, SetFlags};

/// A hash set that is created with more elements than this declares a size.
pub const SIZED_FROM: usize = 1024;

/// The size that a set declares when it is created: twice what it holds, as a power of two.
///
/// Interval sets gain nothing from it, and the kernel counts their ranges in its own way.
pub(super) fn declared_size(set: &Set) -> Option<u32> {
    let sized = set.elements.len() > SIZED_FROM
        && !set.flags.intersects(SetFlags::INTERVAL | SetFlags::DYNAMIC);
    let doubled = || u32::try_from(set.elements.len().saturating_mul(2)).ok();
    set.size.or_else(|| {
        sized
            .then(doubled)
            .flatten()
            .and_then(u32::checked_next_power_of_two)
    })
}

/// What a commit may spend on copies of sets that it could also edit, see [`of_copy`]: about 20 ms.
pub(super) const COPIES_MAX: usize = 32_768;

/// What a copy of a set costs, in elements of a sized hash (0.6 us each): its elements, and for each
/// user the rules of a chain that are written again.
pub(super) fn of_copy(elements: usize, users: usize) -> usize {
    elements.saturating_add(users.saturating_mul(64))
}

/// Whether a set in force refuses so many elements.
pub(super) fn is_outgrown(in_force: &Set, elements: usize) -> bool {
    in_force
        .size
        .is_some_and(|size| u32::try_from(elements).map_or(true, |count| count > size))
}

/// Whether the set is kept as a plain hash: it is published at one instant and cheap to delete from.
pub(super) fn is_hash(set: &Set) -> bool {
    !set.flags.contains(SetFlags::INTERVAL)
}

/// What deleting from one pipapo may cost, in elements that it holds for each that goes: about 10 ms. To
/// build a set anew for a rule that went took 9 ms at 10,000 endpoints in 50 bundles, 27 ms in 5,000.
const DELETIONS_MAX: usize = 4_096;

/// Whether so many elements had better be left out of a new generation than deleted from a set.
pub(super) fn is_undeletable(set: &Set, elements: usize) -> bool {
    is_pipapo(set) && set.elements.len().saturating_mul(elements) > DELETIONS_MAX
}

/// Whether an element of the set goes at one instant: ranges of one field go end by end.
pub(super) fn loses_at_once(set: &Set) -> bool {
    is_hash(set) || is_pipapo(set)
}

fn is_pipapo(set: &Set) -> bool {
    !is_hash(set) && set.key.len() > 1
}
