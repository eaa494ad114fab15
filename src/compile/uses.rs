//! Which selections the rules of a policy name, by the families of packets that they speak of.

use std::collections::BTreeSet;

use super::decider::Rules;
use super::selection::Selection;
use crate::model::{EntityMatch, GroupRule, Peer, PortMatch, Rule};
use crate::net::Family;

/// A selection in one family: what has sets.
pub(super) type Use = (Selection, Family);

/// What the rules name.
pub(super) fn uses(rules: Rules<'_>) -> BTreeSet<Use> {
    match rules {
        Rules::Group(rules) => rules.iter().filter_map(of_group_rule).collect(),
        Rules::Ordered(rules) => {
            let rules = rules.iter().filter(|rule| !rule.is_void());
            rules.flat_map(of_rule).collect()
        }
    }
}

fn of_group_rule(rule: &GroupRule) -> Option<Use> {
    match &rule.peer {
        Peer::Group(group) => Some((Selection::Group(group.clone()), rule.family)),
        Peer::Cidr(_) => None,
    }
}

fn of_rule(rule: &Rule) -> Vec<Use> {
    let families = Family::ALL.into_iter();
    let families = families.filter(|family| rule.speaks_of(*family));
    families
        .flat_map(|family| {
            let ends = [&rule.source, &rule.destination].into_iter();
            let selections = ends.flat_map(move |end| of_end(rule, end));
            selections.map(move |selection| (selection, family))
        })
        .collect()
}

fn of_end(rule: &Rule, end: &EntityMatch) -> Vec<Selection> {
    let by_number = end
        .ports
        .iter()
        .any(|port| matches!(port, PortMatch::Range(_)));
    let whole = end
        .selector
        .iter()
        .filter(|_| by_number || end.ports.is_empty());
    let labels = whole
        .chain(&end.not_selector)
        .cloned()
        .map(Selection::Labels);
    let named = |ports: &[PortMatch], selector: Option<&crate::model::Selector>| {
        let names = ports.iter().filter_map(|port| match port {
            PortMatch::Named(name) => Some(name.clone()),
            PortMatch::Range(_) => None,
        });
        let selection = |name| Selection::Port(selector.cloned(), rule.protocol, name);
        names.map(selection).collect::<Vec<_>>()
    };
    labels
        .chain(named(&end.ports, end.selector.as_ref()))
        .chain(named(&end.not_ports, end.selector.as_ref()))
        .collect()
}
