//! Rules that ask for the connection of a packet before it has one. `CT` gives it a template, which iptables asks then as it asks
//! a connection, and of which nft sees nothing but that the packet is new.

use std::collections::BTreeMap;

use super::entangled::{exclude, may_both};
use super::{Chain, ConnectionStates, ConntrackTarget, Rule, Table, Target, Test};

/// Such rules of a table by their lines, each with the one that gives the template.
pub(super) fn asked(table: &Table, found: &mut BTreeMap<usize, String>) {
    let all = || {
        table
            .chains
            .iter()
            .flat_map(|chain| chain.rules.iter().map(move |rule| (chain, rule)))
    };
    let giving: Vec<_> = all()
        .filter_map(|(chain, rule)| Some((chain, rule, given(rule)?)))
        .collect();
    for (chain, rule) in all() {
        let template = giving.iter().find(|(from, giver, template)| {
            asks(rule, template)
                && comes_before((from, giver), (chain, rule))
                && may_both(from, chain, table)
                && !exclude(&giver.matches, &rule.matches)
        });
        if let Some((_, giver, _)) = template {
            found.entry(rule.line).or_insert_with(|| {
                let line = giver.line;
                format!("asks for the connection of a packet that line {line} gave CT: iptables asks what CT gave, nft does not")
            });
        }
    }
}

fn comes_before((from, giver): (&Chain, &Rule), (chain, rule): (&Chain, &Rule)) -> bool {
    from.name != chain.name || chain.has_before(giver, rule)
}

/// What a rule gives.
fn given(rule: &Rule) -> Option<&ConntrackTarget> {
    let Target::Ct(target) = &rule.target else {
        return None;
    };
    Some(target)
}

/// Whether a rule asks the connection for what the template says otherwise in nft, or writes to it.
fn asks(rule: &Rule, template: &ConntrackTarget) -> bool {
    // A helper is set once there is a connection; until then nft gives no template.
    let is_new_in_both = template.helper.is_none();
    let mut tests = rule.matches.iter();
    matches!(rule.target, Target::Connmark(_))
        || tests.any(|one| {
            let Test::State(states) = &one.test else {
                return one.test.is_of_connection();
            };
            !is_new_in_both || states.intersects(ConnectionStates::SNAT | ConnectionStates::DNAT)
        })
}
