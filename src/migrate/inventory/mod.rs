//! What there is on a host: tables, chains and who they belong to, sets, translations, counters, what loads it all.

mod beside;
mod boot;
mod json;
pub mod live;
mod owner;
mod text;

use std::collections::{BTreeMap, BTreeSet};

pub use beside::Beside;
pub use boot::{BootUnit, boot_units};
pub use live::{Backend, Found};
pub use owner::Owner;

use super::ipset::Set;
use super::iptables::{Chain, Dump, Missing, Policy, Rule, Table, TableName, Target};
use crate::net::Family;

/// What there is on a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The tables.
    pub tables: Vec<TableEntry>,
    /// The sets.
    pub sets: Vec<SetEntry>,
    /// Modules and targets that rules name, with how many rules do.
    pub modules: BTreeMap<String, usize>,
    /// What filters packets on the running host beside iptables.
    pub beside: Vec<Beside>,
    /// What loads rules when the host starts; nothing where files were read.
    pub boot: Vec<BootUnit>,
    /// What a reader should know beside that.
    pub notes: Vec<String>,
}

/// A table, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    /// Which of the two programs had it; nothing where a file was read.
    pub backend: Option<Backend>,
    /// Whose packets it sees.
    pub family: Family,
    /// Which one.
    pub name: TableName,
    /// Its chains.
    pub chains: Vec<ChainEntry>,
}

/// A chain, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Its name.
    pub name: String,
    /// Its policy, if it is built in.
    pub policy: Option<&'static str>,
    /// Whose it is, as far as names and comments tell.
    pub owner: Option<Owner>,
    /// Its rules.
    pub rules: usize,
    /// Its rules that translate addresses.
    pub translations: usize,
    /// Packets that its rules counted.
    pub packets: u64,
    /// Others whose rules stand in it, with how many.
    pub guests: BTreeMap<Owner, usize>,
}

/// A set, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetEntry {
    /// Its name.
    pub name: String,
    /// Its type, as ipset calls it.
    pub kind: String,
    /// Its elements.
    pub elements: usize,
    /// Whether a rule looks it up.
    pub used: bool,
    /// Whose it is, as far as its name tells.
    pub owner: Option<Owner>,
}

/// Counts what was found.
pub fn inventory(dumps: &[(Option<Backend>, &Dump)], sets: &[Set]) -> Inventory {
    let mut found = Inventory::default();
    let mut used = BTreeSet::new();
    for (backend, dump) in dumps {
        let unread = dump.missing.iter().map(|missing| {
            let Missing { table, line, .. } = missing;
            let what = missing.gap.as_str();
            format!(
                "table {table} of {}, line {line}: the dump does not have {what}",
                dump.family
            )
        });
        found.notes.extend(unread);
        for table in &dump.tables {
            used.extend(table.sets());
            for name in table
                .chains
                .iter()
                .flat_map(|chain| &chain.rules)
                .flat_map(named)
            {
                *found.modules.entry(name.to_owned()).or_default() +=
                    usize::from(table.chain(name).is_none());
            }
            found.tables.push(TableEntry {
                backend: *backend,
                family: dump.family,
                name: table.name,
                chains: table
                    .chains
                    .iter()
                    .map(|chain| entry(table, chain))
                    .collect(),
            });
        }
    }
    found.modules.retain(|_, rules| *rules > 0);
    found.sets = sets
        .iter()
        .map(|set| SetEntry {
            name: set.name.clone(),
            kind: set.kind.to_string(),
            elements: set.elements.len(),
            used: used.contains(set.name.as_str()),
            owner: Owner::of_set(&set.name),
        })
        .collect();
    found
}

impl Inventory {
    /// For people.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// For programs.
    pub fn json(&self) -> String {
        json::render(self)
    }
}

/// What stands behind `-m`, `-j` and `-g` of a rule.
fn named(rule: &Rule) -> impl Iterator<Item = &str> {
    let words = rule
        .text
        .split('"')
        .step_by(2)
        .flat_map(str::split_whitespace);
    let next = words.clone().skip(1);
    let pairs = words.zip(next);
    pairs
        .filter(|(option, _)| ["-m", "-j", "-g"].contains(option))
        .map(|(_, name)| name)
}

fn entry(table: &Table, chain: &Chain) -> ChainEntry {
    let owner = Owner::of_chain(table, &chain.name);
    let mut guests = BTreeMap::new();
    for guest in chain
        .rules
        .iter()
        .filter_map(|rule| Owner::of_rule(table, rule))
    {
        if Some(guest) != owner {
            *guests.entry(guest).or_default() += 1;
        }
    }
    let translates = |target: &Target| {
        matches!(
            target,
            Target::Dnat(_)
                | Target::Snat(_)
                | Target::Masquerade(_)
                | Target::Redirect(_)
                | Target::Netmap(_)
        )
    };
    let packets = chain.rules.iter().filter_map(|rule| rule.counters);
    ChainEntry {
        name: chain.name.clone(),
        policy: chain.hook.map(|_| match chain.policy {
            Policy::Drop => "DROP",
            Policy::Accept | Policy::Return => "ACCEPT",
        }),
        owner,
        rules: chain.rules.len(),
        translations: chain
            .rules
            .iter()
            .filter(|rule| translates(&rule.target))
            .count(),
        packets: packets.fold(0, |sum, counters| sum.saturating_add(counters.packets)),
        guests,
    }
}
