//! What of ours is in force, in a form that can be told from what should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::document::lines;
use super::ipset::Ipset;
use super::members::Members;
use super::name::{CHAIN_PREFIX, IPSET_PREFIX};
use super::rule::COMMENT_PREFIX;
use super::saved::{SavedRule, SavedSet, SavedTable};
use super::{Builtin, Chain, ChainName, Document, IpsetName, Table, TableName};
use crate::net::Family;

/// Everything of ours that the kernel holds, and what others have in the same built-in chains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) sets: BTreeMap<String, HeldSet>,
    pub(super) tables: BTreeMap<(Family, TableName), HeldTable>,
}

/// One of our ipsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeldSet {
    /// Its type and, where it has one, its family.
    pub(super) kind: String,
    /// How many members it takes.
    pub(super) room: usize,
    pub(super) members: Members,
    /// What it was made of, where we made it.
    pub(super) of: Option<Arc<Ipset>>,
}

/// One of our chains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeldChain {
    /// The comments of its rules: each holds a hash of the rules up to it.
    pub(super) comments: Vec<Option<String>>,
    /// What it was made of, where we made it.
    of: Option<Arc<Chain>>,
}

/// A table that has something of ours, or may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeldTable {
    /// Our chains.
    pub(super) chains: BTreeMap<String, HeldChain>,
    /// The chains of others, with all rules.
    pub(super) others: BTreeMap<String, Vec<SavedRule>>,
}

/// Where our rules stand in chains that are everybody's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Placement {
    /// Before all others.
    #[default]
    Insert,
    /// Behind others.
    Append,
}

/// How much of ours there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Chains of ours, in all tables.
    pub chains: usize,
    /// Their rules, and ours in the chains of others.
    pub rules: usize,
    /// Ipsets.
    pub sets: usize,
    /// Their members.
    pub members: usize,
}

impl Held {
    /// How much it is.
    pub(super) fn counts(&self) -> Counts {
        let tables = || self.tables.values();
        let rules = tables().flat_map(|table| table.chains.values());
        let others = tables().flat_map(|table| table.others.values().flatten());
        Counts {
            chains: tables().map(|table| table.chains.len()).sum(),
            rules: rules.map(|chain| chain.comments.len()).sum::<usize>()
                + others.filter(|rule| is_ours(rule)).count(),
            sets: self.sets.len(),
            members: self.sets.values().map(|set| set.members.len()).sum(),
        }
    }

    /// Whether nothing is ours.
    pub(super) fn is_empty(&self) -> bool {
        let mut tables = self.tables.values();
        self.sets.is_empty() && tables.all(HeldTable::is_empty)
    }

    /// Whether our rules stand at all hooks: who writes them first gets there last.
    pub(super) fn stands(&self) -> bool {
        let hooks = [
            (TableName::Raw, Builtin::Prerouting),
            (TableName::Filter, Builtin::Input),
            (TableName::Filter, Builtin::Forward),
        ];
        let stands = |family, (table, chain): (TableName, Builtin)| {
            let table = self.tables.get(&(family, table));
            table.is_some_and(|table| table.has_ours(chain.as_str()))
        };
        Family::ALL
            .into_iter()
            .all(|family| hooks.into_iter().all(|hook| stands(family, hook)))
    }

    /// What is not as a document says: the first thing, in words.
    pub(super) fn difference(&self, wanted: &Document, placement: Placement) -> Option<String> {
        let keys: BTreeSet<_> = self.tables.keys().chain(wanted.tables.keys()).collect();
        let mut tables = keys.into_iter().filter_map(|key| {
            let what = self.differing_table(key, wanted, placement)?;
            Some(format!("{} {}: {what}", key.0, key.1))
        });
        tables.next().or_else(|| self.differing_set(wanted))
    }

