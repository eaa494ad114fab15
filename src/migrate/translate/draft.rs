//! What grows while the rules of a table are translated.

use std::collections::{BTreeMap, BTreeSet};

use super::class::{Class, Obstacle};
use super::names::Names;
use super::ports::Ports;
use super::scope::Shared;
use crate::migrate::ipset;
use crate::migrate::iptables::{HashLimit, Hook, List, Rule, Sense, TableName, Test};
use crate::migrate::nft::{self, Object, Statement};
use crate::net::{Family, Protocol};
use crate::ruleset::Name;

/// A table of nft in the making.
#[derive(Debug)]
pub(super) struct Draft<'h> {
    pub(super) family: Family,
    /// The table of iptables at hand.
    pub(super) table: TableName,
    /// The same, where several become one of nft and names of chains begin with it.
    pub(super) prefix: Option<TableName>,
    /// The sets of the host by name.
    pub(super) host_sets: &'h BTreeMap<&'h str, &'h ipset::Set>,
    /// The ports of bridges that rules name.
    pub(super) ports: &'h Ports,
    /// What tables of the host share.
    pub(super) shared: &'h Shared,
    pub(super) names: Names,
    /// Names of the host's sets.
    pub(super) set_names: Names,
    /// Objects, sets and chains that rules asked for, by name.
    pub(super) objects: BTreeMap<Name, Object>,
    pub(super) sets: BTreeMap<Name, nft::Set>,
    pub(super) chains: BTreeMap<Name, nft::Chain>,
    /// Sets of which elements overlapped.
    pub(super) cut: BTreeSet<Name>,
    /// What rules ask of each list of `recent`.
    pub(super) lists: BTreeMap<String, List>,
    /// The rates of `hashlimit`, as the first rule of each name has them.
    pub(super) rates: BTreeMap<String, HashLimit>,
    /// Rules by their lines that share with others what nft cannot share, with what that is.
    pub(super) entangled: BTreeMap<usize, String>,
    /// The lines of rules that lead deeper than nft follows, or round in a circle.
    pub(super) deep: BTreeSet<usize>,
    pub(super) rule: Sheet,
}

/// What is known of the rule at hand.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    /// The protocol that it asks for.
    pub(super) protocol: Option<Protocol>,
    /// It asks for that, or for the protocol of the connection.
    pub(super) names_connection_protocol: bool,
    /// It asks for packets of TCP that say how large a segment may be.
    pub(super) names_segment_size: bool,
    /// It does nothing but change how large a segment may be.
    pub(super) changes_segment_size: bool,
    /// The hooks that lead to its chain.
    pub(super) hooks: BTreeSet<Hook>,
    /// Where it stands, for names.
    pub(super) line: usize,
    /// What was asked so far remembers packets.
    pub(super) remembers: bool,
    /// The sets that the packet must not be in, as far as they were asked.
    pub(super) outside: BTreeSet<Name>,
    /// What has to happen before a test that was just said is asked, in rules of their own.
    pub(super) first: Vec<Vec<Statement>>,
    /// The worst of what was noted.
    pub(super) class: Class,
    /// Why it is no better.
    pub(super) reasons: Vec<String>,
}

impl Draft<'_> {
    /// Begins a rule.
    pub(super) fn begin(&mut self, rule: &Rule, hooks: &BTreeSet<Hook>) {
        let matches = &rule.matches;
        let protocol = matches.iter().find_map(|one| match (&one.test, one.sense) {
            (Test::Protocol(protocol), Sense::Is) => Some(*protocol),
            _ => None,
        });
        let of_connection = matches
            .iter()
            .any(|one| one.sense == Sense::Is && matches!(one.test, Test::ConnectionProtocol(_)));
        // `--tcp-option 2` meets an option of any length, also such as names no size.
        let sized = matches
            .iter()
            .any(|one| one.sense == Sense::Is && matches!(one.test, Test::TcpMss(_)));
        self.rule = Sheet {
            protocol,
            names_connection_protocol: protocol.is_some() || of_connection,
            names_segment_size: sized,
            changes_segment_size: rule.changes_segment_size(),
            hooks: hooks.clone(),
            line: rule.line,
            remembers: false,
            outside: BTreeSet::new(),
            first: Vec::new(),
            class: Class::Native,
            reasons: Vec::new(),
        };
    }

    /// The name of a chain of the table at hand.
    pub(super) fn chain(&mut self, name: &str) -> Name {
        match self.prefix {
            Some(table) => self.names.of(&format!("{table}-{name}")),
            None => self.names.of(name),
        }
    }

    /// Something is said in another way.
    pub(super) fn equivalent(&mut self, how: impl Into<String>) {
        self.note(Class::Equivalent, how.into());
    }

    /// Something is not quite the same.
    pub(super) fn approximate(&mut self, difference: impl Into<String>) {
        self.note(Class::Approximate, difference.into());
    }

    fn note(&mut self, class: Class, reason: String) {
        self.rule.class = self.rule.class.max(class);
        if !self.rule.reasons.contains(&reason) {
            self.rule.reasons.push(reason);
        }
    }

    /// A set that rules fill, made where it is not there yet.
    pub(super) fn dynamic_set(&mut self, name: Name, key: Vec<String>) -> &mut nft::Set {
        self.sets.entry(name.clone()).or_insert_with(|| {
            let mut set = nft::Set::new(name, key);
            set.dynamic = true;
            set.size = Some(65_535);
            set
        })
    }

    /// A chain of rules that another rule jumps to, made where it is not there yet.
    pub(super) fn helper_chain(
        &mut self,
        name: &str,
        rules: impl FnOnce() -> Vec<Vec<Statement>>,
    ) -> Name {
        let name = self.names.made(name);
        self.chains.entry(name.clone()).or_insert_with(|| {
            let mut chain = nft::Chain::new(name.clone());
            let rule = |statements| nft::Rule {
                statements,
                comment: None,
            };
            chain.rules = rules().into_iter().map(rule).collect();
            chain
        });
        name
    }

    /// The protocol has ports and the rule asks for it.
    pub(super) fn port_protocol(&self) -> Result<Protocol, Obstacle> {
        self.rule.protocol.ok_or_else(|| {
            Obstacle::new("ports are compared of no protocol", "add -p tcp or -p udp")
        })
    }
}
