//! Rulesets in the notation of `nft --debug=netlink`: what the kernel is told, in its own terms.

mod instruction;
mod set;
mod value;

use std::fmt;

use self::set::{AnonymousText, SetText};
use self::value::{Userdata, limit};
use super::lower::lower;
use super::shape::{Catalog, Shape};
use super::userdata;
use crate::ruleset::{Chain, ChainPolicy, Name, Rule, Ruleset, Table, TableKey};

/// Everything that makes a ruleset, as nft tells it while it loads the same text.
///
/// Unlike nft's, the lines of objects and chains say whose they are.
pub fn of(ruleset: &Ruleset) -> String {
    let tables = ruleset.tables.iter();
    tables
        .map(|(key, table)| TableText::of(key, table).to_string())
        .collect()
}

struct TableText<'a> {
    key: &'a TableKey,
    table: &'a Table,
    catalog: Catalog,
}

impl<'a> TableText<'a> {
    fn of(key: &'a TableKey, table: &'a Table) -> Self {
        let mut catalog = Catalog::default();
        for (name, set) in &table.sets {
            catalog.learn(name, Shape::of(set));
        }
        Self {
            key,
            table,
            catalog,
        }
    }

    fn objects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.key.name;
        for name in self.table.counters.keys() {
            writeln!(
                f,
                "table {table} name {name} use 0 [ counter pkts 0 bytes 0 ]"
            )?;
        }
        for (name, rate) in &self.table.limits {
            writeln!(f, "table {table} name {name} use 0 {}", limit(rate, ""))?;
        }
        Ok(())
    }

    fn chain(&self, f: &mut fmt::Formatter<'_>, name: &Name, chain: &Chain) -> fmt::Result {
        write!(f, "{} {name} use 0", self.key)?;
        if let Some(hook) = chain.hook {
            let policy = match hook.policy {
                ChainPolicy::Accept => "accept",
                ChainPolicy::Drop => "drop",
            };
            let (point, priority) = (hook.point.keyword(), hook.priority);
            write!(
                f,
                " type filter hook {point} prio {priority} policy {policy}"
            )?;
        }
        writeln!(f)
    }

    fn rule(&self, f: &mut fmt::Formatter<'_>, chain: &Name, rule: &Rule) -> fmt::Result {
        let lowered = lower(self.key.family, rule, self.catalog.intervals());
        for set in &lowered.sets {
            let table = &self.key.name;
            write!(f, "{}", AnonymousText { table, set })?;
        }
        writeln!(f, "{} {chain}", self.key)?;
        for instruction in &lowered.instructions {
            writeln!(f, "  {instruction}")?;
        }
        match &rule.comment {
            Some(comment) => writeln!(f, "  {}", Userdata(&userdata::of_comment(comment))),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for TableText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, chain) in &self.table.chains {
            self.chain(f, name, chain)?;
        }
        self.objects(f)?;
        for (name, set) in &self.table.sets {
            let table = &self.key.name;
            write!(f, "{}", SetText { table, name, set })?;
        }
        for (name, chain) in &self.table.chains {
            for rule in &chain.rules {
                self.rule(f, name, rule)?;
            }
        }
        Ok(())
    }
}
