//! A run: rules of one family and one outcome, between which order does not matter.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::by_shape::ByShape;
use super::lane::{Lane, Part};
use super::outcome::Outcome;
use super::prefixes::{ByLane, PrefixRule, Prefixes};
use super::selection::Selection;
use super::service::Numbered;
use crate::model::Service;
use crate::net::{Cidr, Family, Protocol};
use crate::ruleset::{Name, Rule, Statement};

/// A policy with more kinds of rule than this splits into lanes. Below it the
/// rules that a packet would skip cost less than the way there.
const WHOLE_KINDS_MAX: usize = 4;

/// What several rules match together.
#[derive(Debug)]
pub(super) struct Run {
    /// The family of all rules.
    pub(super) family: Family,
    /// What becomes of a packet that any of them matches.
    pub(super) outcome: Outcome,
    /// What counts the packets, where it counts.
    pub(super) counter: Option<Name>,
    /// Rules that compare the peer with a prefix.
    pub(super) prefixes: Vec<PrefixRule>,
    /// Rules that compare the peer with what a selection holds.
    pub(super) selected: BTreeMap<Selection, Vec<Service>>,
    /// Rules that are no box: each is a rule of its own.
    pub(super) plain: Vec<Plain>,
    /// The rules for prefixes from which everything is allowed: all lanes have them in common. This and what
    /// follows is made when the first lane is laid out; by then the run has all its rules, and one policy alone
    /// lays it out.
    pub(super) whole: OnceCell<Vec<Rule>>,
    /// Its prefixes where there is one lane.
    in_one: OnceCell<Prefixes>,
    /// Its prefixes where there are more.
    by_lane: OnceCell<ByLane>,
}

/// A rule that shares no set with others.
#[derive(Debug)]
pub(super) struct Plain {
    /// Its protocol, where it has one.
    pub(super) protocol: Option<Protocol>,
    /// What it tests.
    pub(super) tests: Vec<Statement>,
}

/// How many rules of prefixes there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    /// Those that have a shape.
    shapes: ByShape<usize>,
    /// The others.
    shapeless: usize,
}

impl Kinds {
    /// Those of rules.
    pub(super) fn of(family: Family, rules: &[PrefixRule]) -> Self {
        let mut kinds = Self::default();
        for rule in rules {
            *kinds.of_rule(family, rule) += 1;
        }
        kinds
    }

    /// Those where some rules went and others came.
    #[must_use]
    pub(super) fn with(mut self, family: Family, gone: &[PrefixRule], came: &[PrefixRule]) -> Self {
        for rule in came {
            *self.of_rule(family, rule) += 1;
        }
        for rule in gone {
            *self.of_rule(family, rule) -= 1;
        }
        self
    }

    /// How many kinds there are.
    pub(super) fn len(&self) -> usize {
        let shapes = self.shapes.iter().filter(|(_, count)| **count > 0);
        shapes.count() + usize::from(self.shapeless > 0)
    }

    fn of_rule(&mut self, family: Family, (_, service): &PrefixRule) -> &mut usize {
        match Lane::Whole.part(family, *service) {
            Part::Some((shape, ..)) => self.shapes.of_mut(shape),
            Part::Everything | Part::Nothing => &mut self.shapeless,
        }
    }
}

/// The lanes that so many kinds of rule are worth: all in one, or several.
pub(super) fn lanes(kinds: usize) -> &'static [Lane] {
    match kinds {
        0..=WHOLE_KINDS_MAX => &[Lane::Whole],
        _ => &[Lane::Tcp, Lane::Udp, Lane::Icmp, Lane::Rest],
    }
}

impl Run {
    /// A run without rules.
    pub(super) fn new(family: Family, outcome: Outcome) -> Self {
        Self {
            family,
            outcome,
            counter: None,
            prefixes: Vec::new(),
            selected: BTreeMap::new(),
            plain: Vec::new(),
            whole: OnceCell::new(),
            in_one: OnceCell::new(),
            by_lane: OnceCell::new(),
        }
    }

    /// How many rules of prefixes there are of each kind.
    pub(super) fn kinds_of_prefixes(&self) -> Kinds {
        Kinds::of(self.family, &self.prefixes)
    }

    /// How many selections there are, and rules that share no set.
    pub(super) fn others(&self) -> usize {
        self.selected.len() + self.plain.len()
    }

    /// The rules of prefixes.
    pub(super) fn prefixes(&self, lane: Lane) -> &Prefixes {
        let in_one = || Prefixes::of(self.family, Lane::Whole, &self.prefixes);
        let by_lane = || ByLane::of(self.family, &self.prefixes);
        match lane {
            Lane::Whole => self.in_one.get_or_init(in_one),
            Lane::Tcp => &self.by_lane.get_or_init(by_lane).tcp,
            Lane::Udp => &self.by_lane.get_or_init(by_lane).udp,
            Lane::Icmp => &self.by_lane.get_or_init(by_lane).icmp,
            Lane::Rest => &self.by_lane.get_or_init(by_lane).rest,
        }
    }

    /// The services of each selection; `None` is everything.
    pub(super) fn selected(&self, lane: Lane) -> BTreeMap<&Selection, Option<BTreeSet<Numbered>>> {
        let mut found: BTreeMap<&Selection, Option<BTreeSet<Numbered>>> = BTreeMap::new();
        for (selection, services) in &self.selected {
            for &service in services {
                let numbered = match lane.part(self.family, service) {
                    Part::Nothing => continue,
                    Part::Everything => None,
                    Part::Some(numbered) => Some(numbered),
                };
                let known = found
                    .entry(selection)
                    .or_insert_with(|| Some(BTreeSet::new()));
                match (known.as_mut(), numbered) {
                    (Some(several), Some(one)) => drop(several.insert(one)),
                    (_, None) => *known = None,
                    (None, Some(_)) => {}
                }
            }
        }
        found
    }

    /// Whether packets of a lane can match any of its rules.
    pub(super) fn is_in(&self, lane: Lane) -> bool {
        let selected = self.selected.values().flatten();
        let prefixes = self.prefixes.iter().map(|(_, service)| service);
        let mut services = selected.chain(prefixes);
        services.any(|&service| lane.part(self.family, service) != Part::Nothing)
            || self.plain(lane).next().is_some()
    }

    /// The rules of prefixes in a lane as boxes: a prefix and numbers of a shape; `None` where no
    /// shape has all packets that a rule matches.
    pub(super) fn boxes(&self, lane: Lane) -> impl Iterator<Item = Option<(Cidr, Numbered)>> {
        self.prefixes.iter().filter_map(move |&(prefix, service)| {
            match lane.part(self.family, service) {
                Part::Nothing => None,
                Part::Everything => Some(lane.everything().map(|all| (prefix, all))),
                Part::Some(numbered) => Some(Some((prefix, numbered))),
            }
        })
    }

    /// The plain rules that packets of a lane can match.
    pub(super) fn plain(&self, lane: Lane) -> impl Iterator<Item = &Plain> {
        self.plain
            .iter()
            .filter(move |rule| lane.may_have(self.family, rule.protocol))
    }
}
