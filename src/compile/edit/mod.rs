//! An edit: the few keys that come and go where a group gets or loses a few rules about prefixes.
//!
//! The boxes of a prefix depend on the prefixes around it alone. So what lies around or inside the
//! prefixes of changed rules is laid out twice, as it was and as it is, and all else stays.
//! Where a count says that sets or rules would be others than before, all is made again.

use std::collections::{BTreeMap, BTreeSet};

use super::boxes::Block;
use super::census::{Census, Count, Exact, Whole};
use super::difference::Difference;
use super::laid;
use super::lane::Lane;
use super::layout::{Cut, box_keys};
use super::names;
use super::objects::{Overview, Standing};
use super::prefixes::{PrefixRule, Prefixes};
use super::run;
use super::service::Shape;
use crate::model::{GroupRule, Peer};
use crate::net::Family;
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Element, Key, Name, Table};

/// More changed rules than this are not worth looking for what is near each of them.
const RULES_MAX: usize = 64;

/// What is near is laid out twice. So many rules always are, and beyond them no more than this part of all:
/// to make all of them again costs about as much then.
const NEAR_ALWAYS: usize = 64;
const NEAR_SHARE: usize = 4;

/// What comes into sets and goes out of them, and nothing else changes.
#[derive(Debug, Default)]
pub(super) struct Edit {
    sets: Vec<(Name, Keys)>,
    families: BTreeMap<Family, Replaced>,
}

/// What becomes of the rules of a family.
#[derive(Debug)]
struct Replaced {
    census: Census,
    gone: Vec<PrefixRule>,
    came: Vec<PrefixRule>,
}

/// Keys of one set.
#[derive(Debug, Default)]
struct Keys {
    gone: BTreeSet<Key>,
    came: BTreeSet<Key>,
}

/// The policy that is edited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edited<'p> {
    /// What of it is in the table.
    pub(super) standing: &'p Standing,
    /// The table.
    pub(super) table: &'p Table,
    /// Its chain.
    pub(super) owner: &'p Name,
    /// What becomes of packets that end early.
    pub(super) cut: Cut,
    /// How many rules it has now.
    pub(super) rules: usize,
}

impl Edited<'_> {
    /// What a difference between its rules before and its rules now changes, if that is no more than keys.
    pub(super) fn edit(&self, difference: &Difference) -> Option<Edit> {
        let prefixes = |rule: &GroupRule| match rule.peer {
            Peer::Cidr(_) => true,
            Peer::Group(_) => false,
        };
        let mut changed = difference.gone.iter().chain(&difference.came);
        // Where nothing is known by number the order of rules may matter, which is no part of a difference.
        let unknown = self.standing.overviews.is_empty();
        if unknown || difference.len() > RULES_MAX || !changed.all(prefixes) {
            return None;
        }
        let mut edit = Edit::default();
        for family in Family::ALL {
            let gone = of_family(&difference.gone, family);
            let came = of_family(&difference.came, family);
            if !gone.is_empty() || !came.is_empty() {
                let census = self.family(family, &gone, &came, &mut edit.sets)?;
                let replaced = Replaced { census, gone, came };
                edit.families.insert(family, replaced);
            }
        }
        Some(edit)
    }

    fn family(
        &self,
        family: Family,
        gone: &[PrefixRule],
        came: &[PrefixRule],
        sets: &mut Vec<(Name, Keys)>,
    ) -> Option<Census> {
        let overview = self.standing.overviews.get(&family)?;
        let mut census = overview.census.clone();
        let worth = census.worth();
        census.count_kinds(&run::kinds(family, gone), &run::kinds(family, came));
        if census.worth() != worth {
            return None;
        }
        let old = self.near(overview, gone, came)?;
        let new = without(&old, gone, came);
        for &lane in worth {
            let [old, new] = [&old, &new].map(|rules| Prefixes::of(family, lane, rules));
            if old != new {
                let part = Part {
                    lane,
                    count: census.lanes.get(&lane)?,
                    old,
                    new,
                };
                let (count, keys) = part.keys(self.cut)?;
                census.lanes.insert(lane, count);
                for (word, keys) in keys {
                    let name = names::shape(&names::run(self.owner, 0), word, family);
                    sets.push(self.stays(&name, keys)?);
                }
            }
        }
        Some(census)
    }

    /// The keys of a set that has several before and after, so that it stays what it is.
    fn stays(&self, name: &Name, keys: Keys) -> Option<(Name, Keys)> {
        let before = self.table.sets.get(name)?.elements.len();
        let after = before + keys.came.len() - keys.gone.len();
        (before > 1 && after > 1).then(|| (name.clone(), keys))
    }

    /// The rules before whose prefixes lie around or inside those of changed rules, unless they are so many
    /// that all may as well be made again.
    fn near(
        &self,
        overview: &Overview,
        gone: &[PrefixRule],
        came: &[PrefixRule],
    ) -> Option<Vec<PrefixRule>> {
        let changed = gone.iter().chain(came).map(|(prefix, _)| *prefix);
        let most = NEAR_ALWAYS + self.rules / NEAR_SHARE;
        overview.neighbours.near(&changed.collect(), most)
    }
}

