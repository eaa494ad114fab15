//! The longest ways through one chain and what it leads to, for one class of packets.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::class::{Class, Decision};
use super::longer;
use crate::net::Protocol;
use crate::ruleset::trace::Cost;
use crate::ruleset::{
    Expression, HookPoint, MarkSource, Match, Name, Operand, RejectKind, Statement, Table, Verdict,
    VmapSource,
};

/// A way and its cost. The chains are a shared tree, because ways share most of their length.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    pub(super) cost: Cost,
    trail: Option<Rc<Trail>>,
}

/// The chains of a way: one, or those of its parts in order.
#[derive(Debug, Default)]
struct Trail {
    chain: Option<Name>,
    parts: Vec<Rc<Self>>,
}

impl Drop for Trail {
    /// Without recursion: a chain of 100,000 jumps is as many parts deep.
    fn drop(&mut self) {
        let mut open = std::mem::take(&mut self.parts);
        while let Some(part) = open.pop() {
            if let Some(mut last) = Rc::into_inner(part) {
                open.append(&mut last.parts);
            }
        }
    }
}

impl Way {
    fn entering(chain: &Name) -> Self {
        Self {
            cost: Cost::default(),
            trail: Some(Rc::new(Trail {
                chain: Some(chain.clone()),
                parts: Vec::new(),
            })),
        }
    }

    fn plus(&self, rules: usize, lookups: usize) -> Self {
        Self {
            cost: self.cost.plus(Cost { rules, lookups }),
            trail: self.trail.clone(),
        }
    }

    /// This way and then another.
    pub(super) fn then(&self, next: &Self) -> Self {
        let trail = match (&self.trail, &next.trail) {
            (Some(first), Some(second)) => Some(Rc::new(Trail {
                chain: None,
                parts: vec![first.clone(), second.clone()],
            })),
            (first, second) => first.clone().or_else(|| second.clone()),
        };
        Self {
            cost: self.cost.plus(next.cost),
            trail,
        }
    }

    /// The chains in the order in which they are entered.
    pub(super) fn chains(&self) -> Vec<Name> {
        let mut chains = Vec::new();
        let mut open: Vec<&Trail> = self.trail.iter().map(Rc::as_ref).collect();
        while let Some(trail) = open.pop() {
            chains.extend(trail.chain.clone());
            open.extend(trail.parts.iter().rev().map(Rc::as_ref));
        }
        chains
    }
}

/// The longest way through a chain for each end that it can have.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways {
    /// To an accept.
    pub(super) accept: Option<Way>,
    /// To a drop or a reject.
    pub(super) drop: Option<Way>,
    /// To its end, or a return.
    pub(super) back: Option<Way>,
}

/// A search through one table; a chain is looked at once.
#[derive(Debug)]
pub(super) struct Search<'a> {
    table: &'a Table,
    class: Class,
    hook: HookPoint,
    known: BTreeMap<&'a Name, Ways>,
    verdicts: BTreeMap<&'a Name, BTreeSet<&'a Verdict>>,
}

/// Whether a rule goes on after a statement.
enum Next {
    Go,
    Stop,
}

impl<'a> Search<'a> {
    pub(super) fn new(table: &'a Table, class: Class, hook: HookPoint) -> Self {
        Self {
            table,
            class,
            hook,
            known: BTreeMap::new(),
            verdicts: BTreeMap::new(),
        }
    }

    /// The ways through a chain. A chain that leads to itself, which the kernel refuses, ends there.
    pub(super) fn chain(&mut self, name: &Name) -> Ways {
        let Some((name, chain)) = self.table.chains.get_key_value(name) else {
            return Ways {
                back: Some(Way::default()),
                ..Ways::default()
            };
        };
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        self.known.insert(name, Ways::default());
        let mut ways = Ways::default();
        let mut here = Some(Way::entering(name));
        for rule in &chain.rules {
            let Some(way) = here.take() else { break };
            here = self.rule(&rule.statements, way.plus(1, 0), &mut ways);
        }
        ways.back = longer(ways.back, here);
        self.known.insert(name, ways.clone());
        ways
    }

    /// One rule: the longest way to the next one, if there is any.
    fn rule(&mut self, statements: &'a [Statement], way: Way, ways: &mut Ways) -> Option<Way> {
        let mut way = way;
        let mut next = None;
        for statement in statements {
            if let Next::Stop = self.statement(statement, &mut way, &mut next, ways) {
                return next;
            }
        }
        longer(next, Some(way))
    }

