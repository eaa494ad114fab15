//! Comparisons: whether rules that begin with one are so cheap that they may come before sets of prefixes.

use std::collections::BTreeMap;

use super::rules;
use crate::ruleset::{Expression, Key, Match, Operand, Rule, Statement};

/// So many comparisons that fail cost what one lookup in a set of intervals does: 13 ns each, and 220 to
/// 280 ns, on Linux 6.18 among 3,000 intervals.
const FEW: usize = 20;

/// A lookup of a group behind a comparison that holds costs as much as so many that fail: 40 to 58 ns.
const LOOKUP: usize = 4;

/// Whether the rules that begin with a comparison, and decide nothing, cost no packet more than one lookup
/// in a set of intervals does.
pub(super) fn are_few(rules: &[Rule]) -> bool {
    let compared: Vec<&Rule> = rules
        .iter()
        .filter(|rule| !rules::begins_with_lookup(rule))
        .collect();
    compared.len() <= FEW && compared.len() + LOOKUP * lookups_most(&compared) <= FEW
}

/// How many of these rules have, at most, one packet looked up: of each field the most that compare it with
/// the same value.
fn lookups_most(compared: &[&Rule]) -> usize {
    let looking_up = compared
        .iter()
        .filter(|rule| rule.statements.iter().any(rules::looks_up));
    let mut fields: BTreeMap<&[Expression], Vec<&Key>> = BTreeMap::new();
    for (field, key) in looking_up.filter_map(|rule| comparison(rule)) {
        fields.entry(field).or_default().push(key);
    }
    fields.values().map(|keys| overlap_most(keys)).sum()
}

fn comparison(rule: &Rule) -> Option<(&[Expression], &Key)> {
    match rule.statements.first() {
        Some(Statement::Match(Match {
            left,
            right: Operand::Key(key),
            ..
        })) => Some((left, key)),
        _ => None,
    }
}

/// How many of these ranges, at most, one value is in. It is the first value of one of them.
fn overlap_most(keys: &[&Key]) -> usize {
    let starts = keys.iter().map(|key| &key.start);
    let overlaps = starts.map(|start| {
        let around = |key: &&&Key| key.start <= *start && *start <= *key.last();
        keys.iter().filter(around).count()
    });
    overlaps.max().unwrap_or_default()
}
