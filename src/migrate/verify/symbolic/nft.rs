//! The nft side: the printed text, read back, as a program for the packets of one family.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Width;
use super::{BaseChain, Entry, Place, Program, Rule, Source, Step, fields};
use crate::migrate::iptables::{Hook, TableName};
use crate::migrate::nft::{
    Base, Chain, Family as TableFamily, HookPoint, Parsed, Policy, RulePlace, Set, Statement, Table,
};
use crate::net::Family;
use crate::ruleset::Name;
use ring::Rings;

mod effect;
mod expression;
mod lookup;
mod reading;
mod ring;
mod statement;
mod timing;
mod value;

/// What rules of one table are read against.
#[derive(Debug, Clone, Copy)]
struct Ground<'a> {
    family: Family,
    table: &'a Table,
    /// Sets that rules change and that several tables have, each its own.
    several: &'a BTreeSet<&'a Name>,
    /// Chains that count packets.
    rings: &'a Rings<'a>,
}

/// What in a text cannot be brought into the steps of a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what} is nothing that verify knows")]
pub struct UnknownMeaning {
    /// The line.
    pub line: usize,
    /// What stands there.
    pub what: String,
}

/// A text as a program for packets of a family.
///
/// # Errors
/// A rule says something that has no meaning here.
pub(super) fn program(parsed: &Parsed, family: Family) -> Result<Program, UnknownMeaning> {
    let mut program = Program::default();
    let mut bases: Vec<(i32, Entry, BaseChain)> = Vec::new();
    let several = several(&parsed.ruleset.tables, family);
    for (at, table) in parsed.ruleset.tables.iter().enumerate() {
        if !sees(table.family, family) {
            continue;
        }
        let rings = Rings::of(table);
        let ground = Ground {
            family,
            table,
            several: &several,
            rings: &rings,
        };
        if table.family == TableFamily::Bridge {
            bridged(&mut program, &ground);
        }
        for (number, chain) in table.chains.iter().enumerate() {
            let name = ground.chain(chain.name.as_str());
            let place = |rule| RulePlace {
                table: at,
                chain: number,
                rule,
            };
            let line = |rule| parsed.lines.get(&place(rule)).copied().unwrap_or(0);
            let rules = ground.rules(chain, line);
            let strange = chain.base.as_ref().filter(|base| base.kind != kind(base));
            let strange = strange.filter(|_| table.family != TableFamily::Bridge);
            let noted = strange.map(|base| remark(format!("a chain of type {}", base.kind)));
            let untimely = timing::untimely(table, chain).into_iter().map(remark);
            let rules = noted.into_iter().chain(untimely).chain(rules?).collect();
            program.chains.insert(name.clone(), rules);
            let Some(base) = chain
                .base
                .as_ref()
                .filter(|_| table.family != TableFamily::Bridge)
            else {
                continue;
            };
            let base_chain = BaseChain {
                chain: name,
                policy: policy(base.policy).to_owned(),
                place: Place {
                    line: line(0).saturating_sub(1),
                    text: format!("chain {} {{ {base} }}", chain.name),
                },
            };
            bases.push((base.priority, entry(base), base_chain));
        }
    }
    bases.sort_by_key(|(priority, _, _)| *priority);
    let mut furthest: BTreeMap<Hook, u8> = BTreeMap::new();
    for (_, entry, base) in &bases {
        let before = furthest.entry(entry.hook).or_default();
        if turn(*entry) < *before {
            let late = remark(format!("{} comes too late in its hook", entry.table));
            program
                .chains
                .entry(base.chain.clone())
                .or_default()
                .insert(0, late);
        }
        *before = turn(*entry).max(*before);
    }
    for (_, entry, base) in bases {
        program.entries.entry(entry).or_default().push(base);
    }
    Ok(program)
}

/// Sets that rules change and that more than one table has: what one rule puts there another one does not find.
fn several(tables: &[Table], family: Family) -> BTreeSet<&Name> {
    let seen = || {
        tables
            .iter()
            .filter(move |table| sees(table.family, family))
    };
    let mut known = BTreeSet::new();
    let sets = seen().flat_map(|table| &table.sets);
    let mut several: BTreeSet<_> = sets
        .map(|set| &set.name)
        .filter(|name| !known.insert(*name))
        .collect();
    let rules = seen()
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules);
    let statements = rules.flat_map(|rule| &rule.statements);
    let changed: BTreeSet<_> = statements
        .filter_map(|statement| match statement {
            Statement::Dynamic { set, .. } => Some(set),
            _ => None,
        })
        .collect();
    several.retain(|name| changed.contains(name));
    several
}

fn sees(table: TableFamily, family: Family) -> bool {
    match table {
        TableFamily::Ip => family == Family::V4,
        TableFamily::Ip6 => family == Family::V6,
        TableFamily::Inet | TableFamily::Bridge => true,
        TableFamily::Arp => false,
    }
}

