//! A mix laid out: one lookup in a verdict map for many rules.

use super::census::Exact;
use super::layout::{self, looked_up};
use super::mix::Mix;
use super::names;
use super::objects::Objects;
use super::outcome::Outcome;
use super::rules::Side;
use super::service::Shape;
use super::skeleton;
use super::sweep::Area;
use crate::model::DenyAction;
use crate::net::{Family, Octets};
use crate::ruleset::{Key, Name, Rule, Statement, Verdict, VmapSource};

/// Where a mix is laid out.
#[derive(Debug)]
pub(super) struct Place<'c> {
    /// The chain of the policy.
    pub(super) owner: &'c Name,
    /// The name below which the sets of the mix stand.
    pub(super) home: Name,
    /// The end of packets that rules are about.
    pub(super) side: Side,
    /// The family of all rules.
    pub(super) family: Family,
}

/// The rules of a mix; its maps go to the objects. Exact boxes have a map of their own where they are many.
///
/// ```text
/// ip saddr . th dport vmap @np/ns/web/in/tcp-verdict4
/// ip saddr vmap @np/ns/web/in/tcp-cut-verdict4
/// ```
pub(super) fn rules(objects: &mut Objects, place: &Place<'_>, mix: &Mix<'_>) -> Vec<Rule> {
    let entries = mix.boxes.iter().flat_map(|area| {
        let verdict = verdict(area.outcome, place.owner, objects);
        let keys = keys(mix.shape, place.family, area);
        keys.map(move |key| (key, verdict.clone()))
    });
    let (mut exact, mut ranges): (Vec<_>, Vec<_>) = entries.partition(|(key, _)| key.end.is_none());
    if Exact::of(exact.len(), ranges.len()) == Exact::Among {
        ranges.append(&mut exact);
    }
    let address = place.side.address(place.family);
    let left = looked_up(mix.shape, address, place.family);
    let address = vec![address];
    let [all, only_exact, only_cut] = mix.shape.verdict_words();
    let cut = mix.cut.iter().map(|area| {
        let (first, last) = area.addresses;
        let key = Key::range(&bytes(first, place.family), &bytes(last, place.family));
        (key, verdict(area.outcome, place.owner, objects))
    });
    let cut = cut.collect();
    let maps = [
        (only_exact, &left, exact),
        (all, &left, ranges),
        // What has no header that could be looked up is still from somewhere.
        (only_cut, &address, cut),
    ];
    let held = maps.into_iter().filter(|(.., entries)| !entries.is_empty());
    let rules = held.map(|(word, key, entries)| {
        let map = names::shape(&place.home, word, place.family);
        let types: Vec<_> = key.iter().map(|part| part.datatype()).collect();
        objects.verdicts(map.clone(), &types, entries);
        Rule::new(vec![Statement::Vmap {
            key: key.clone(),
            map: VmapSource::Named(map),
        }])
    });
    rules.collect()
}

/// What the map says for an outcome. What takes more than a verdict has a chain.
fn verdict(outcome: &Outcome, owner: &Name, objects: &mut Objects) -> Verdict {
    match outcome {
        Outcome::Allowed => Verdict::Goto(names::fixed(skeleton::ALLOWED)),
        Outcome::ToDestination => Verdict::Goto(names::fixed(skeleton::DESTINATION)),
        Outcome::Denied(DenyAction::Drop) => Verdict::Drop,
        Outcome::Denied(DenyAction::Reject) => Verdict::Goto(names::fixed(skeleton::REFUSED)),
        Outcome::Passed | Outcome::Logged(_) => {
            let chain = names::passing(owner);
            objects.chain(chain.clone(), vec![Rule::new(outcome.statements())]);
            Verdict::Goto(chain)
        }
    }
}

/// The keys of an area, its fields in the order of what is looked up.
fn keys(shape: Shape, family: Family, area: &Area<'_>) -> impl Iterator<Item = Key> {
    let (first, last) = area.addresses;
    let addresses = (bytes(first, family), bytes(last, family));
    layout::keys(shape, addresses, area.services)
}

/// An address of a family from its number.
fn bytes(number: u128, family: Family) -> Octets {
    Octets::from_slice(&number.to_be_bytes()[16 - family.address_bytes()..])
}
