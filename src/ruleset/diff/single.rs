//! The short way, where one set alone changes and elements only come or only go: a member of a group,
//! a rule that is an element. That is what changes most.
//!
//! It gives the one transaction that the long way gives, and answers nothing else. No object gets another
//! name, so nobody who names one is asked. With one transaction there is no order to choose, so it does
//! not matter whose groups change.

use super::cost;
use super::generations::{is_owned, is_same_declaration};
use super::names;
use super::reach::{Polarity, Reached};
use super::steps::signature;
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::tracked::{Extent, Touched, Tracked};
use crate::ruleset::transaction::{Operation, Phase, Step, Wait};
use crate::ruleset::{Elements, Key, Kind, Name, Set, SetFlags};

/// The steps where no more than that changed since both tables were settled, and the set stays in force.
pub(super) fn steps(applied: &Tracked, desired: &Tracked) -> Option<Vec<Step>> {
    let (name, keys) = touched(applied, desired)?;
    let set = desired.table().sets.get(name)?;
    let in_force = names::any(applied.table(), Kind::Set, name.as_str())?;
    let held = applied.table().sets.get(in_force)?;
    let is_plain = set.data.is_none() && !set.flags.contains(SetFlags::DYNAMIC);
    if !is_plain || !is_same_declaration(held, set) || cost::is_outgrown(held, set.elements.len()) {
        return None;
    }
    let (phase, change) = match one_way(held, set, keys)? {
        OneWay::Comes(elements) => (
            Phase::Loosen,
            Operation::AddElements(in_force.clone(), elements),
        ),
        OneWay::Goes(keys) if stays_without(held, name, &keys) => (
            Phase::Tighten,
            Operation::DeleteElements(in_force.clone(), keys),
        ),
        OneWay::Goes(_) => return None,
    };
    // Chains and maps are the same in both tables, and what they use the set for.
    if Reached::of(applied).polarity(in_force) != Polarity::ADMITS {
        return None;
    }
    let mut operations = vec![change];
    operations.extend(signature(applied.table(), desired.table()));
    Some(vec![Step {
        phase,
        wait: Wait::None,
        operations,
    }])
}

/// What becomes of the elements of a set.
enum OneWay {
    Comes(Elements),
    Goes(Vec<Key>),
}

/// The keys of the one set that changed, if beside it only the digest did.
fn touched<'a>(
    applied: &Tracked,
    desired: &'a Tracked,
) -> Option<(&'a Name, impl Iterator<Item = &'a Key>)> {
    let (Touched::Only(held), Touched::Only(wanted)) = (applied.touched(), desired.touched())
    else {
        return None;
    };
    let is_settled = Kind::ALL.iter().all(|kind| held.of(*kind).is_empty());
    let mut chains = wanted.of(Kind::Chain).keys();
    let others = [Kind::Counter, Kind::Limit];
    let is_alone = others.iter().all(|kind| wanted.of(*kind).is_empty())
        && chains.all(|chain| chain.as_str() == STATE_CHAIN);
    let mut sets = wanted.of(Kind::Set).iter();
    match (sets.next()?, sets.next()) {
        ((name, Extent::Elements(keys)), None) if is_settled && is_alone => {
            Some((name, keys.iter()))
        }
        ((_, Extent::Elements(_) | Extent::Whole), _) => None,
    }
}

/// The elements that differ among those keys, if they all come or all go.
fn one_way<'a>(held: &Set, set: &Set, keys: impl Iterator<Item = &'a Key>) -> Option<OneWay> {
    let (mut came, mut gone) = (Elements::new(), Vec::new());
    for key in keys {
        match (held.elements.get(key), set.elements.get(key)) {
            (None, Some(element)) => drop(came.insert(key.clone(), element.clone())),
            (Some(_), None) => gone.push(key.clone()),
            (old, new) if old == new => {}
            (_, _) => return None,
        }
    }
    match (came.is_empty(), gone.is_empty()) {
        (false, true) => Some(OneWay::Comes(came)),
        (true, false) => Some(OneWay::Goes(gone)),
        (true, true) | (false, false) => None,
    }
}

/// Whether keys are taken out of a set where it stands.
fn stays_without(held: &Set, name: &Name, gone: &[Key]) -> bool {
    let is_owned_range = is_owned(name) && !cost::loses_at_once(held);
    !is_owned_range && !cost::is_undeletable(held, gone.len())
}