    fn differing_table(
        &self,
        key: &(Family, TableName),
        wanted: &Document,
        placement: Placement,
    ) -> Option<String> {
        let nothing = (HeldTable::default(), Table::default());
        let held = self.tables.get(key).unwrap_or(&nothing.0);
        let wanted = wanted.tables.get(key).unwrap_or(&nothing.1);
        held.difference(wanted, key.0, placement)
    }

    /// Whether it is on the way from one document to another: each table is as in either, and each set
    /// holds what it does in both, and nothing that it does in neither.
    pub(super) fn is_between(&self, ends: [&Document; 2], placement: Placement) -> bool {
        let wanted = || ends.iter().flat_map(|document| document.tables.keys());
        let mut keys = self.tables.keys().chain(wanted());
        let is_of_either = |key| {
            let mut differing = ends
                .iter()
                .map(|end| self.differing_table(key, end, placement));
            differing.any(|what| what.is_none())
        };
        let names: BTreeSet<&IpsetName> = ends.iter().flat_map(|end| end.ipsets.keys()).collect();
        keys.all(is_of_either)
            && names.into_iter().all(|name| {
                let held = self.sets.get(name.as_str());
                HeldSet::is_between(held, ends.map(|end| end.ipsets.get(name).map(Arc::as_ref)))
            })
    }

    fn differing_set(&self, wanted: &Document) -> Option<String> {
        let names: BTreeSet<&str> = {
            let wanted = wanted.ipsets.keys().map(|name| name.as_str());
            self.sets.keys().map(String::as_str).chain(wanted).collect()
        };
        let by_name: BTreeMap<&str, &Ipset> = {
            let sets = wanted.ipsets.iter();
            sets.map(|(name, set)| (name.as_str(), &**set)).collect()
        };
        names.into_iter().find_map(|name| {
            let what = match (self.sets.get(name), by_name.get(name)) {
                (Some(held), Some(wanted)) => held.difference(wanted)?,
                // Somebody else may look it up. The next write tries to destroy it.
                (Some(_), None) => return None,
                (None, _) => "it is gone".to_owned(),
            };
            Some(format!("ipset {name}: {what}"))
        })
    }
}

impl HeldSet {
    /// A set as it is made for a document.
    pub(super) fn of(set: &Ipset) -> Self {
        Self {
            kind: kind(set),
            room: set.members_max(),
            members: set.members.clone(),
            of: None,
        }
    }

    fn read(saved: SavedSet) -> Self {
        let words: Vec<&str> = saved.declaration.split(' ').collect();
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        let kind = words.first().copied().unwrap_or_default();
        let family = after("family").map(|family| format!(" {family}"));
        Self {
            kind: format!("{kind}{}", family.unwrap_or_default()),
            room: after("maxelem")
                .and_then(|room| room.parse().ok())
                .unwrap_or(usize::MAX),
            members: saved.members.into_iter().collect(),
            of: None,
        }
    }

    /// Whether it is of the type that it should be of.
    pub(super) fn is_of_type(&self, wanted: &Ipset) -> bool {
        self.kind == kind(wanted)
    }

    /// Whether it has room for what comes beside what it holds.
    pub(super) fn takes(&self, wanted: &Ipset) -> bool {
        let come = wanted.members.without(&self.members);
        let come: usize = come.map(|member| member.count()).sum();
        self.members.len() + come <= self.room
    }

    /// What should be in it and what is.
    pub(super) fn united(&self, wanted: &Ipset) -> Ipset {
        let mut union = wanted.clone();
        for member in self.members.without(&wanted.members) {
            union.members.insert(member);
        }
        union
    }

    /// Whether a set is on the way from one that may be none to another.
    fn is_between(held: Option<&Self>, ends: [Option<&Ipset>; 2]) -> bool {
        let Some(held) = held else {
            return ends.iter().any(Option::is_none);
        };
        let known = || ends.iter().flatten().filter(|end| held.is_of_type(end));
        let mut neither = held.members.clone();
        for end in known() {
            neither = neither.without(&end.members).collect();
        }
        let lacks = match ends {
            [Some(before), Some(after)] if before.kind == after.kind => {
                let missing: Members = before.members.without(&held.members).collect();
                let gone: Members = missing.without(&after.members).collect();
                missing != gone
            }
            [Some(_) | None, _] => false,
        };
        known().next().is_some() && neither.is_empty() && !lacks
    }

