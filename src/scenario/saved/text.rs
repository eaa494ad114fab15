//! The form in which the programs print: tables, their chains, and the rules with what they counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Saved;
use crate::scenario::Random;

/// Tables with the chains that every host has.
const TABLES: [(&str, &[&str]); 4] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    ),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
];

/// What is to be printed.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The chains of each table in the order of their first rule, and the rules.
    tables: BTreeMap<&'static str, Vec<(String, Vec<String>)>>,
    sets: String,
    rules: usize,
}

impl Text {
    /// One more rule at the end of a chain.
    pub(super) fn rule(
        &mut self,
        table: &'static str,
        chain: &str,
        rule: &str,
        random: &mut Random,
    ) {
        let packets = random.below(100_000);
        let bytes = packets * (40 + random.below(1_400));
        let line = format!("[{packets}:{bytes}] -A {chain} {rule}");
        self.chain(table, chain).push(line);
        self.rules += 1;
    }

    fn chain(&mut self, table: &'static str, chain: &str) -> &mut Vec<String> {
        let chains = self.tables.entry(table).or_default();
        let at = chains.iter().position(|(name, _)| name == chain);
        let at = at.unwrap_or_else(|| {
            chains.push((chain.to_owned(), Vec::new()));
            chains.len() - 1
        });
        &mut chains[at].1
    }

    /// A set of this type with these elements.
    pub(super) fn set(&mut self, name: &str, of: &str, elements: &BTreeSet<String>) {
        let _ = writeln!(
            self.sets,
            "create {name} {of} family inet hashsize 1024 maxelem 1048576"
        );
        for element in elements {
            let _ = writeln!(self.sets, "add {name} {element}");
        }
    }

    /// How many rules there are.
    pub(super) fn rules(&self) -> usize {
        self.rules
    }

    pub(super) fn printed(self) -> Saved {
        let mut rules = String::new();
        for (table, built_in) in TABLES {
            let chains = self.tables.get(table).map_or(&[][..], Vec::as_slice);
            let _ = writeln!(rules, "*{table}");
            for chain in built_in {
                let _ = writeln!(rules, ":{chain} ACCEPT [0:0]");
            }
            for (chain, _) in chains {
                if !built_in.contains(&chain.as_str()) {
                    let _ = writeln!(rules, ":{chain} - [0:0]");
                }
            }
            for rule in chains.iter().flat_map(|(_, rules)| rules) {
                let _ = writeln!(rules, "{rule}");
            }
            rules.push_str("COMMIT\n");
        }
        Saved {
            rules,
            sets: self.sets,
        }
    }
}

/// Letters and digits, as controllers make names of hashes.
pub(super) fn hashed(length: usize, random: &mut Random) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    (0..length)
        .map(|_| char::from(*random.pick(DIGITS)))
        .collect()
}

/// Ports of a service, as `multiport` has them.
pub(super) fn ports(random: &mut Random) -> String {
    let first = 1 + random.below(60_000);
    match random.below(3) {
        0 => format!("{first}"),
        1 => format!("{first},{},{}", first + 7, first + 19),
        _ => format!("{first}:{},{}", first + 9, first + 400),
    }
}
