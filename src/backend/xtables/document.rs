//! Everything of ours that a host holds in xtables and ipset, and its text.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::{Builtin, Chain, ChainName, Ipset, IpsetName, Rule, TableName};
use crate::net::Family;

/// Everything of ours: tables by family, and the ipsets that their rules look up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The ipsets.
    pub ipsets: BTreeMap<IpsetName, Arc<Ipset>>,
    /// The tables in which there is something of ours.
    pub tables: BTreeMap<(Family, TableName), Table>,
}

/// What is ours in one table of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Our chains.
    pub chains: BTreeMap<ChainName, Arc<Chain>>,
    /// The rules that belong at the head of a built-in chain, in order.
    pub heads: BTreeMap<Builtin, Vec<Rule>>,
}

impl Document {
    /// Everything as `ipset restore` reads it.
    pub fn ipset_text(&self) -> String {
        let mut text = String::new();
        for (name, ipset) in &self.ipsets {
            text += &ipset.create_line(name);
            for member in ipset.members.iter() {
                _ = writeln!(text, "add {name} {member}");
            }
        }
        text
    }

    /// The tables of a family as `iptables-restore --noflush` reads them, into an empty host.
    pub fn tables_text(&self, family: Family) -> String {
        let tables = self.tables.iter().filter(|((of, _), _)| *of == family);
        tables
            .map(|((_, name), table)| table.text(*name, family))
            .collect()
    }
}

impl fmt::Display for Document {
    /// Everything as three programs read it, one after the other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# ipset restore\n{}", self.ipset_text())?;
        let v4 = self.tables_text(Family::V4);
        writeln!(f, "# iptables-restore --noflush\n{v4}")?;
        let v6 = self.tables_text(Family::V6);
        write!(f, "# ip6tables-restore --noflush\n{v6}")
    }
}

impl Table {
    /// The table as `iptables-restore --noflush` reads it: our chains, then what leads to them.
    pub fn text(&self, name: TableName, family: Family) -> String {
        let mut text = format!("*{name}\n");
        for chain in self.chains.keys() {
            _ = writeln!(text, ":{chain} - [0:0]");
        }
        for (chain, rules) in &self.chains {
            for line in lines(chain.as_str(), rules, family) {
                _ = writeln!(text, "-A {chain} {line}");
            }
        }
        for (builtin, rules) in &self.heads {
            let lines = lines(builtin.as_str(), rules, family);
            for (at, line) in lines.iter().enumerate() {
                _ = writeln!(text, "-I {builtin} {} {line}", at + 1);
            }
        }
        text + "COMMIT\n"
    }
}

/// The rules of a chain without the chain's name. The hash in a rule's comment is of the chain, of
/// all rules before it and of itself: who knows the hashes of a chain knows all of it.
pub fn lines(chain: &str, rules: &[Rule], family: Family) -> Vec<String> {
    let mut before = chain.to_owned();
    let line = |rule: &Rule| {
        let (line, hash) = rule.line(family, &before);
        before = hash;
        line
    };
    rules.iter().map(line).collect()
}