    fn difference(&self, wanted: &Ipset) -> Option<String> {
        if !self.is_of_type(wanted) {
            return Some(format!("it is a {}", self.kind));
        }
        if let Some(extra) = self.members.without(&wanted.members).next() {
            return Some(format!("{extra} should not be in it"));
        }
        let missing = wanted.members.without(&self.members).next()?;
        Some(format!("{missing} is missing"))
    }
}

/// The type of a set, with the family.
fn kind(set: &Ipset) -> String {
    let kind = set.kind.as_str();
    match set.family {
        Family::V4 => format!("{kind} inet"),
        Family::V6 => format!("{kind} inet6"),
    }
}

impl HeldChain {
    /// A chain that was written.
    pub(super) fn of(name: &ChainName, rules: &Arc<Chain>, family: Family) -> Self {
        Self {
            comments: comments(&lines(name.as_str(), rules, family)),
            of: Some(Arc::clone(rules)),
        }
    }

    /// Whether we made it of the very same.
    pub(super) fn is_of(&self, rules: &Arc<Chain>) -> bool {
        self.of.as_ref() == Some(rules)
    }

    /// Whether it is what it should be. What we made it of need not be said again to tell.
    pub(super) fn is(&self, name: &ChainName, rules: &Arc<Chain>, family: Family) -> bool {
        self.is_of(rules) || self.comments == comments(&lines(name.as_str(), rules, family))
    }
}

impl HeldTable {
    pub(super) fn read(saved: SavedTable) -> Self {
        let mut table = Self::default();
        for (name, rules) in saved.chains {
            if name.starts_with(CHAIN_PREFIX) {
                let comments = rules.into_iter().map(|rule| rule.comment);
                let comments = comments.collect();
                table.chains.insert(name, HeldChain { comments, of: None });
            } else {
                table.others.insert(name, rules);
            }
        }
        table
    }

