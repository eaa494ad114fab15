//! Chains to which packets of one protocol alone come: a test of ports there need not name it.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::Protocol;
use crate::ruleset::{
    ElementData, Expression, MetaKey, Name, Operand, Operator, Rule, Statement, Table, Verdict,
    VmapSource,
};

/// The chains to which packets of one protocol alone come.
pub(super) fn protocols(table: &Table) -> BTreeMap<Name, Protocol> {
    let mut known: BTreeMap<Name, Option<Protocol>> = BTreeMap::new();
    let bases = table
        .chains
        .iter()
        .filter(|(_, chain)| chain.hook.is_some());
    let mut waiting: Vec<(Name, Option<Protocol>)> =
        bases.map(|(name, _)| (name.clone(), None)).collect();
    while let Some((name, protocol)) = waiting.pop() {
        let new = match known.get(&name) {
            Some(held) if *held == protocol || held.is_none() => continue,
            Some(_) => None,
            None => protocol,
        };
        known.insert(name.clone(), new);
        let rules = table.chains.get(&name).into_iter().flat_map(|c| &c.rules);
        for rule in rules {
            let there = tested(rule).or(new);
            waiting.extend(targets(table, rule).map(|target| (target.clone(), there)));
        }
    }
    let known = known.into_iter();
    known
        .filter_map(|(name, protocol)| Some((name, protocol?)))
        .collect()
}

/// The chains that lead to each chain.
pub(super) fn led_from(table: &Table) -> BTreeMap<Name, BTreeSet<Name>> {
    let mut from: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    for (name, chain) in &table.chains {
        for target in chain.rules.iter().flat_map(|rule| targets(table, rule)) {
            from.entry(target.clone()).or_default().insert(name.clone());
        }
    }
    from
}

/// The chains that a rule may lead to, each once.
fn targets<'t>(table: &'t Table, rule: &'t Rule) -> impl Iterator<Item = &'t Name> {
    let all = rule
        .statements
        .iter()
        .flat_map(|statement| match statement {
            Statement::Verdict(verdict) => verdict.target().into_iter().collect(),
            Statement::Vmap { map, .. } => in_map(table, map),
            Statement::Match(_)
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::CounterMap { .. }
            | Statement::Limit(_)
            | Statement::NamedLimit(_)
            | Statement::Log { .. }
            | Statement::Reject(_)
            | Statement::Notrack
            | Statement::SetMark(_)
            | Statement::Dynamic { .. } => BTreeSet::new(),
        });
    all.collect::<Vec<_>>().into_iter()
}

fn in_map<'t>(table: &'t Table, map: &'t VmapSource) -> BTreeSet<&'t Name> {
    match map {
        VmapSource::Anonymous(entries) => entries.values().filter_map(Verdict::target).collect(),
        VmapSource::Named(name) => {
            let elements = table
                .sets
                .get(name)
                .into_iter()
                .flat_map(|set| &set.elements);
            let verdicts = elements.filter_map(|(_, element)| match &element.data {
                ElementData::Verdict(verdict) => verdict.target(),
                ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
            });
            verdicts.collect()
        }
    }
}

/// The protocol of all packets that a rule is about, if it says so.
fn tested(rule: &Rule) -> Option<Protocol> {
    rule.statements.iter().find_map(|statement| {
        let Statement::Match(test) = statement else {
            return None;
        };
        let l4proto = test.left == [Expression::Meta(MetaKey::L4proto)];
        match &test.right {
            Operand::Key(key) if l4proto && test.operator == Operator::Eq && key.end.is_none() => {
                key.start.first().copied().map(Protocol)
            }
            Operand::Key(_) | Operand::AnyBit(_) | Operand::Set(_) | Operand::Anonymous(_) => None,
        }
    })
}
