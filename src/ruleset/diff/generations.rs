//! Decides what is changed where it stands and what gets a new generation.

use std::collections::{BTreeMap, BTreeSet};

use super::bridge::is_of_an_object;
use super::cost;
use super::elements::Delta;
use super::entangled::entangled;
use super::names::Names;
use super::reach::Reached;
use super::references;
use super::scope::{Scope, Wanted};
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::reference::Reference;
use crate::ruleset::tracked::{Polarity, Tracked};
use crate::ruleset::{Chain, Data, Element, Key, Kind, Name, Set, Table};

/// What differs between the table in the kernel and the desired one.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    /// What the kernel holds.
    pub(super) applied: &'a Table,
    /// What it should hold, every name in generation 0.
    pub(super) desired: &'a Table,
    /// The names after the commit.
    pub(super) names: Names<'a>,
    /// The desired objects that may differ.
    pub(super) wanted: Wanted<'a>,
    /// Elements that differ from the generation in force, by desired name; never empty.
    pub(super) deltas: BTreeMap<&'a Name, Delta<'a>>,
    /// Desired names of the chains that stay and whose rules differ.
    pub(super) rewritten: Vec<&'a Name>,
    scope: Scope<'a>,
    /// Both tables, with what is known of them.
    tracked: [&'a Tracked; 2],
    soon: Reached<'a>,
}

impl<'a> Changes<'a> {
    /// Compares two tables as far as they may differ.
    pub(super) fn between(applied: &'a Tracked, desired: &'a Tracked, scope: Scope<'a>) -> Self {
        let mut changes = Self {
            applied: applied.table(),
            desired: desired.table(),
            names: Names::of(applied, &scope),
            wanted: Wanted::of(&scope, desired.table()),
            scope,
            deltas: BTreeMap::new(),
            rewritten: Vec::new(),
            tracked: [applied, desired],
            soon: Reached::of(desired),
        };
        changes.renew_redeclared();
        changes.compare_sets(|_| true);
        changes.renew_unfit_sets();
        changes.settle();
        changes
    }

