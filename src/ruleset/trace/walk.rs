//! The walk: base chains in order, rules in order, statements from left to right (`nft_do_chain`).

use std::collections::BTreeMap;

use super::read::{Passing, types};
use super::view::{Generation, View, covers};
use super::{CHAIN_DEPTH_MAX, Cost, Fate, Lookup, Outcome, Trace, TraceStep};
use crate::net::{Family, Protocol};
use crate::ruleset::packet::Packet;
use crate::ruleset::{
    Bytes, ChainPolicy, Datatype, Element, ElementData, Expression, HookPoint, Key, Limit,
    MarkSource, Match, Name, Operand, Operator, RejectKind, Rule, Statement, TableFamily, TableKey,
    Verdict, VmapSource,
};

/// A packet on its way through a view of the ruleset.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    view: View<'a>,
    passing: Passing<'a>,
    steps: Vec<TraceStep>,
    cost: Cost,
    lookups: Vec<Lookup>,
    record: Record,
}

/// What is written down on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    Steps,
    Nothing,
}

/// Where the walk is.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    table: &'a TableKey,
    chain: &'a Name,
    generation: Generation,
    depth: usize,
}

/// What a statement makes of the evaluation of its rule.
#[derive(Debug)]
enum Effect {
    /// Go on with the next statement.
    Continue,
    /// The rule does not match (`NFT_BREAK`).
    Break,
    /// The rule ends with a verdict.
    Verdict(Verdict),
    /// The packet is refused.
    Reject(RejectKind),
}

