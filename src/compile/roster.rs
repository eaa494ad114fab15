//! The roster: who is meant by the selections that rules in use name, kept up to date one by one.
//!
//! A thing that changes is held against those selections alone that require one of its labels, or
//! require none; a selection that comes is held against the things that carry what it requires.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::boxes;
use super::selection::{Holder, Selection, address_key, port_key};
use super::sorted::{only, sorted};
use super::uses::Use;
use crate::model::{
    Endpoint, EndpointName, GroupName, LabelKey, LabelValue, Labels, NamedPort, Requirement,
    ScopedName, Selector, State,
};
use crate::net::{Cidr, Family};
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Element, Key};

/// Something with addresses that a selection can mean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// An endpoint.
    Endpoint(EndpointName),
    /// A network set.
    NetworkSet(ScopedName),
}

/// What a subject adds to a selection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Address(IpAddr),
    Prefix(Cidr),
    Port(Family, Key),
}

/// What is known of a subject. Lists are in order, each thing once, but for that of ports.
#[derive(Debug, Default)]
struct Facts {
    groups: Vec<GroupName>,
    /// Its own labels and those that it inherits; `None` if selectors do not see it.
    labels: Option<Labels>,
    addresses: Vec<IpAddr>,
    prefixes: Vec<Cidr>,
    ports: Vec<NamedPort>,
    /// What it adds to which selections.
    entries: Vec<(Selection, Entry)>,
}

/// One selection in use.
#[derive(Debug, Default)]
struct Held {
    /// How many policies use it, by family.
    users: BTreeMap<Family, usize>,
    /// How many subjects add an entry.
    entries: BTreeMap<Entry, usize>,
}

/// The selections in use, and what they hold.
#[derive(Debug, Default)]
pub(super) struct Roster {
    selections: BTreeMap<Selection, Held>,
    subjects: BTreeMap<Subject, Facts>,
    /// Subjects by group.
    members: BTreeMap<GroupName, BTreeSet<Subject>>,
    /// Subjects by label.
    carrying: BTreeMap<LabelKey, BTreeMap<LabelValue, BTreeSet<Subject>>>,
    /// Subjects that selectors see.
    labelled: BTreeSet<Subject>,
    /// Selections in use by a label that they require.
    requiring: BTreeMap<LabelKey, BTreeSet<Selection>>,
    /// Selections in use that may mean what has no label.
    free: BTreeSet<Selection>,
    /// Selections in use that hold prefixes.
    prefixed: BTreeSet<Selection>,
    /// Selections that came to hold prefixes, or ceased to, since it was asked.
    flipped: BTreeSet<Selection>,
}

impl Roster {
    /// The selections that came to hold prefixes, or ceased to, since this was asked.
    pub(super) fn take_flipped(&mut self) -> BTreeSet<Selection> {
        std::mem::take(&mut self.flipped)
    }

    /// The selections that hold prefixes.
    pub(super) fn prefixed(&self) -> &BTreeSet<Selection> {
        &self.prefixed
    }

    /// Takes in what a subject is now, or that it is gone.
    pub(super) fn update(&mut self, table: &mut Tracked, state: &State, subject: &Subject) {
        let mut facts = Facts::of(state, subject);
        if let Some(facts) = &mut facts {
            facts.entries = self.entries(facts);
        }
        let held = self.subjects.get_mut(subject);
        let old = held.map(std::mem::take).unwrap_or_default();
        let new = facts.as_ref().map_or(&[][..], |facts| &facts.entries);
        for (selection, entry) in only(new, &old.entries) {
            self.add(table, selection, entry);
        }
        for (selection, entry) in only(&old.entries, new) {
            self.remove(table, selection, entry);
        }
        let is_found_alike = facts.as_ref().is_some_and(|new| new.is_found_like(&old));
        if !is_found_alike {
            self.forget(subject, &old);
        }
        let Some(facts) = facts else {
            self.subjects.remove(subject);
            return;
        };
        if !is_found_alike {
            self.remember(subject, &facts);
        }
        match self.subjects.get_mut(subject) {
            Some(held) => *held = facts,
            None => drop(self.subjects.insert(subject.clone(), facts)),
        }
    }

