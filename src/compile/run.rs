//! A run: rules of one family and one verdict, between which order does not matter.

use std::collections::{BTreeMap, BTreeSet};

use super::boxes::Block;
use super::lane::{Lane, Part};
use super::service::{Numbered, Shape};
use crate::model::{GroupName, GroupRule, Peer, Service};
use crate::net::{Cidr, Family};

/// A policy with more kinds of rule than this splits into lanes. Below it the
/// rules that a packet would skip cost less than the way there.
const WHOLE_KINDS_MAX: usize = 4;

/// A union of what single rules match.
#[derive(Debug)]
pub(super) struct Run<'r> {
    /// The family of all rules.
    pub(super) family: Family,
    prefixes: Vec<(Cidr, Service)>,
    members: BTreeMap<&'r GroupName, Vec<Service>>,
}

/// Rules whose peer is a prefix, as far as they concern a lane.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    /// Those that match every packet of the lane.
    pub(super) wholly: Vec<Cidr>,
    /// The others by shape.
    pub(super) blocks: BTreeMap<Shape, Vec<Block>>,
}

impl<'r> Run<'r> {
    /// The rules of one family.
    pub(super) fn of(family: Family, rules: &'r [GroupRule]) -> Self {
        let mut run = Self {
            family,
            prefixes: Vec::new(),
            members: BTreeMap::new(),
        };
        for rule in rules.iter().filter(|rule| rule.family == family) {
            match &rule.peer {
                Peer::Cidr(prefix) => run.prefixes.push((*prefix, rule.service)),
                Peer::Group(group) => run.members.entry(group).or_default().push(rule.service),
            }
        }
        run
    }

    /// The lanes that the run is worth: all in one, or several.
    pub(super) fn lanes(&self) -> &'static [Lane] {
        let kind = |&(_, service): &(Cidr, Service)| match Lane::Whole.part(self.family, service) {
            Part::Some((shape, ..)) => Some(shape),
            Part::Everything | Part::Nothing => None,
        };
        let kinds: BTreeSet<Option<Shape>> = self.prefixes.iter().map(kind).collect();
        match kinds.len() + self.members.len() {
            0..=WHOLE_KINDS_MAX => &[Lane::Whole],
            _ => &[Lane::Tcp, Lane::Udp, Lane::Icmp, Lane::Rest],
        }
    }

    /// The rules of prefixes.
    pub(super) fn prefixes(&self, lane: Lane) -> Prefixes {
        let mut found = Prefixes::default();
        for &(prefix, service) in &self.prefixes {
            match lane.part(self.family, service) {
                Part::Everything => found.wholly.push(prefix),
                Part::Some((shape, first, last)) => {
                    found.blocks.entry(shape).or_default().push(Block {
                        prefix,
                        first,
                        last,
                    });
                }
                Part::Nothing => {}
            }
        }
        found
    }

    /// The rules of members, by group; `None` is everything.
    pub(super) fn members(
        &self,
        lane: Lane,
    ) -> BTreeMap<&'r GroupName, Option<BTreeSet<Numbered>>> {
        let mut found: BTreeMap<&GroupName, Option<BTreeSet<Numbered>>> = BTreeMap::new();
        for (&group, services) in &self.members {
            for &service in services {
                let numbered = match lane.part(self.family, service) {
                    Part::Nothing => continue,
                    Part::Everything => None,
                    Part::Some(numbered) => Some(numbered),
                };
                let known = found.entry(group).or_insert_with(|| Some(BTreeSet::new()));
                match (known.as_mut(), numbered) {
                    (Some(several), Some(one)) => drop(several.insert(one)),
                    (_, None) => *known = None,
                    (None, Some(_)) => {}
                }
            }
        }
        found
    }
}
