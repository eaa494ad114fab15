//! An iptables host, said in nft: chain for chain, with a judgement of every rule.
//!
//! Nothing here asks a kernel or another program: the text of a dump is all there is.

mod action;
mod case;
mod class;
mod condition;
mod draft;

mod host_set;
mod idiomatic;
mod names;
mod nesting;
mod netmap;
mod ports;
mod reach;
mod rule;
mod scope;
mod table;
mod tracked;

use std::collections::BTreeMap;

pub use class::Class;

use super::host::Host;
use super::iptables::{Counters, TableName};
use super::nft::Ruleset;
use crate::net::Family;

/// What became of a host.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The tables, of which rules that nft cannot say are missing.
    pub ruleset: Ruleset,
    /// What became of each rule, in the order of the dumps.
    pub judgements: Vec<Judgement>,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whose packets it sees.
    pub family: Family,
    /// Its table.
    pub table: TableName,
    /// Its chain.
    pub chain: String,
    /// Its line in the dump, from 1.
    pub line: usize,
    /// The rule as it stands there.
    pub text: String,
    /// What it counted.
    pub counters: Option<Counters>,
    /// How well nft can say it.
    pub class: Class,
    /// Why it is no better.
    pub reasons: Vec<String>,
    /// What a person can do about it.
    pub suggestion: Option<String>,
}

/// Says a host in nft, chain for chain: a table for each of its tables, and comments with the lines of its rules.
pub fn translate(host: &Host) -> Translation {
    let sets: BTreeMap<&str, &super::ipset::Set> = host
        .sets
        .iter()
        .map(|set| (set.name.as_str(), set))
        .collect();
    let whole = table::Whole {
        sets,
        ports: ports::Ports::of(host),
        shared: scope::Shared::of(host),
    };
    let mut translation = Translation {
        ruleset: Ruleset::default(),
        judgements: Vec::new(),
    };
    for dump in &host.dumps {
        for table in &dump.tables {
            let (made, judgements) = table::translate(dump.family, table, &whole);
            translation.ruleset.tables.push(made);
            translation.judgements.extend(judgements);
        }
    }
    translation.ruleset.tables.extend(whole.ports.table());
    translation
}

impl Translation {
    /// The same rules as somebody would write them who knows nft: shorter, with sets and maps, once for both families.
    pub fn idiomatic(self) -> Self {
        Self {
            ruleset: idiomatic::shortened(self.ruleset),
            judgements: self.judgements,
        }
    }
}