    /// A policy begins to use a selection.
    pub(super) fn acquire(&mut self, table: &mut Tracked, (selection, family): &Use) {
        let is_new = !self.selections.contains_key(selection);
        let held = self.selections.entry(selection.clone()).or_default();
        let users = held.users.entry(*family).or_default();
        *users += 1;
        let is_first = *users == 1;
        if is_new {
            self.gather(selection);
        }
        if is_first {
            self.fill(table, selection, *family);
        }
    }

    /// A policy uses a selection no more.
    pub(super) fn release(&mut self, table: &mut Tracked, (selection, family): &Use) {
        let Some(held) = self.selections.get_mut(selection) else {
            return;
        };
        let Some(users) = held.users.get_mut(family) else {
            return;
        };
        *users -= 1;
        if *users > 0 {
            return;
        }
        held.users.remove(family);
        for holder in selection.holders() {
            table.remove_set(&selection.set(*holder, *family));
        }
        if held.users.is_empty() {
            self.drop(selection);
        }
    }

    /// What a subject adds to the selections in use.
    fn entries(&self, facts: &Facts) -> Vec<(Selection, Entry)> {
        let groups = facts.groups.iter().cloned().map(Selection::Group);
        let groups = groups.filter(|group| self.selections.contains_key(group));
        let keys = facts.labels.iter().flat_map(Labels::iter);
        let requiring = keys.filter_map(|(key, _)| self.requiring.get(key));
        let by_label = requiring.chain([&self.free]).flatten().cloned();
        let all = groups.chain(by_label).filter(|one| facts.is_meant(one));
        let mut entries = Vec::new();
        for selection in all {
            for entry in facts.adds(&selection) {
                entries.push((selection.clone(), entry));
            }
        }
        sorted(entries)
    }

    /// Finds whom a selection means that nobody used before.
    fn gather(&mut self, selection: &Selection) {
        match requirement(selection) {
            Some(requirement) => {
                let key = requirement.key().clone();
                self.requiring
                    .entry(key)
                    .or_default()
                    .insert(selection.clone());
            }
            None => match selection {
                Selection::Group(_) => {}
                Selection::Labels(_) | Selection::Port(..) => {
                    self.free.insert(selection.clone());
                }
            },
        }
        let mut found: BTreeMap<Entry, usize> = BTreeMap::new();
        for subject in self.candidates(selection) {
            let Some(facts) = self.subjects.get_mut(&subject) else {
                continue;
            };
            if facts.is_meant(selection) {
                let adds = facts.adds(selection);
                for entry in &adds {
                    *found.entry(entry.clone()).or_default() += 1;
                }
                let at = facts.entries.partition_point(|(of, _)| of < selection);
                let adds = adds.into_iter().map(|entry| (selection.clone(), entry));
                facts.entries.splice(at..at, adds);
            }
        }
        if found.keys().any(|entry| matches!(entry, Entry::Prefix(_))) {
            self.prefixed.insert(selection.clone());
        }
        if let Some(held) = self.selections.get_mut(selection) {
            held.entries = found;
        }
    }

    /// The subjects that carry what the selection requires.
    fn candidates(&self, selection: &Selection) -> BTreeSet<Subject> {
        if let Selection::Group(group) = selection {
            return self.members.get(group).cloned().unwrap_or_default();
        }
        let Some(requirement) = requirement(selection) else {
            return self.labelled.clone();
        };
        let carrying = self.carrying.get(requirement.key());
        let by_value = carrying.into_iter().flatten();
        let fits = |value: &LabelValue| match &requirement {
            Requirement::OneOf(_, values) => values.contains(&value),
            Requirement::Has(_) => true,
        };
        by_value
            .filter(|(value, _)| fits(value))
            .flat_map(|(_, subjects)| subjects.iter().cloned())
            .collect()
    }

    /// Declares the sets of a selection in one family, with all that they hold.
    fn fill(&self, table: &mut Tracked, selection: &Selection, family: Family) {
        let Some(held) = self.selections.get(selection) else {
            return;
        };
        let holder = selection.holder();
        let mut set = selection.declaration(holder, family);
        for entry in held.entries.keys() {
            if let Some((_, key)) = entry.element().filter(|(own, _)| *own == family) {
                set.insert(key);
            }
        }
        table.put_set(selection.set(holder, family), set);
        self.fill_prefixes(table, selection, family);
    }