    /// One statement: lengthens the way, and notes where it can lead to.
    fn statement(
        &mut self,
        statement: &'a Statement,
        way: &mut Way,
        next: &mut Option<Way>,
        ways: &mut Ways,
    ) -> Next {
        match statement {
            Statement::Match(test) => self.test(test, way, next),
            Statement::Verdict(Verdict::Continue)
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::Log { .. }
            | Statement::Notrack
            | Statement::SetMark(MarkSource::Bits { .. }) => Next::Go,
            Statement::Verdict(verdict) => {
                self.verdict(verdict, way, next, ways);
                Next::Stop
            }
            Statement::Vmap { key, map } => self.vmap(key, map, way, next, ways),
            Statement::Limit(_) | Statement::NamedLimit(_) => {
                *next = longer(next.take(), Some(way.clone()));
                Next::Go
            }
            Statement::Reject(RejectKind::TcpReset) if !self.class.may_be(Protocol::TCP) => {
                *next = longer(next.take(), Some(way.clone()));
                Next::Stop
            }
            Statement::Reject(_) => {
                ways.drop = longer(ways.drop.take(), Some(way.clone()));
                Next::Stop
            }
            Statement::CounterMap { key, .. }
            | Statement::SetMark(MarkSource::Map { key, .. })
            | Statement::Dynamic { key, .. } => self.look_up(key, way, next),
        }
    }

    fn test(&self, test: &Match, way: &mut Way, next: &mut Option<Way>) -> Next {
        let looks_up = match &test.right {
            Operand::Set(_) | Operand::Anonymous(_) => 1,
            Operand::Key(_) | Operand::AnyBit(_) => 0,
        };
        let decision = if self.class.may_have(&test.left) {
            *way = way.plus(0, looks_up);
            self.class.decides(test, self.hook)
        } else {
            Decision::Never
        };
        match decision {
            Decision::Always => Next::Go,
            Decision::Never => {
                *next = longer(next.take(), Some(way.clone()));
                Next::Stop
            }
            Decision::Open => {
                *next = longer(next.take(), Some(way.clone()));
                Next::Go
            }
        }
    }

    /// A lookup that can miss, which ends the rule.
    fn look_up(&self, key: &[Expression], way: &mut Way, next: &mut Option<Way>) -> Next {
        let readable = self.class.may_have(key);
        if readable {
            *way = way.plus(0, 1);
        }
        *next = longer(next.take(), Some(way.clone()));
        if readable { Next::Go } else { Next::Stop }
    }

    fn vmap(
        &mut self,
        key: &[Expression],
        map: &'a VmapSource,
        way: &mut Way,
        next: &mut Option<Way>,
        ways: &mut Ways,
    ) -> Next {
        if let Next::Stop = self.look_up(key, way, next) {
            return Next::Stop;
        }
        let mut continues = Next::Stop;
        for verdict in self.distinct(map) {
            match verdict {
                Verdict::Continue => continues = Next::Go,
                end @ (Verdict::Accept
                | Verdict::Drop
                | Verdict::Return
                | Verdict::Jump(_)
                | Verdict::Goto(_)) => self.verdict(end, way, next, ways),
            }
        }
        continues
    }

    /// The verdicts of a map, each once: a map of 10,000 elements may lead to 50 chains.
    fn distinct(&mut self, map: &'a VmapSource) -> Vec<&'a Verdict> {
        match map {
            VmapSource::Anonymous(elements) => elements
                .values()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            VmapSource::Named(name) => {
                let set = self.table.sets.get(name);
                let found = self.verdicts.entry(name).or_insert_with(|| {
                    let elements = set.into_iter().flat_map(|set| set.elements.values());
                    elements
                        .filter_map(|element| element.data.verdict())
                        .collect()
                });
                found.iter().copied().collect()
            }
        }
    }

    fn verdict(&mut self, verdict: &Verdict, way: &Way, next: &mut Option<Way>, ways: &mut Ways) {
        let here = || Some(way.clone());
        match verdict {
            Verdict::Accept => ways.accept = longer(ways.accept.take(), here()),
            Verdict::Drop => ways.drop = longer(ways.drop.take(), here()),
            Verdict::Return => ways.back = longer(ways.back.take(), here()),
            Verdict::Continue => *next = longer(next.take(), here()),
            Verdict::Jump(target) => {
                let back = self.enter(target, way, ways);
                *next = longer(next.take(), back);
            }
            Verdict::Goto(target) => {
                let back = self.enter(target, way, ways);
                ways.back = longer(ways.back.take(), back);
            }
        }
    }

    /// Takes over the ends of another chain; the way back from it is the caller's.
    fn enter(&mut self, target: &Name, way: &Way, ways: &mut Ways) -> Option<Way> {
        let behind = self.chain(target);
        let on = |end: Option<Way>| end.map(|end| way.then(&end));
        ways.accept = longer(ways.accept.take(), on(behind.accept));
        ways.drop = longer(ways.drop.take(), on(behind.drop));
        on(behind.back)
    }
}
