//! An iptables host, said in nft: chain for chain, with a judgement of every rule.
//!
//! Nothing here asks a kernel or another program: the text of a dump is all there is.

mod action;
mod boxes;
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

use std::collections::{BTreeMap, BTreeSet};

pub use class::Class;

use super::host::Host;
use super::ipset::{Field, Set};
use super::iptables::{
    Counters, Dump, Missing, TIMES_MAX, Table, TableName, Test, entangled, sees_later_fragments,
};
use super::nft::Ruleset;
use crate::net::Family;

/// What became of a host.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The tables, of which rules that nft cannot say are missing.
    pub ruleset: Ruleset,
    /// What became of each rule, in the order of the dumps.
    pub judgements: Vec<Judgement>,
    /// What else a reader should know.
    pub notes: Vec<String>,
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

/// What is known of a host that stands in no dump.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Bits of the mark that nothing on the host uses: not its other tables, its routes, its queues, nor its programs.
    pub free_mark: Option<u32>,
}

/// Says a host in nft, chain for chain: a table for each of its tables, and comments with the lines of its rules.
pub fn translate(host: &Host) -> Translation {
    translate_known(host, Known::default())
}

/// The same with what is known of the host.
pub fn translate_known(host: &Host, known: Known) -> Translation {
    let all = with_trackers(host, known, &BTreeSet::new());
    let unsaid = all.judgements.iter().filter(|one| one.family == Family::V6);
    let unsaid = unsaid.filter(|one| one.class == Class::Unsupported);
    let unsaid: BTreeSet<usize> = unsaid.map(|one| one.line).collect();
    let sees = |left_out: &BTreeSet<usize>| {
        let mut dumps = host.dumps.iter();
        dumps.any(|dump| sees_later_fragments(dump, left_out))
    };
    // A rule that nobody says in nft does not have fragments put together there.
    match sees(&unsaid) && !sees(&BTreeSet::new()) {
        true => with_trackers(host, known, &unsaid),
        false => all,
    }
}

/// The same where rules of IPv6 in these lines do not have connections tracked.
fn with_trackers(host: &Host, known: Known, left_out: &BTreeSet<usize>) -> Translation {
    let sets: BTreeMap<&str, &Set> = host
        .sets
        .iter()
        .map(|set| (set.name.as_str(), set))
        .collect();
    let whole = table::Whole {
        sets,
        ports: ports::Ports::of(host, known.free_mark),
        shared: scope::Shared::of(host, left_out),
    };
    let mut translation = Translation {
        ruleset: Ruleset::default(),
        judgements: Vec::new(),
        notes: unused(host).into_iter().chain(counting(host)).collect(),
    };
    for dump in &host.dumps {
        let entangled = entangled(dump, &host.dumps);
        let mut judged: Vec<Judgement> = dump
            .missing
            .iter()
            .map(|missing| unread(dump.family, missing))
            .collect();
        for tables in whole.shared.groups(dump) {
            let (made, judgements) = table::translate(dump.family, &tables, &entangled, &whole);
            translation.notes.extend(together(dump.family, &tables));
            translation.ruleset.tables.push(made);
            judged.extend(judgements);
        }
        let place = |one: &Judgement| dump.tables.iter().position(|table| table.name == one.table);
        judged.sort_by_key(place);
        translation.judgements.extend(judged);
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
            notes: self.notes,
        }
    }
}

/// A table whose rules stand in no dump is one that nobody can say.
fn unread(family: Family, missing: &Missing) -> Judgement {
    Judgement {
        family,
        table: missing.table,
        chain: "*".to_owned(),
        line: missing.line,
        text: missing.text.clone(),
        counters: None,
        class: Class::Unsupported,
        reasons: vec![format!("the dump does not have {}", missing.gap.as_str())],
        suggestion: Some(
            "move what nft made into a table of its own, and save once more".to_owned(),
        ),
    }
}

/// What rings of sets do not do as lists do, which is no matter to most who count.
fn counting(host: &Host) -> Option<String> {
    let mut rules = host.dumps.iter().flat_map(Dump::rules);
    let counts = |test: &Test| matches!(test, Test::Recent(recent) if recent.times().is_some_and(|times| times <= TIMES_MAX));
    rules
        .any(|(_, _, rule)| rule.matches.iter().any(|one| counts(&one.test)))
        .then(|| {
            "packets of one address that several processors take at the same instant may count as one for --hitcount, \
             where iptables counts each"
                .to_owned()
        })
}

/// What is said of tables that become one.
fn together(family: Family, tables: &[&Table]) -> Option<String> {
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    (names.len() > 1).then(|| {
        format!(
            "tables {} of {family} share a list, a rate or a set that rules change: they are one table, {}",
            names.join(" and "),
            table::name(tables)
        )
    })
}

/// The sets that no rule looks up or changes, alone or in a list of sets: nft has no place for them outside of a table.
fn unused(host: &Host) -> Vec<String> {
    let tables = host.dumps.iter().flat_map(|dump| &dump.tables);
    let mut used: BTreeSet<&str> = tables.flat_map(Table::sets).collect();
    for list in &host.sets {
        if used.contains(list.name.as_str()) {
            let fields = list.elements.iter().flat_map(|element| &element.fields);
            used.extend(fields.filter_map(|field| match field {
                Field::Set(name) => Some(name.as_str()),
                Field::Prefix(_)
                | Field::Range(_)
                | Field::Port(_)
                | Field::PlainPort(_)
                | Field::Mac(_)
                | Field::Mark(_)
                | Field::Interface { .. } => None,
            }));
        }
    }
    let unused = host
        .sets
        .iter()
        .filter(|set| !used.contains(set.name.as_str()));
    let note = |set: &Set| format!("set {} is left out: no rule looks it up", set.name);
    unused.map(note).collect()
}