    /// The prefixes of a selection as ranges that do not overlap.
    fn fill_prefixes(&self, table: &mut Tracked, selection: &Selection, family: Family) {
        if !selection.holders().contains(&Holder::Prefixes) {
            return;
        }
        let name = selection.set(Holder::Prefixes, family);
        let held = self.selections.get(selection);
        let is_used = held.is_some_and(|held| held.users.contains_key(&family));
        if !self.prefixed.contains(selection) || !is_used {
            return table.remove_set(&name);
        }
        let entries = held.into_iter().flat_map(|held| held.entries.keys());
        let prefixes: Vec<Cidr> = entries
            .filter_map(|entry| match entry {
                Entry::Prefix(prefix) if prefix.family() == family => Some(*prefix),
                Entry::Prefix(_) | Entry::Address(_) | Entry::Port(..) => None,
            })
            .collect();
        let mut set = selection.declaration(Holder::Prefixes, family);
        for (first, last) in boxes::merged(&prefixes) {
            set.insert(Key::range(&first, &last));
        }
        table.put_set(name, set);
    }

    fn add(&mut self, table: &mut Tracked, selection: &Selection, entry: &Entry) {
        let Some(held) = self.selections.get_mut(selection) else {
            return;
        };
        let count = held.entries.entry(entry.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.change(table, selection, entry, Turn::Comes);
        }
    }

    fn remove(&mut self, table: &mut Tracked, selection: &Selection, entry: &Entry) {
        let Some(held) = self.selections.get_mut(selection) else {
            return;
        };
        let Some(count) = held.entries.get_mut(entry) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            held.entries.remove(entry);
            self.change(table, selection, entry, Turn::Goes);
        }
    }

    /// Brings one entry into the sets, or out of them.
    fn change(&mut self, table: &mut Tracked, selection: &Selection, entry: &Entry, turn: Turn) {
        let Some((family, key)) = entry.element() else {
            return self.change_prefixes(table, selection);
        };
        let name = selection.set(selection.holder(), family);
        match turn {
            Turn::Comes => table.insert_element(&name, key, Element::default()),
            Turn::Goes => table.remove_element(&name, &key),
        }
    }

    fn change_prefixes(&mut self, table: &mut Tracked, selection: &Selection) {
        let held = self.selections.get(selection);
        let mut entries = held.into_iter().flat_map(|held| held.entries.keys());
        let flips = match entries.any(|entry| matches!(entry, Entry::Prefix(_))) {
            true => self.prefixed.insert(selection.clone()),
            false => self.prefixed.remove(selection),
        };
        self.flipped.extend(flips.then(|| selection.clone()));
        for family in Family::ALL {
            self.fill_prefixes(table, selection, family);
        }
    }

    fn drop(&mut self, selection: &Selection) {
        self.selections.remove(selection);
        for subject in self.candidates(selection) {
            if let Some(facts) = self.subjects.get_mut(&subject) {
                facts.entries.retain(|(of, _)| of != selection);
            }
        }
        self.prefixed.remove(selection);
        self.free.remove(selection);
        if let Some(requirement) = requirement(selection)
            && let Some(known) = self.requiring.get_mut(requirement.key())
        {
            known.remove(selection);
            if known.is_empty() {
                self.requiring.remove(requirement.key());
            }
        }
    }

    fn remember(&mut self, subject: &Subject, facts: &Facts) {
        for group in &facts.groups {
            let members = self.members.entry(group.clone()).or_default();
            members.insert(subject.clone());
        }
        if let Some(labels) = &facts.labels {
            self.labelled.insert(subject.clone());
            for (key, value) in labels.iter() {
                let values = self.carrying.entry(key.clone()).or_default();
                let carrying = values.entry(value.clone()).or_default();
                carrying.insert(subject.clone());
            }
        }
    }

    fn forget(&mut self, subject: &Subject, facts: &Facts) {
        for group in &facts.groups {
            if let Some(members) = self.members.get_mut(group) {
                members.remove(subject);
                if members.is_empty() {
                    self.members.remove(group);
                }
            }
        }
        self.labelled.remove(subject);
        for (key, value) in facts.labels.iter().flat_map(Labels::iter) {
            let Some(values) = self.carrying.get_mut(key) else {
                continue;
            };
            if let Some(carrying) = values.get_mut(value) {
                carrying.remove(subject);
                if carrying.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.carrying.remove(key);
            }
        }
    }
}