    /// What packets can reach now.
    pub(super) fn reach(&self) -> &Reached<'a> {
        &self.names.reach
    }

    /// The interfaces of this host that may send from one of these addresses, of the first to the last,
    /// before or after the commit.
    pub(super) fn senders(
        &self,
        (first, last): (&[u8], &'a [u8]),
    ) -> impl Iterator<Item = &'a [u8]> {
        self.tracked
            .into_iter()
            .flat_map(move |table| table.index().senders(first, last))
    }

    /// The set in force of a desired name.
    pub(super) fn set_in_force(&self, desired: &Name) -> Option<(&'a Name, &'a Set)> {
        let name = self.names.in_force(Kind::Set, desired)?;
        Some((name, self.applied.sets.get(name)?))
    }

    /// Whether packets can reach the generation of a set that is in force.
    pub(super) fn is_read(&self, desired: &Name) -> bool {
        let in_force = self.names.in_force(Kind::Set, desired);
        in_force.is_some_and(|name| self.reach().contains(Reference::Set(name)))
    }

    /// What a set is used for before and after the commit.
    pub(super) fn polarity(&self, desired: &'a Name) -> Polarity {
        let before = self.names.in_force(Kind::Set, desired);
        let before = before.map_or(Polarity::empty(), |name| self.reach().polarity(name));
        let uses = before | self.soon.polarity(desired);
        if uses.is_empty() {
            Polarity::ADMITS
        } else {
            uses
        }
    }

    /// Whether all rules that look a set up compare it with the far end of packets: policies of what is
    /// received with the source, those of what is sent with the destination.
    pub(super) fn names_peers(&self, set: &Name) -> bool {
        self.tracked.into_iter().all(|table| {
            let users = table.index().users(Kind::Set, set.as_str());
            let chains =
                users.filter_map(|(_, user)| table.table().chains.get_key_value(user.name()));
            let mut rules =
                chains.flat_map(|(name, chain)| chain.rules.iter().map(move |r| (name, r)));
            rules.all(|(chain, rule)| references::reads_far_end(chain, rule, set))
        })
    }

    /// A new generation of one object makes its users differ, and those may need one in turn.
    fn settle(&mut self) {
        loop {
            let before = self.names.renewed_count();
            self.compare_rules();
            self.compare_sets(references::mentions_names);
            self.renew_owned_sets();
            self.renew_moving_maps();
            self.renew_entangled_sets();
            if self.names.renewed_count() == before {
                return;
            }
        }
    }

    /// Gives an object a new generation. Those that name it differ then.
    fn renew(&mut self, kind: Kind, name: &'a Name) {
        if self.names.renew(kind, name) {
            let [_, desired] = self.tracked;
            for user in self.scope.follow(kind, name.as_str(), desired) {
                self.names.see(user.kind(), user.name().as_str());
                self.wanted.add(user, desired.table());
            }
        }
    }

    /// Objects that are declared otherwise cannot be edited at all.
    fn renew_redeclared(&mut self) {
        let (applied, wanted) = (self.applied, &self.wanted);
        let sets = (Kind::Set, &applied.sets, &wanted.sets);
        let sets = self.unlike(sets, |_, held, set| is_same_declaration(held, set));
        let limits = (Kind::Limit, &applied.limits, &wanted.limits);
        let limits = self.unlike(limits, |_, held, limit| held == limit);
        let counters = (Kind::Counter, &applied.counters, &wanted.counters);
        let counters = self.unlike(counters, |_, held, comment| held == comment);
        let chains = (Kind::Chain, &applied.chains, &wanted.chains);
        let chains = self.unlike(chains, |name, held, chain| {
            name.as_str() == STATE_CHAIN || held.comment == chain.comment
        });
        for (kind, name) in [sets, limits, counters, chains].into_iter().flatten() {
            self.renew(kind, name);
        }
    }

    fn unlike<T>(
        &self,
        (kind, applied, wanted): (Kind, &BTreeMap<Name, T>, &BTreeMap<&'a Name, &T>),
        is_alike: impl Fn(&Name, &T, &T) -> bool,
    ) -> Vec<(Kind, &'a Name)> {
        let unlike = wanted.iter().filter(|(name, wanted)| {
            let held = self.names.in_force(kind, name);
            let held = held.and_then(|held| applied.get(held));
            held.is_some_and(|held| !is_alike(name, held, wanted))
        });
        unlike.map(|(name, _)| (kind, *name)).collect()
    }

    fn chain_in_force(&self, desired: &Name) -> Option<&'a Chain> {
        self.applied
            .chains
            .get(self.names.in_force(Kind::Chain, desired)?)
    }

    fn compare_sets(&mut self, which: impl Fn(&Set) -> bool) {
        for (&name, &set) in self.wanted.sets.iter().filter(|(_, set)| which(set)) {
            let held = self
                .set_in_force(name)
                .filter(|(_, held)| is_same_declaration(held, set));
            let extent = self.scope.extent(name);
            let delta = held.map(|(_, held)| Delta::between(held, set, extent, &self.names));
            match delta.filter(|delta| !delta.is_empty()) {
                Some(delta) => self.deltas.insert(name, delta),
                None => self.deltas.remove(name),
            };
        }
    }

    /// Sets that cannot be edited where they stand, whatever else changes.
    fn renew_unfit_sets(&mut self) {
        let deltas = self.deltas.iter();
        let unfit = deltas.filter(|(name, delta)| self.is_unfit(name, delta));
        let unfit: Vec<&'a Name> = unfit.map(|(name, _)| *name).collect();
        for name in unfit {
            self.renew(Kind::Set, name);
        }
    }

    fn is_unfit(&self, name: &'a Name, delta: &Delta<'_>) -> bool {
        let Some((_, held)) = self.set_in_force(name) else {
            return false;
        };
        let wanted = self.wanted.sets.get(name);
        let wanted = wanted.map_or(0, |set| set.elements.len());
        if cost::is_outgrown(held, wanted) {
            return true;
        }
        if cost::is_undeletable(held, delta.removed.len() + delta.moved.len()) {
            return true;
        }
        let polarity = self.polarity(name);
        let one_way = delta.only_adds() || delta.only_removes();
        self.is_read(name)
            && held.data.is_none()
            && polarity.contains(Polarity::DENIES)
            && (is_owned(name) || polarity.contains(Polarity::ADMITS) || !one_way)
    }

    /// Finds the chains whose rules differ. One that brings along what the kernel publishes later
    /// than rules is not rewritten but replaced, which makes those that lead to it differ.
    fn compare_rules(&mut self) {
        loop {
            let before = self.names.renewed_count();
            self.rewritten = self.differing_chains();
            for name in self.rewritten.clone() {
                if self.must_be_replaced(name) {
                    self.renew(Kind::Chain, name);
                }
            }
            if self.names.renewed_count() == before {
                return;
            }
        }
    }

    fn differing_chains(&self) -> Vec<&'a Name> {
        let differing = self.wanted.chains.iter().filter(|(name, chain)| {
            let held = self.names.kept(Kind::Chain, name);
            let held = held.and_then(|held| self.applied.chains.get(held));
            name.as_str() != STATE_CHAIN
                && held.is_some_and(|held| !self.names.same_rules(&held.rules, &chain.rules))
        });
        differing.map(|(name, _)| *name).collect()
    }

    fn must_be_replaced(&self, name: &Name) -> bool {
        let held = self.chain_in_force(name);
        let rules = |chain: Option<&'a Chain>| chain.into_iter().flat_map(|chain| &chain.rules);
        let is_base = held.is_some_and(|chain| chain.hook.is_some());
        let wanted = self.wanted.chains.get(name).copied();
        let mut both = rules(held).chain(rules(wanted));
        self.is_met(name) && !is_base && both.any(references::publishes_late)
    }

    /// Whether packets can reach the generation of a chain that is in force.
    pub(super) fn is_met(&self, desired: &Name) -> bool {
        let in_force = self.names.in_force(Kind::Chain, desired);
        in_force.is_some_and(|name| self.reach().contains(Reference::Chain(name)))
    }

    /// The sets that packets can reach and that change where they stand, and how.
    pub(super) fn edited(&self) -> impl Iterator<Item = (&'a Name, &Delta<'a>)> {
        let deltas = self.deltas.iter().map(|(name, delta)| (*name, delta));
        deltas.filter(|(name, _)| self.names.kept(Kind::Set, name).is_some() && self.is_read(name))
    }

    /// Whether a set denies, before the commit or after it.
    pub(super) fn denies(&self, desired: &Name) -> bool {
        self.wanted
            .sets
            .get_key_value(desired)
            .is_some_and(|(name, _)| self.polarity(name).contains(Polarity::DENIES))
    }

    /// How many objects of the desired table name one.
    pub(super) fn users(&self, kind: Kind, name: &Name) -> usize {
        let [_, desired] = self.tracked;
        desired.index().users(kind, name.as_str()).count()
    }

    /// Whether any rule that packets can reach changes.
    pub(super) fn is_switching(&self) -> bool {
        let is_new_base = |(name, chain): (&&Name, &&Chain)| {
            chain.hook.is_some() && self.names.in_force(Kind::Chain, name).is_none()
        };
        self.rewritten.iter().any(|name| self.is_met(name))
            || self.wanted.chains.iter().any(is_new_base)
    }

    /// Policies' own sets are edited only where all of them change the same way and no rule does. Their
    /// verdict maps never are: their boxes allow and deny, and new ones may overlap old ones.
    fn renew_owned_sets(&mut self) {
        let owned: Vec<&'a Name> = self
            .deltas
            .keys()
            .copied()
            .filter(|name| is_owned(name) && self.is_read(name))
            .collect();
        if owned.is_empty() {
            return;
        }
        let every = |fits: &dyn Fn(&Name, &Delta<'_>) -> bool| {
            owned
                .iter()
                .all(|name| self.deltas.get(name).is_some_and(|delta| fits(name, delta)))
        };
        let has_map = owned.iter().any(|name| {
            let set = self.wanted.sets.get(name);
            set.is_some_and(|set| set.data == Some(Data::Verdict))
        });
        let adds = every(&|_, delta| delta.only_adds());
        let removes = every(&|name, delta| {
            let held = self.set_in_force(name);
            delta.only_removes()
                && held.is_some_and(|(_, held)| cost::loses_at_once(held) && held.data.is_none())
        });
        if has_map || self.is_switching() || !(adds || removes) {
            for name in owned {
                self.renew(Kind::Set, name);
            }
        }
    }

    /// Sets that cannot change one after the other change by a switch of rules.
    fn renew_entangled_sets(&mut self) {
        for name in entangled(self) {
            self.renew(Kind::Set, name);
        }
    }

    /// One key of verdict maps may move where it stands, if no rule changes. What moves between chains
    /// of the skeleton is no policy, and may also where rules change.
    fn renew_moving_maps(&mut self) {
        let moving = self
            .edited()
            .filter(|(_, delta)| !delta.moved.is_empty())
            .collect::<Vec<_>>();
        let (policies, others): (Vec<_>, Vec<_>) = moving
            .into_iter()
            .partition(|(_, delta)| delta.moved.iter().any(|(_, to)| is_policy(to)));
        let is_switching = self.is_switching();
        let names = [(policies, is_switching), (others, false)]
            .into_iter()
            .filter(|(maps, is_switching)| *is_switching || is_of_several_keys(maps))
            .flat_map(|(maps, _)| maps.into_iter().map(|(name, _)| name))
            .collect::<Vec<_>>();
        for name in names {
            self.renew(Kind::Set, name);
        }
    }
}

/// Whether an element leads to a policy, or nowhere.
pub(super) fn is_policy(element: &Element) -> bool {
    element.target().is_none_or(is_of_an_object)
}

fn is_of_several_keys(maps: &[(&Name, &Delta<'_>)]) -> bool {
    let moved = maps.iter().flat_map(|(_, delta)| &delta.moved);
    let keys: BTreeSet<&Key> = moved.map(|(key, _)| *key).collect();
    keys.len() > 1
}

/// Whether the set belongs to one policy, which alone uses it. Members of groups and what selectors
/// mean is everybody's, and so are the slots of the skeleton, whose names have no `/`.
pub(super) fn is_owned(name: &Name) -> bool {
    let is_shared = |home: &str| name.as_str().starts_with(home);
    is_of_an_object(name) && !["group/", "set/"].into_iter().any(is_shared)
}

/// The kernel keeps a size that the desired table need not know.
pub(super) fn is_same_declaration(held: &Set, desired: &Set) -> bool {
    held.key == desired.key
        && held.data == desired.data
        && held.flags == desired.flags
        && held.timeout == desired.timeout
        && held.counted == desired.counted
        && held.comment == desired.comment
        && (desired.size.is_none() || desired.size == held.size)
}