impl Edit {
    /// Makes the change, in what is known of the policy and in the table.
    pub(super) fn apply(self, standing: &mut Standing, table: &mut Tracked) {
        for (family, replaced) in self.families {
            let overview = standing.overviews.entry(family).or_default();
            overview.census = replaced.census;
            overview.neighbours.replace(&replaced.gone, &replaced.came);
        }
        for (name, keys) in self.sets {
            for key in &keys.gone {
                table.remove_element(&name, key);
            }
            for key in keys.came {
                table.insert_element(&name, key, Element::default());
            }
        }
    }
}

/// The prefixes of one lane near those that changed, before and after.
struct Part<'c> {
    lane: Lane,
    /// All of the lane before.
    count: &'c Count,
    old: Prefixes,
    new: Prefixes,
}

impl Part<'_> {
    /// What the lane has after, and what comes and goes; none where it is held in another way then.
    fn keys(&self, cut: Cut) -> Option<(Count, BTreeMap<&'static str, Keys>)> {
        let whole = self.count.whole(self.lane);
        if !self.old.has_same_whole(&self.new) && has_sets_of_whole(whole, cut) {
            return None;
        }
        let [(lost, old), (gained, new)] =
            [&self.old, &self.new].map(|part| laid::part(self.count, self.lane, part));
        let count = self.count.with(&lost, &gained);
        let is_alike = count.whole(self.lane) == whole
            && count.whole_by_rules(self.lane) == self.count.whole_by_rules(self.lane);
        if !is_alike || !count.is_within_bounds(self.lane) {
            return None;
        }
        let mut changes = BTreeMap::new();
        for &shape in self.lane.shapes() {
            let [old, new] = [&old, &new].map(|laid| all_keys(shape, laid.get(&shape)));
            let exact = self.count.exact(shape);
            if old != new && count.exact(shape) != exact {
                return None;
            }
            for key in old.difference(&new) {
                let keys: &mut Keys = changes.entry(word(shape, exact, key)).or_default();
                keys.gone.insert(key.clone());
            }
            for key in new.difference(&old) {
                let keys: &mut Keys = changes.entry(word(shape, exact, key)).or_default();
                keys.came.insert(key.clone());
            }
        }
        Some((count, changes))
    }
}

/// Whether whole prefixes are in sets of their own, too.
fn has_sets_of_whole(whole: Whole, cut: Cut) -> bool {
    match whole {
        Whole::Apart => true,
        Whole::Among(shape) => shape.is_read_from_header() && cut == Cut::Matched,
    }
}

/// The word for the set that has a key.
fn word(shape: Shape, exact: Exact, key: &Key) -> &'static str {
    match (exact, &key.end) {
        (Exact::Apart, None) => shape.exact_word(),
        (Exact::Among, _) | (Exact::Apart, Some(_)) => shape.word(),
    }
}

fn all_keys(shape: Shape, boxes: Option<&Vec<Block>>) -> BTreeSet<Key> {
    let boxes = boxes.into_iter().flatten();
    boxes.flat_map(|block| box_keys(shape, block)).collect()
}

fn of_prefix(rule: &GroupRule) -> Option<PrefixRule> {
    match rule.peer {
        Peer::Cidr(prefix) => Some((prefix, rule.service)),
        Peer::Group(_) => None,
    }
}

fn of_family(rules: &[GroupRule], family: Family) -> Vec<PrefixRule> {
    let rules = rules.iter().filter(|rule| rule.family == family);
    rules.filter_map(of_prefix).collect()
}

/// Rules without some, each taken away once, and with others.
fn without(rules: &[PrefixRule], less: &[PrefixRule], more: &[PrefixRule]) -> Vec<PrefixRule> {
    let mut less = less.to_vec();
    let kept = rules.iter().filter(|rule| {
        let place = less.iter().position(|one| one == *rule);
        place.map(|place| less.swap_remove(place)).is_none()
    });
    let kept: Vec<PrefixRule> = kept.copied().collect();
    [kept, more.to_vec()].concat()
}

#[cfg(test)]
mod tests;