/// Chains of family bridge come before all others, for packets that pass a bridge. They leave bits in the mark.
fn bridged(program: &mut Program, ground: &Ground<'_>) {
    let rules = ground.table.chains.iter().flat_map(|chain| &chain.rules);
    for statement in rules.flat_map(|rule| &rule.statements) {
        for step in ground.statement(statement).unwrap_or_default() {
            if let Step::Write { variable, keep, .. } = step {
                program.own_mark |= variable.largest() & !keep;
            }
        }
    }
    let clear = Step::Write {
        variable: fields::mark(),
        keep: !program.own_mark,
        source: Source::Constant(0),
    };
    program.before.push(before(vec![clear]));
    for chain in &ground.table.chains {
        let port = match chain.base.as_ref().map(|base| base.hook) {
            Some(HookPoint::Prerouting) => fields::physical_in(),
            Some(HookPoint::Forward) => fields::physical_out(),
            Some(_) | None => continue,
        };
        let there = Step::Test(fields::some_interface(port));
        let jump = Step::Jump(ground.chain(chain.name.as_str()));
        program.before.push(before(vec![there, jump]));
    }
}

/// The type that a chain in the place of one of iptables has.
fn kind(base: &Base) -> &'static str {
    match entry(base) {
        Entry {
            table: TableName::Nat,
            ..
        } => "nat",
        Entry {
            table: TableName::Mangle,
            hook: Hook::Output,
        } => "route",
        Entry { .. } => "filter",
    }
}

/// When a packet meets a table of iptables in a hook: sources are translated last.
fn turn(entry: Entry) -> u8 {
    match (entry.table, entry.hook) {
        (TableName::Raw, _) => 0,
        (TableName::Mangle, _) => 1,
        (TableName::Nat, Hook::Prerouting | Hook::Output) => 2,
        (TableName::Filter, _) => 3,
        (TableName::Security, _) => 4,
        (TableName::Nat, Hook::Input | Hook::Forward | Hook::Postrouting) => 5,
    }
}

/// What is so with every packet that comes to a chain, and never in iptables.
fn remark(what: String) -> Rule {
    before(vec![Step::Note(what)])
}

fn before(steps: Vec<Step>) -> Rule {
    Rule {
        place: Place::default(),
        steps,
    }
}

fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Accept => super::program::ACCEPT,
        Policy::Drop => super::program::DROP,
    }
}

/// The table of iptables in whose place a chain stands.
fn entry(base: &Base) -> Entry {
    let hook = match base.hook {
        HookPoint::Prerouting => Hook::Prerouting,
        HookPoint::Input => Hook::Input,
        HookPoint::Forward => Hook::Forward,
        HookPoint::Output => Hook::Output,
        HookPoint::Postrouting => Hook::Postrouting,
    };
    let table = match (base.kind.as_str(), base.priority) {
        ("nat", _) => TableName::Nat,
        (_, priority) if priority < -150 => TableName::Raw,
        (_, priority) if priority < 0 || hook == Hook::Postrouting || hook == Hook::Prerouting => {
            TableName::Mangle
        }
        (_, priority) if priority < 50 => TableName::Filter,
        _ => TableName::Security,
    };
    Entry { table, hook }
}

impl Ground<'_> {
    /// Names are unique in a table only.
    fn chain(&self, name: &str) -> String {
        format!("{} {} {name}", self.table.family.text(), self.table.name)
    }

    fn width(&self) -> Width {
        match self.family {
            Family::V4 => Width::V4,
            Family::V6 => Width::V6,
        }
    }

    /// What a set is called that rules change. The host has one of a name, and so has nft if one table has it.
    fn called(&self, set: &Name) -> String {
        match self.several.contains(set) {
            true => format!("{set} of table {}", self.table.name),
            false => set.to_string(),
        }
    }

    fn find_set(&self, name: &str) -> Option<&Set> {
        self.table.set(name)
    }

    fn rules(
        &self,
        chain: &Chain,
        line: impl Fn(usize) -> usize,
    ) -> Result<Vec<Rule>, UnknownMeaning> {
        if let Some(steps) = self.of_ring(&chain.name) {
            return Ok(vec![whole(chain, line(0), steps)]);
        }
        let rules = 0..chain.rules.len();
        rules.map(|at| self.rule(chain, at, line(at))).collect()
    }

    fn rule(&self, chain: &Chain, at: usize, line: usize) -> Result<Rule, UnknownMeaning> {
        let mut steps: Vec<Step> = Vec::new();
        let Some(rule) = chain.rules.get(at) else {
            return Ok(before(steps));
        };
        for (place, statement) in rule.statements.iter().enumerate() {
            let found = self.answered(chain, at, place);
            let found = found.or_else(|| self.statement(statement));
            steps.extend(found.ok_or_else(|| unknown(line, statement))?);
        }
        self.mark_shared(rule, &mut steps);
        Ok(Rule {
            place: Place {
                line,
                text: rule.to_string(),
            },
            steps,
        })
    }
}

/// A chain that does one thing.
fn whole(chain: &Chain, line: usize, steps: Vec<Step>) -> Rule {
    let text = format!("chain {}", chain.name);
    Rule {
        place: Place { line, text },
        steps,
    }
}

fn unknown(line: usize, statement: &Statement) -> UnknownMeaning {
    UnknownMeaning {
        line,
        what: format!("`{statement}`"),
    }
}