    /// Whether our chains have the same comments. One without a rule may be there for somebody else alone.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.comments().eq(other.comments())
    }

    fn comments(&self) -> impl Iterator<Item = (&String, &Vec<Option<String>>)> {
        let chains = self.chains.iter();
        let said = chains.map(|(name, chain)| (name, &chain.comments));
        said.filter(|(_, comments)| !comments.is_empty())
    }

    /// Believes no comment of ours in a chain whose rules say something else than they did under these.
    pub(super) fn distrust(&mut self, chain: &str) {
        if let Some(chain) = self.chains.get_mut(chain) {
            chain.comments.fill(None);
        }
        let rules = self.others.get_mut(chain).into_iter().flatten();
        for rule in rules.filter(|rule| is_ours(rule)) {
            // Ours it stays, so that it is taken out.
            rule.comment = Some(COMMENT_PREFIX.to_owned());
        }
    }

    fn is_empty(&self) -> bool {
        let mut others = self.others.values().flatten();
        self.chains.keys().all(|chain| self.is_kept(chain)) && !others.any(is_ours)
    }

    /// The chains of ours that rules of others lead to, which so cannot be deleted.
    pub(super) fn led_to(&self) -> BTreeSet<&str> {
        let others = self.others.values().flatten();
        let theirs = others.filter(|rule| !is_ours(rule));
        let targets = theirs.flat_map(|rule| {
            let words = rule.text.split(' ');
            let next = words.clone().skip(1);
            let pairs = words.zip(next);
            pairs.filter_map(|(option, to)| matches!(option, "-j" | "-g").then_some(to))
        });
        targets.filter(|to| to.starts_with(CHAIN_PREFIX)).collect()
    }

    /// Whether a chain is there for somebody else alone, with no rule.
    fn is_kept(&self, chain: &str) -> bool {
        let chain_is_empty = |chain: &HeldChain| chain.comments.is_empty();
        self.chains.get(chain).is_some_and(chain_is_empty) && self.led_to().contains(chain)
    }

    /// Our rules in a chain that is everybody's.
    pub(super) fn ours(&self, chain: &str) -> impl Iterator<Item = &SavedRule> {
        let rules = self.others.get(chain).into_iter().flatten();
        rules.filter(|rule| is_ours(rule))
    }

    /// Whether our rules in a chain that is everybody's are these, where they should be.
    pub(super) fn has_head(&self, chain: &str, wanted: &[String], placement: Placement) -> bool {
        let wanted: Vec<_> = wanted.iter().map(|line| comment_of(line)).collect();
        let ours = self.ours(chain).map(|rule| rule.comment.as_deref());
        if !ours.eq(wanted
            .iter()
            .map(Some)
            .map(|comment| comment.map(String::as_str)))
        {
            return false;
        }
        let all = self
            .others
            .get(chain)
            .map(Vec::as_slice)
            .unwrap_or_default();
        match placement {
            Placement::Insert => all.iter().take(wanted.len()).all(is_ours),
            Placement::Append => true,
        }
    }

    fn difference(&self, wanted: &Table, family: Family, placement: Placement) -> Option<String> {
        let lines = |chain: &str, rules| lines(chain, rules, family);
        for (name, rules) in &wanted.chains {
            let Some(held) = self.chains.get(name.as_str()) else {
                return Some(format!("chain {name} is gone"));
            };
            if !held.is(name, rules, family) {
                return Some(format!("chain {name} has other rules"));
            }
        }
        let wanted_chains: BTreeSet<&str> = wanted.chains.keys().map(|n| n.as_str()).collect();
        let mut held = self.chains.keys();
        // An empty one stays where a rule of somebody else leads to it.
        let extra = |name: &&String| !wanted_chains.contains(name.as_str()) && !self.is_kept(name);
        if let Some(extra) = held.find(extra) {
            return Some(format!("chain {extra} should not be there"));
        }
        for (builtin, rules) in &wanted.heads {
            let lines = lines(builtin.as_str(), rules);
            if !self.has_head(builtin.as_str(), &lines, placement) {
                return Some(format!(
                    "our rules are not where they should be in {builtin}"
                ));
            }
        }
        let heads: BTreeSet<&str> = wanted.heads.keys().map(|b| b.as_str()).collect();
        let mut others = self.others.keys();
        let stray = others.find(|name| !heads.contains(name.as_str()) && self.has_ours(name))?;
        Some(format!("{stray} should have no rule of ours"))
    }

    fn has_ours(&self, chain: &str) -> bool {
        self.ours(chain).next().is_some()
    }
}

/// Whether a rule carries our comment.
pub(super) fn is_ours(rule: &SavedRule) -> bool {
    let comment = rule.comment.as_deref();
    comment.is_some_and(|comment| comment.starts_with(COMMENT_PREFIX))
}

/// Whether a set is named as ours are.
pub(super) fn is_our_set(name: &str) -> bool {
    let after = name.strip_prefix(IPSET_PREFIX);
    after.is_some_and(|after| after.starts_with("4-") || after.starts_with("6-"))
}

/// The comments of rules that we write.
pub(super) fn comments(lines: &[String]) -> Vec<Option<String>> {
    lines.iter().map(|line| Some(comment_of(line))).collect()
}

fn comment_of(line: &str) -> String {
    let comment = super::saved::comment(line);
    comment.unwrap_or_default()
}

impl Held {
    /// Takes what `ipset save` says of our sets.
    pub(super) fn take_sets(&mut self, saved: BTreeMap<String, SavedSet>) {
        let ours = saved.into_iter().filter(|(name, _)| is_our_set(name));
        self.sets = ours.map(|(name, set)| (name, HeldSet::read(set))).collect();
    }
}