/// Whether an entry comes or goes.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Comes,
    Goes,
}

impl Entry {
    /// The element that it is in the selection's hash set of a family; a prefix is in none.
    fn element(&self) -> Option<(Family, Key)> {
        match self {
            Self::Address(address) => Some((Family::of(*address), address_key(*address))),
            Self::Port(family, key) => Some((*family, key.clone())),
            Self::Prefix(_) => None,
        }
    }
}

impl Facts {
    /// Whether selections find it by the same groups and labels as another.
    fn is_found_like(&self, other: &Self) -> bool {
        (&self.groups, &self.labels) == (&other.groups, &other.labels)
    }

    /// What a subject is; `None` if it is not there.
    fn of(state: &State, subject: &Subject) -> Option<Self> {
        match subject {
            Subject::Endpoint(name) => {
                let endpoint = state.endpoints.get(name)?;
                Some(Self::of_endpoint(state, endpoint))
            }
            Subject::NetworkSet(name) => {
                let set = state.network_sets.get(name)?;
                let nets = set.nets.iter().copied();
                let (hosts, nets): (Vec<Cidr>, Vec<Cidr>) = nets.partition(is_host);
                Some(Self {
                    labels: Some(state.labels_of_set(set).all()),
                    addresses: sorted(hosts.iter().map(Cidr::network).collect()),
                    prefixes: sorted(nets),
                    ..Self::default()
                })
            }
        }
    }

    fn of_endpoint(state: &State, endpoint: &Endpoint) -> Self {
        let ports = endpoint.labelled().map(|labelled| labelled.ports.clone());
        Self {
            groups: super::endpoints::groups(state, endpoint).cloned().collect(),
            labels: state.labels_of(endpoint).map(|labels| labels.all()),
            addresses: endpoint.addresses.iter().copied().collect(),
            ports: ports.unwrap_or_default(),
            ..Self::default()
        }
    }

    fn is_meant(&self, selection: &Selection) -> bool {
        let matches = |selector: &Selector| {
            let labels = self.labels.as_ref();
            labels.is_some_and(|labels| selector.matches(labels))
        };
        match selection {
            Selection::Group(group) => self.groups.binary_search(group).is_ok(),
            Selection::Labels(selector) | Selection::Port(Some(selector), ..) => matches(selector),
            Selection::Port(None, ..) => self.labels.is_some(),
        }
    }

    /// What it adds to a selection that means it, in order, each once.
    fn adds(&self, selection: &Selection) -> Vec<Entry> {
        match selection {
            Selection::Group(_) | Selection::Labels(_) => {
                let addresses = self.addresses.iter().copied().map(Entry::Address);
                let prefixes = self.prefixes.iter().copied().map(Entry::Prefix);
                addresses.chain(prefixes).collect()
            }
            Selection::Port(_, protocol, name) => {
                let fits = |port: &&NamedPort| {
                    port.name == *name && protocol.is_none_or(|only| only == port.protocol)
                };
                let ports = self.ports.iter().filter(fits);
                let entries = ports.flat_map(|port| {
                    self.addresses.iter().map(|&address| {
                        let key = port_key(address, port.protocol, port.port);
                        Entry::Port(Family::of(address), key)
                    })
                });
                sorted(entries.collect())
            }
        }
    }
}

/// What whatever a selection means must carry.
fn requirement(selection: &Selection) -> Option<Requirement<'_>> {
    let selector = match selection {
        Selection::Group(_) | Selection::Port(None, ..) => return None,
        Selection::Labels(selector) | Selection::Port(Some(selector), ..) => selector,
    };
    let requirements = selector.requirements();
    let is_narrow = |requirement: &Requirement<'_>| matches!(requirement, Requirement::OneOf(..));
    let narrow = requirements
        .iter()
        .find(|requirement| is_narrow(requirement));
    narrow.or(requirements.first()).cloned()
}

fn is_host(net: &Cidr) -> bool {
    usize::from(net.prefix_len()) == net.family().address_bytes() * 8
}
