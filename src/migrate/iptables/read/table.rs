//! Tables and chains, as lines come.

use std::collections::BTreeSet;

use super::ReadError;
use super::line::Line;
use super::rule::{self, Place};
use super::words::Word;
use crate::migrate::iptables::{
    Chain, Counters, Dump, Hook, Missing, Policy, Rule, Table, TableName,
};
use crate::net::{Family, decimal};

/// The kernel takes no longer name (`XT_FUNCTION_MAXNAMELEN` less its end).
const CHAIN_NAME_BYTES_MAX: usize = 28;

/// What was read so far.
#[derive(Debug)]
pub(super) struct Reader {
    family: Family,
    tables: Vec<Table>,
    /// The table that no `COMMIT` ended yet, and its chains.
    open: Option<(Table, BTreeSet<String>)>,
    /// Rules wait until every chain of their table is known.
    pending: Vec<Pending>,
    missing: Vec<Missing>,
}

#[derive(Debug)]
struct Pending {
    line: usize,
    counters: Option<Counters>,
    words: Vec<Word>,
    text: String,
}

impl Reader {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            tables: Vec::new(),
            open: None,
            pending: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The next line.
    pub(super) fn take(&mut self, number: usize, line: Line) -> Result<(), ReadError> {
        let done = match line {
            Line::Comment(comment) => {
                self.missing.extend(Missing::of(number, &comment));
                Ok(())
            }
            Line::Table(name) => self.begin(number, &name),
            Line::Chain {
                name,
                policy,
                counters,
            } => self.declare(number, name, &policy, counters),
            Line::Command {
                counters,
                words,
                text,
            } => self.keep(Pending {
                line: number,
                counters,
                words,
                text,
            }),
            Line::Commit => return self.commit(number),
        };
        done.map_err(|problem| ReadError {
            line: number,
            problem,
        })
    }

    /// What was read, if nothing is left open.
    pub(super) fn finish(self, lines: usize) -> Result<Dump, ReadError> {
        let fault = |line, problem| Err(ReadError { line, problem });
        if let Some((table, _)) = self.open {
            return fault(
                lines.max(1),
                format!("table {} of line {} has no COMMIT", table.name, table.line),
            );
        }
        if self.tables.is_empty() && self.missing.is_empty() {
            return fault(
                1,
                "there is no table: *filter or its like begins one".to_owned(),
            );
        }
        Ok(Dump {
            family: self.family,
            tables: self.tables,
            missing: self.missing,
        })
    }

    fn keep(&mut self, rule: Pending) -> Result<(), String> {
        if self.open.is_none() {
            return Err("a rule outside of a table: *filter or its like begins one".to_owned());
        }
        self.pending.push(rule);
        Ok(())
    }

    fn begin(&mut self, number: usize, name: &str) -> Result<(), String> {
        if let Some((open, _)) = &self.open {
            return Err(format!(
                "*{name} where table {} of line {} has no COMMIT yet",
                open.name, open.line
            ));
        }
        let known = TableName::ALL.iter().find(|known| known.as_str() == name);
        let name = *known.ok_or_else(|| {
            format!("there is no table {name:?}: raw, mangle, nat, filter and security are")
        })?;
        if let Some(first) = self.tables.iter().find(|table| table.name == name) {
            return Err(format!(
                "table {name} a second time, first in line {}: two dumps in one, each belongs in a file of its own",
                first.line
            ));
        }
        let table = Table {
            name,
            line: number,
            chains: Vec::new(),
        };
        self.open = Some((table, BTreeSet::new()));
        Ok(())
    }

    fn declare(
        &mut self,
        number: usize,
        name: String,
        policy: &str,
        counters: Counters,
    ) -> Result<(), String> {
        let (table, names) = self
            .open
            .as_mut()
            .ok_or("a chain outside of a table: *filter or its like begins one")?;
        if name.is_empty() || name.len() > CHAIN_NAME_BYTES_MAX {
            return Err(format!(
                "{name:?} is no name of a chain: 1 to {CHAIN_NAME_BYTES_MAX} bytes are"
            ));
        }
        if !names.insert(name.clone()) {
            return Err(format!("chain {name} a second time"));
        }
        let hook = Hook::ALL.into_iter().find(|hook| hook.chain() == name);
        let hook = hook.filter(|hook| table.name.hooks().contains(hook));
        let policy = match (policy, hook) {
            ("ACCEPT" | "-", Some(_)) => Policy::Accept,
            ("DROP", Some(_)) => Policy::Drop,
            ("-", None) => Policy::Return,
            (other, _) => {
                return Err(format!(
                    "{other:?} is no policy of chain {name}: ACCEPT and DROP are for built-in chains, - for others"
                ));
            }
        };
        table.chains.push(Chain {
            name,
            line: number,
            hook,
            policy,
            counters,
            rules: Vec::new(),
        });
        Ok(())
    }

    fn commit(&mut self, number: usize) -> Result<(), ReadError> {
        let open = self.open.take().ok_or_else(|| ReadError {
            line: number,
            problem: "COMMIT outside of a table".to_owned(),
        });
        let (mut table, names) = open?;
        for pending in std::mem::take(&mut self.pending) {
            let line = pending.line;
            place(self.family, &mut table, &names, pending)
                .map_err(|problem| ReadError { line, problem })?;
        }
        self.tables.push(table);
        Ok(())
    }
}

fn place(
    family: Family,
    table: &mut Table,
    names: &BTreeSet<String>,
    pending: Pending,
) -> Result<(), String> {
    let mut words = pending.words.into_iter().peekable();
    let command = words.next().map(|word| word.text).unwrap_or_default();
    let chain = words.next().map(|word| word.text).unwrap_or_default();
    let position = match command.as_str() {
        "-A" | "--append" => None,
        "-I" | "--insert" => {
            let given = words.next_if(|word| decimal::<usize>(&word.text).is_some());
            Some(given.and_then(|word| decimal(&word.text)).unwrap_or(1))
        }
        other => return Err(format!("command {other:?}: -A and -I are read")),
    };
    let name = table.name;
    let chain = table
        .chains
        .iter_mut()
        .find(|known| known.name == chain)
        .ok_or_else(|| format!("there is no chain {chain:?} in table {name}"))?;
    let place = Place {
        family,
        chains: names,
    };
    let rest: Vec<Word> = words.collect();
    let read = rule::read(&place, &rest)?;
    let at = match position {
        None => chain.rules.len(),
        Some(position) if (1..=chain.rules.len() + 1).contains(&position) => position - 1,
        Some(position) => return Err(format!("there is no place {position} in {}", chain.name)),
    };
    let rules = read.alternatives.into_iter().map(|matches| Rule {
        line: pending.line,
        text: pending.text.clone(),
        counters: read.counters.or(pending.counters),
        matches,
        target: read.target.clone(),
    });
    chain.rules.splice(at..at, rules);
    Ok(())
}