/// Whether a statement goes on.
fn hold(holds: bool) -> Effect {
    if holds {
        Effect::Continue
    } else {
        Effect::Break
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(view: View<'a>, packet: &'a Packet) -> Self {
        Self {
            view,
            passing: Passing::new(packet),
            steps: Vec::new(),
            cost: Cost::default(),
            lookups: Vec::new(),
            record: Record::Steps,
        }
    }

    /// A walk of which only the fate is asked.
    pub(super) fn short(view: View<'a>, packet: &'a Packet) -> Self {
        Self {
            record: Record::Nothing,
            ..Self::new(view, packet)
        }
    }

    pub(super) fn run(mut self) -> Trace {
        let fate = self.hooks();
        Trace {
            fate,
            steps: self.steps,
            cost: self.cost,
            mark: self.passing.mark,
            reads: self.view.reads(),
        }
    }

    fn hooks(&mut self) -> Fate {
        for &hook in self.passing.packet.route().hooks() {
            for (table, chain) in self.base_chains(hook) {
                match self.base_chain(table, chain) {
                    Fate::Accepted => {}
                    fate @ (Fate::Dropped | Fate::Rejected(_)) => return fate,
                }
            }
        }
        Fate::Accepted
    }

    /// The base chains of a hook, in the order of their priority.
    fn base_chains(&self, point: HookPoint) -> Vec<(&'a TableKey, &'a Name)> {
        let family = self.passing.packet.family();
        if let Some(shortcuts) = self.view.shortcuts() {
            let [_, tables] = self.view.rulesets();
            let seen = tables.iter().filter(|(key, _)| sees(key.family, family));
            let named = seen.flat_map(|(key, table)| {
                let bases = shortcuts.bases(table, point).iter();
                bases.filter_map(move |name| Some((key, table.chains.get_key_value(name)?.0)))
            });
            return named.collect();
        }
        let mut found = BTreeMap::new();
        for tables in self.view.rulesets() {
            for (key, table) in tables.iter().filter(|(k, _)| sees(k.family, family)) {
                for (name, chain) in &table.chains {
                    if let Some(hook) = chain.hook.filter(|hook| hook.point == point) {
                        found.insert((hook.priority, key, name), ());
                    }
                }
            }
        }
        found
            .into_keys()
            .map(|(_, key, name)| (key, name))
            .collect()
    }

    /// One base chain. The packet takes the generation of all its rules here.
    fn base_chain(&mut self, table: &'a TableKey, chain: &'a Name) -> Fate {
        let place = Place {
            table,
            chain,
            generation: self.view.read(),
            depth: 1,
        };
        let found = self.view.chain(place.generation, table, chain);
        let Some(hook) = found.and_then(|chain| chain.hook) else {
            return Fate::Accepted;
        };
        self.passing.enter(hook.point, hook.priority);
        if let Some(fate) = self.chain(place) {
            return fate;
        }
        self.step(place, None, Outcome::Policy(hook.policy));
        match hook.policy {
            ChainPolicy::Accept => Fate::Accepted,
            ChainPolicy::Drop => Fate::Dropped,
        }
    }

    /// The rules of a chain; `None` where it ends, returns or goes to a chain that does.
    fn chain(&mut self, place: Place<'a>) -> Option<Fate> {
        let chain = self
            .view
            .chain(place.generation, place.table, place.chain)?;
        for (index, rule) in chain.rules.iter().enumerate() {
            self.cost.rules += 1;
            match self.rule(place, rule) {
                Effect::Break => self.step(place, Some(index), Outcome::NoMatch),
                Effect::Continue => self.step(place, Some(index), Outcome::Matched),
                Effect::Reject(kind) => {
                    self.step(place, Some(index), Outcome::Reject(kind));
                    return Some(Fate::Rejected(kind));
                }
                Effect::Verdict(verdict) => {
                    self.step(place, Some(index), Outcome::Verdict(verdict.clone()));
                    match verdict {
                        Verdict::Accept => return Some(Fate::Accepted),
                        Verdict::Drop => return Some(Fate::Dropped),
                        Verdict::Return => return None,
                        Verdict::Continue => {}
                        Verdict::Jump(target) => {
                            if let Some(fate) = self.enter(place, &target) {
                                return Some(fate);
                            }
                        }
                        Verdict::Goto(target) => return self.enter(place, &target),
                    }
                }
            }
        }
        None
    }

    /// A chain that a verdict leads to; one that does not exist in this generation is empty.
    fn enter(&mut self, from: Place<'a>, target: &Name) -> Option<Fate> {
        if from.depth >= CHAIN_DEPTH_MAX {
            self.step(from, None, Outcome::TooDeep(target.clone()));
            return Some(Fate::Dropped);
        }
        let table = self.view.table(from.generation, from.table)?;
        let (chain, _) = table.chains.get_key_value(target)?;
        self.chain(Place {
            chain,
            depth: from.depth + 1,
            ..from
        })
    }

    fn rule(&mut self, place: Place<'a>, rule: &'a Rule) -> Effect {
        for statement in &rule.statements {
            match self.statement(place, statement) {
                Effect::Continue => {}
                end @ (Effect::Break | Effect::Verdict(_) | Effect::Reject(_)) => return end,
            }
        }
        Effect::Continue
    }

    fn statement(&mut self, place: Place<'a>, statement: &'a Statement) -> Effect {
        match statement {
            Statement::Match(test) => hold(self.matches(place, test).unwrap_or(false)),
            Statement::Verdict(Verdict::Continue) => Effect::Continue,
            Statement::Verdict(verdict) => Effect::Verdict(verdict.clone()),
            Statement::Vmap { key, map } => self.vmap(place, key, map),
            Statement::Counter | Statement::NamedCounter(_) | Statement::Log { .. } => {
                Effect::Continue
            }
            Statement::CounterMap { key, map } => hold(self.look_up(place, key, map).is_some()),
            Statement::Limit(limit) => hold(!limit.over),
            Statement::NamedLimit(name) => hold(!self.is_over(place, name)),
            Statement::Reject(RejectKind::TcpReset)
                if self.passing.packet.protocol != Protocol::TCP =>
            {
                Effect::Break
            }
            Statement::Reject(kind) => Effect::Reject(*kind),
            Statement::Notrack => {
                self.passing.untrack();
                Effect::Continue
            }
            Statement::SetMark(source) => self.set_mark(place, source),
            Statement::Dynamic { key, limit, .. } => {
                self.cost.lookups += 1;
                let keeps = |limit: Limit| !limit.over;
                hold(self.passing.key(key).is_some() && limit.is_none_or(keeps))
            }
        }
    }

    /// Whether a test holds; `None` where what it reads is not there.
    fn matches(&mut self, place: Place<'a>, test: &'a Match) -> Option<bool> {
        let mut value = self.passing.key(&test.left)?;
        if let Some(mask) = &test.mask {
            value
                .iter_mut()
                .zip(mask)
                .for_each(|(byte, mask)| *byte &= mask);
        }
        let found = match &test.right {
            Operand::Key(key) => covers(key, &types(&test.left), &value),
            Operand::AnyBit(bits) => value.iter().zip(bits).any(|(value, bit)| value & bit != 0),
            Operand::Set(name) => self.look_up_value(place, name, &test.left, value).is_some(),
            Operand::Anonymous(keys) => {
                let types = types(&test.left);
                let hidden = keys.iter().any(|key| key.end.is_some()) && self.is_hidden(place);
                let hit = keys
                    .iter()
                    .find(|key| !hidden && covers(key, &types, &value));
                self.note(None, types, value, hit);
                hit.is_some()
            }
        };
        Some(match test.operator {
            Operator::Eq => found,
            Operator::Ne => !found,
        })
    }

    fn vmap(&mut self, place: Place<'a>, key: &[Expression], map: &'a VmapSource) -> Effect {
        let verdict = match map {
            VmapSource::Named(name) => {
                self.look_up(place, key, name)
                    .and_then(|found| match &found.data {
                        ElementData::Verdict(verdict) => Some(verdict.clone()),
                        ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
                    })
            }
            VmapSource::Anonymous(elements) => self.passing.key(key).and_then(|value| {
                let types = types(key);
                let hidden = self.is_hidden(place);
                let hit = elements
                    .iter()
                    .find(|(k, _)| !hidden && covers(k, &types, &value));
                self.note(None, types, value, hit.map(|(key, _)| key));
                hit.map(|(_, verdict)| verdict.clone())
            }),
        };
        match verdict {
            Some(Verdict::Continue) => Effect::Continue,
            Some(verdict) => Effect::Verdict(verdict),
            None => Effect::Break,
        }
    }

    fn set_mark(&mut self, place: Place<'a>, source: &MarkSource) -> Effect {
        let mark = match source {
            MarkSource::Bits { keep, flip } => Some((self.passing.mark & keep) ^ flip),
            MarkSource::Map { key, map } => {
                self.look_up(place, key, map)
                    .and_then(|found| match &found.data {
                        ElementData::Value(bytes) => {
                            bytes.as_slice().try_into().ok().map(u32::from_ne_bytes)
                        }
                        ElementData::None | ElementData::Verdict(_) | ElementData::Object(_) => {
                            None
                        }
                    })
            }
        };
        if let Some(mark) = mark {
            self.passing.mark = mark;
        }
        hold(mark.is_some())
    }

    fn look_up(&mut self, place: Place<'a>, key: &[Expression], set: &Name) -> Option<&'a Element> {
        let value = self.passing.key(key)?;
        self.look_up_value(place, set, key, value)
    }

    fn look_up_value(
        &mut self,
        place: Place<'a>,
        set: &Name,
        key: &[Expression],
        value: Bytes,
    ) -> Option<&'a Element> {
        let found = self.view.look_up(place.table, set, &value);
        self.note(Some(set), types(key), value, found.map(|(key, _)| key));
        found.map(|(_, element)| element)
    }

    fn is_hidden(&self, place: Place<'a>) -> bool {
        self.view
            .hides_anonymous(place.generation, place.table, place.chain)
    }

    /// Whether a named limit matches what exceeds it; a limit that does not exist matches nothing.
    fn is_over(&self, place: Place<'a>, limit: &Name) -> bool {
        let table = self.view.table(place.generation, place.table);
        let limit = table.and_then(|table| table.limits.get(limit));
        limit.is_none_or(|limit| limit.over)
    }

    fn note(
        &mut self,
        set: Option<&Name>,
        types: Vec<Datatype>,
        value: Bytes,
        found: Option<&Key>,
    ) {
        self.cost.lookups += 1;
        if self.record == Record::Nothing {
            return;
        }
        self.lookups.push(Lookup {
            set: set.cloned(),
            key: Key {
                start: value,
                end: None,
            },
            types,
            found: found.cloned(),
        });
    }

    fn step(&mut self, place: Place<'a>, rule: Option<usize>, outcome: Outcome) {
        if self.record == Record::Nothing {
            return;
        }
        self.steps.push(TraceStep {
            table: place.table.clone(),
            chain: place.chain.clone(),
            rule,
            lookups: std::mem::take(&mut self.lookups),
            outcome,
        });
    }
}

/// Whether the hooks of a table's family see packets of a family.
pub(in crate::ruleset) fn sees(table: TableFamily, packet: Family) -> bool {
    match table {
        TableFamily::Inet => true,
        TableFamily::Ip => packet == Family::V4,
        TableFamily::Ip6 => packet == Family::V6,
        TableFamily::Arp => false,
    }
}
