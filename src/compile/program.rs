//! A decider's rules of one direction and family as runs, in the order in which packets meet them.

use std::collections::BTreeMap;

use super::decider::Rules;
use super::matching::Matching;
use super::names;
use super::objects::Objects;
use super::outcome::{LogLine, Outcome};
use super::run::{Plain, Run};
use super::selection::Selection;
use super::simple::{Peers, simple};
use crate::model::{DenyAction, Direction, GroupRules, Peer, PolicyCounters, Rule};
use crate::net::{Cidr, Family};
use crate::ruleset::Name;

/// What rules become depends on it, beside themselves.
#[derive(Debug)]
pub(super) struct Program<'c> {
    /// The chain of the decider.
    pub(super) owner: &'c Name,
    /// Which way packets go.
    pub(super) direction: Direction,
    /// What a denied packet gets.
    pub(super) deny: DenyAction,
    /// Whether each rule counts.
    pub(super) counters: PolicyCounters,
    /// What log lines say.
    pub(super) log: LogLine<'c>,
    /// The matching of plain rules.
    pub(super) matching: Matching<'c>,
}

impl Program<'_> {
    /// The runs of one family; sets and counters of single rules go to the objects.
    pub(super) fn runs(&self, objects: &mut Objects, family: Family, rules: Rules<'_>) -> Vec<Run> {
        let mut runs = match rules {
            Rules::Group(rules) => self.allowing(objects, family, rules),
            Rules::Ordered(rules) => self.ordered(objects, family, rules),
        };
        // Sorted once for all lanes: what is taken from a list in order is in order.
        runs.iter_mut().for_each(|run| run.prefixes.sort_unstable());
        runs
    }

    fn allowing(&self, objects: &mut Objects, family: Family, rules: &GroupRules) -> Vec<Run> {
        let mut runs = Runs::new(self, family);
        for rule in rules.iter().filter(|rule| rule.family == family) {
            let text = || rule.text(self.direction);
            let run = runs.for_rule(objects, Outcome::allow(self.direction), text);
            match &rule.peer {
                Peer::Cidr(prefix) => run.prefixes.push((*prefix, rule.service)),
                Peer::Group(group) => {
                    let peer = Selection::Group(group.clone());
                    run.selected.entry(peer).or_default().push(rule.service);
                }
            }
        }
        runs.runs
    }

    fn ordered(&self, objects: &mut Objects, family: Family, rules: &[Rule]) -> Vec<Run> {
        let mut runs = Runs::new(self, family);
        for (place, rule) in (1..).zip(rules) {
            if rule.is_void() || !rule.speaks_of(family) {
                continue;
            }
            let outcome = Outcome::of(rule.action, self.direction, self.deny, &self.log);
            let text = || format!("{rule:?}");
            let Some(simple) = simple(rule, self.direction) else {
                let name = |word: &str| names::of_rule(self.owner, place, word, family);
                let alternatives = self.matching.alternatives(rule, family, &name, objects);
                let run = runs.for_rule(objects, outcome, text);
                run.plain
                    .extend(alternatives.into_iter().map(|tests| Plain {
                        protocol: rule.protocol,
                        tests,
                    }));
                continue;
            };
            let run = runs.for_rule(objects, outcome, text);
            for &service in &simple.services {
                match &simple.peers {
                    Peers::Any => run.prefixes.push((Cidr::any(family), service)),
                    Peers::Nets(nets) => {
                        let own = nets.iter().filter(|net| net.family() == family);
                        run.prefixes.extend(own.map(|net| (*net, service)));
                    }
                    Peers::Selected(selection) => {
                        run.selected
                            .entry(selection.clone())
                            .or_default()
                            .push(service);
                    }
                }
            }
        }
        runs.runs
    }
}

/// Runs under way.
struct Runs<'c> {
    program: &'c Program<'c>,
    family: Family,
    runs: Vec<Run>,
    counted: BTreeMap<String, usize>,
}

impl<'c> Runs<'c> {
    fn new(program: &'c Program<'c>, family: Family) -> Self {
        Self {
            program,
            family,
            runs: Vec::new(),
            counted: BTreeMap::new(),
        }
    }

    /// The run that a rule of this outcome belongs to: the last one, if order between them does not
    /// matter. A rule that counts is a run of its own.
    fn for_rule(
        &mut self,
        objects: &mut Objects,
        outcome: Outcome,
        text: impl Fn() -> String,
    ) -> &mut Run {
        let counter = match self.program.counters {
            PolicyCounters::Off => None,
            PolicyCounters::On => Some(self.counter(objects, &text())),
        };
        let joins = |last: &Run| counter.is_none() && last.outcome == outcome && outcome.is_final();
        if !self.runs.last().is_some_and(joins) {
            let mut run = Run::new(self.family, outcome);
            run.counter = counter;
            self.runs.push(run);
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    /// A counter belongs to what a rule says, so that it outlives changes of the rules around it.
    fn counter(&mut self, objects: &mut Objects, text: &str) -> Name {
        let repeated = self.counted.entry(text.to_owned()).or_default();
        let name = names::counter(self.program.owner, text, *repeated);
        *repeated += 1;
        objects.counters.insert(name.clone(), None);
        name
    }
}
