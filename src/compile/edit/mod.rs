//! An edit: the few keys that come and go where a group gets or loses a few rules about prefixes.
//!
//! The boxes of a prefix depend on the prefixes around it alone. So what lies around or inside the
//! prefixes of changed rules is laid out twice, as it was and as it is, and all else stays.
//! Where a count says that sets or rules would be others than before, all is made again.

use super::boxes::Block;
use super::census::{Count, Exact, Whole};
use super::difference::Difference;
use super::laid;
use super::lane::Lane;
use super::layout::{Cut, box_keys};
use super::names;
use super::objects::{Overview, Standing};
use super::prefixes::{PrefixRule, Prefixes};
use super::run::Kinds;
use super::service::Shape;
use super::sorted::{only, sorted};
use crate::model::{GroupRule, Peer};
use crate::net::{Cidr, Family};
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
    families: Vec<Replaced>,
}

/// What becomes of the rules of a family.
#[derive(Debug)]
struct Replaced {
    family: Family,
    kinds: Kinds,
    /// Of the lanes that it changes.
    counts: Vec<(Lane, Count)>,
    gone: Vec<PrefixRule>,
    came: Vec<PrefixRule>,
}

/// Keys of one set.
#[derive(Debug, Default)]
struct Keys {
    gone: Vec<Key>,
    came: Vec<Key>,
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
                let replaced = self.family(family, gone, came, &mut edit.sets)?;
                edit.families.push(replaced);
            }
        }
        Some(edit)
    }

    fn family(
        &self,
        family: Family,
        gone: Vec<PrefixRule>,
        came: Vec<PrefixRule>,
        sets: &mut Vec<(Name, Keys)>,
    ) -> Option<Replaced> {
        let overview = self.standing.overviews.get(&family)?;
        let census = &overview.census;
        let kinds = census.kinds.with(family, &gone, &came);
        if census.worth_with(&kinds) != census.worth() {
            return None;
        }
        let old = self.near(overview, &gone, &came)?;
        let new = without(&old, &gone, &came);
        let mut counts = Vec::new();
        for &lane in census.worth() {
            let old = Prefixes::of(family, lane, &old);
            let new = Prefixes::of(family, lane, &new);
            if old != new {
                let part = Part {
                    lane,
                    count: census.lane(lane)?,
                    old,
                    new,
                };
                let (count, keys) = part.keys(self.cut)?;
                counts.push((lane, count));
                for (word, keys) in keys {
                    let name = names::shape(&names::run(self.owner, 0), word, family);
                    sets.push(self.stays(&name, keys)?);
                }
            }
        }
        Some(Replaced {
            family,
            kinds,
            counts,
            gone,
            came,
        })
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
        let mut changed: Vec<Cidr> = Vec::with_capacity(gone.len() + came.len());
        for rules in [gone, came] {
            changed.extend(rules.iter().map(|(prefix, _)| prefix));
        }
        let most = NEAR_ALWAYS + self.rules / NEAR_SHARE;
        overview.neighbours.near(&changed, most)
    }
}

impl Edit {
    /// Makes the change, in what is known of the policy and in the table.
    pub(super) fn apply(self, standing: &mut Standing, table: &mut Tracked) {
        for replaced in self.families {
            let overview = standing.overviews.entry(replaced.family).or_default();
            overview.census.kinds = replaced.kinds;
            for (lane, count) in replaced.counts {
                overview.census.put_lane(lane, count);
            }
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
    fn keys(&self, cut: Cut) -> Option<(Count, Vec<(&'static str, Keys)>)> {
        let whole = self.count.whole(self.lane);
        if !self.old.has_same_whole(&self.new) && has_sets_of_whole(whole, cut) {
            return None;
        }
        let (lost, old) = laid::part(self.count, self.lane, &self.old);
        let (gained, new) = laid::part(self.count, self.lane, &self.new);
        let count = self.count.with(&lost, &gained);
        let is_alike = count.whole(self.lane) == whole
            && count.whole_by_rules(self.lane) == self.count.whole_by_rules(self.lane);
        if !is_alike || !count.is_within_bounds(self.lane) {
            return None;
        }
        let mut changes = Vec::new();
        for &shape in self.lane.shapes() {
            let keys = Keys::between(shape, old.of(shape), new.of(shape));
            if keys.is_empty() {
                continue;
            }
            let exact = self.count.exact(shape);
            if count.exact(shape) != exact {
                return None;
            }
            keys.put(shape, exact, &mut changes);
        }
        Some((count, changes))
    }
}

impl Keys {
    /// Those of boxes that are on one side alone. Different ranges of messages may have keys in common.
    fn between(shape: Shape, old: &[Block], new: &[Block]) -> Self {
        let keys = |one: &[Block], other: &[Block]| {
            let mut keys = Vec::new();
            for block in only(one, other) {
                keys.extend(box_keys(shape, block));
            }
            sorted(keys)
        };
        let (old, new) = (keys(old, new), keys(new, old));
        Self {
            gone: only(&old, &new).cloned().collect(),
            came: only(&new, &old).cloned().collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.came.is_empty()
    }

    /// Puts them with the sets that a shape's keys of one value and ranges are in, by the word in its name.
    fn put(mut self, shape: Shape, exact: Exact, changes: &mut Vec<(&'static str, Self)>) {
        match exact {
            Exact::Among => {}
            Exact::Apart => {
                let exact = Self {
                    gone: take_exact(&mut self.gone),
                    came: take_exact(&mut self.came),
                };
                if !exact.is_empty() {
                    changes.push((shape.exact_word(), exact));
                }
            }
        }
        if !self.is_empty() {
            changes.push((shape.word(), self));
        }
    }
}

/// Takes those of one value out of keys.
fn take_exact(keys: &mut Vec<Key>) -> Vec<Key> {
    keys.extract_if(.., |key| key.end.is_none()).collect()
}

/// Whether whole prefixes are in sets of their own, too.
fn has_sets_of_whole(whole: Whole, cut: Cut) -> bool {
    match whole {
        Whole::Apart => true,
        Whole::Among(shape) => shape.is_read_from_header() && cut == Cut::Matched,
    }
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

/// Rules without some, each taken away once, and with others; in order.
fn without(rules: &[PrefixRule], less: &[PrefixRule], more: &[PrefixRule]) -> Vec<PrefixRule> {
    let mut less = less.to_vec();
    let mut left = Vec::with_capacity(rules.len() + more.len());
    left.extend_from_slice(more);
    for rule in rules {
        match less.iter().position(|one| one == rule) {
            Some(place) => drop(less.swap_remove(place)),
            None => left.push(*rule),
        }
    }
    left.sort_unstable();
    left
}

#[cfg(test)]
mod tests;
