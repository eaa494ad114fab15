//! Neighbouring rules that ask for values of one field alone become a verdict map.

use std::collections::BTreeSet;

use super::writes::Writes;
use super::{items, plain};
use crate::migrate::nft::{Data, Expression, Item, MapSource, Match, Rule, Statement, Verdict};

/// So many rules are worth a map.
const RULES_MIN: usize = 3;

/// The rules with maps where they are worth it.
pub(super) fn merged(rules: Vec<Rule>, writes: &Writes) -> Vec<Rule> {
    let mut all = Vec::with_capacity(rules.len());
    let mut row = Row::default();
    for rule in rules {
        if !row.takes(&rule, writes) {
            all.append(&mut std::mem::take(&mut row).rules());
            if !row.takes(&rule, writes) {
                all.push(rule);
                continue;
            }
        }
        row.rules.push(rule);
    }
    all.append(&mut row.rules());
    all
}

/// Rules on one field, no two of which match the same packet.
#[derive(Debug, Default)]
struct Row {
    field: Option<Vec<Expression>>,
    values: Vec<Item>,
    pairs: Vec<(Vec<Item>, Data)>,
    rules: Vec<Rule>,
    /// The last rule jumps to a chain that may write to the field: the next one sees what it wrote.
    written: bool,
}

impl Row {
    fn takes(&mut self, rule: &Rule, writes: &Writes) -> bool {
        if self.written {
            return false;
        }
        let Some((test, verdict)) = single(rule) else {
            return false;
        };
        let written = writes.change(verdict, &[test.clone().into()]);
        let Some(values) = items::listed(test) else {
            return false;
        };
        if self.field.as_ref().is_some_and(|field| *field != test.left) {
            return false;
        }
        let all: Vec<_> = self.values.iter().chain(&values).cloned().collect();
        let count = all.len();
        if items::disjoint(all.clone()).is_none_or(|kept| kept.len() != count) {
            return false;
        }
        self.field = Some(test.left.clone());
        self.values = all;
        let pairs = values
            .into_iter()
            .map(|item| (vec![item], Data::Verdict(verdict.clone())));
        self.pairs.extend(pairs);
        self.written = written;
        true
    }

    /// One rule with a map; or the rules as they were, where that is no shorter or says one verdict alone.
    fn rules(self) -> Vec<Rule> {
        let verdicts: BTreeSet<_> = self.pairs.iter().map(|(_, data)| data.clone()).collect();
        let Some(field) = self
            .field
            .filter(|_| self.rules.len() >= RULES_MIN && verdicts.len() > 1)
        else {
            return self.rules;
        };
        let lines = self.rules.iter().filter_map(|rule| rule.comment.as_deref());
        let line = lines
            .map(|comment| comment.split(':').next().unwrap_or(comment))
            .next();
        let comment = line.map(|line| format!("{line} and {} more", self.rules.len() - 1));
        let lookup = Statement::VerdictMap {
            key: field,
            map: MapSource::Anonymous(self.pairs),
        };
        vec![Rule {
            statements: vec![lookup],
            comment,
        }]
    }
}

/// The one test of a rule and its verdict.
fn single(rule: &Rule) -> Option<(&Match, &Verdict)> {
    let parts = plain(rule)?;
    match parts.matches {
        [Statement::Match(test)] => Some((test, parts.verdict)),
        _ => None,
    }
}
