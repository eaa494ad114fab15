//! Runs: neighbouring rules of one verdict. Their order does not matter, so those that differ in the values of one field
//! become one rule.

use std::collections::BTreeMap;

use super::writes::Writes;
use super::{items, plain};
use crate::migrate::nft::{Item, Match, Rule, Statement, Verdict};

/// The rules with each run as short as it goes.
pub(super) fn merged(rules: Vec<Rule>, writes: &Writes) -> Vec<Rule> {
    let mut all = Vec::with_capacity(rules.len());
    let mut run = Run::default();
    for rule in rules {
        // Where the chain that is jumped to changes what is asked, each rule asks another packet than the one before.
        let plain = plain(&rule).filter(|plain| !writes.change(plain.verdict, plain.matches));
        let verdict = plain.map(|plain| plain.verdict.clone());
        let verdict = verdict.filter(|verdict| *verdict != Verdict::Continue);
        if verdict != run.verdict {
            all.append(&mut std::mem::take(&mut run).rules());
            run.verdict = verdict;
        }
        run.take(rule);
    }
    all.append(&mut run.rules());
    all
}

#[derive(Debug, Default)]
struct Run {
    /// The verdict of all of its rules; nothing where there is none, and rules stay as they are.
    verdict: Option<Verdict>,
    groups: Vec<Group>,
    /// The groups that a rule can join, by the place where it may differ and all the rest.
    joinable: BTreeMap<(usize, Vec<Statement>), usize>,
}

/// One rule, or several that differ in one place.
#[derive(Debug)]
struct Group {
    rule: Rule,
    /// Where they differ, and the values that were gathered there.
    varied: Option<(usize, Vec<Item>)>,
    counters: Option<(u64, u64)>,
    members: usize,
}

impl Run {
    fn take(&mut self, rule: Rule) {
        let Some(parts) = plain(&rule).filter(|_| self.verdict.is_some()) else {
            self.groups.push(Group::of(rule, None));
            return;
        };
        let counters = parts.counter;
        // A chain that is jumped to may see a packet twice, but not once in the place of twice.
        let apart = matches!(self.verdict, Some(Verdict::Jump(_)));
        let places: Vec<_> = (0..parts.matches.len())
            .filter_map(|at| Some((at, values(&parts.matches[at])?)))
            .map(|(at, values)| ((at, without(parts.matches, at)), values))
            .collect();
        for (key, values) in &places {
            let group = self.joinable.get(key).copied();
            if group.is_some_and(|group| self.groups[group].join(key.0, values, counters, apart)) {
                return;
            }
        }
        let group = self.groups.len();
        for (key, _) in places {
            self.joinable.insert(key, group);
        }
        self.groups.push(Group::of(rule, counters));
    }

    fn rules(self) -> Vec<Rule> {
        self.groups.into_iter().map(Group::rule).collect()
    }
}

impl Group {
    fn of(rule: Rule, counters: Option<(u64, u64)>) -> Self {
        Self {
            rule,
            varied: None,
            counters,
            members: 1,
        }
    }

    /// Takes one more rule in, if it differs where the others do.
    fn join(
        &mut self,
        at: usize,
        more: &[Item],
        counters: Option<(u64, u64)>,
        apart: bool,
    ) -> bool {
        let mut gathered = match &self.varied {
            Some((place, gathered)) if *place == at => gathered.clone(),
            Some(_) => return false,
            None => match self.rule.statements.get(at).and_then(values) {
                Some(values) => values,
                None => return false,
            },
        };
        gathered.extend(more.iter().cloned());
        let count = gathered.len();
        let kept = items::disjoint(gathered).filter(|kept| !apart || kept.len() == count);
        let Some(gathered) = kept else {
            return false;
        };
        self.varied = Some((at, gathered));
        self.members += 1;
        self.counters = match (self.counters, counters) {
            (Some((packets, bytes)), Some((more, longer))) => {
                Some((packets.saturating_add(more), bytes.saturating_add(longer)))
            }
            (one, other) => one.or(other),
        };
        true
    }

    fn rule(mut self) -> Rule {
        let Some((at, values)) = self.varied else {
            return self.rule;
        };
        for (place, statement) in self.rule.statements.iter_mut().enumerate() {
            if let Statement::Match(test) = statement
                && place == at
            {
                *test = items::of(test, values.clone());
            }
            if let Statement::Counter(counter) = statement {
                *counter = self.counters;
            }
        }
        self.rule.comment = self
            .rule
            .comment
            .map(|comment| first_of(&comment, self.members));
        self.rule
    }
}

/// The line of the first rule, and how many more there are.
fn first_of(comment: &str, members: usize) -> String {
    let line = comment.split(':').next().unwrap_or(comment);
    format!("{line} and {} more", members - 1)
}

fn values(statement: &Statement) -> Option<Vec<Item>> {
    let Statement::Match(test) = statement else {
        return None;
    };
    items::listed(test)
}

/// The rest of the tests, with the field of the one that is left out.
fn without(matches: &[Statement], at: usize) -> Vec<Statement> {
    let mut rest = matches.to_vec();
    if let Some(Statement::Match(test)) = matches.get(at) {
        rest[at] = Statement::Match(Match {
            left: test.left.clone(),
            operator: test.operator,
            right: crate::migrate::nft::Operand::Items(Vec::new()),
        });
    }
    rest
}
