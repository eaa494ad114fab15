//! A table with its chains.

use std::collections::{BTreeMap, BTreeSet};

use super::class::{Class, Obstacle};
use super::draft::{Draft, Sheet};
use super::names::Names;
use super::ports::Ports;
use super::scope::Shared;
use super::{Judgement, reach, rule, tracked};
use crate::migrate::ipset;
use crate::migrate::iptables::{self, Hook, TableName};
use crate::migrate::nft::{self, Base, HookPoint, Policy, Statement};
use crate::net::Family;
use crate::ruleset::Name;

/// So long may a comment be in the kernel (`NFTNL_UDATA_COMMENT_MAXLEN`).
const COMMENT_BYTES_MAX: usize = 128;

/// What is of the host and not of one of its tables.
#[derive(Debug)]
pub(super) struct Whole<'h> {
    /// Its sets by name.
    pub(super) sets: BTreeMap<&'h str, &'h ipset::Set>,
    /// The ports of bridges that rules name.
    pub(super) ports: Ports,
    /// What tables share.
    pub(super) shared: Shared,
}

/// Says a table in nft, or several that become one.
pub(super) fn translate(
    family: Family,
    tables: &[&iptables::Table],
    entangled: &BTreeMap<usize, String>,
    whole: &Whole<'_>,
) -> (nft::Table, Vec<Judgement>) {
    let mut draft = draft(family, tables, entangled, whole);
    let together = tables.len() > 1;
    let mut chains = Vec::new();
    let mut judgements = Vec::new();
    // Chains have the first choice of names.
    for table in tables {
        draft.prefix = together.then_some(table.name);
        for chain in &table.chains {
            draft.chain(&chain.name);
        }
    }
    for table in tables {
        draft.table = table.name;
        draft.prefix = together.then_some(table.name);
        let (made, judged) = self::chains(&mut draft, table);
        chains.extend(tracked::after_tracking(made, &mut draft.names));
        judgements.extend(judged);
    }
    let mut made = nft::Table::new(nft_family(family), name(tables));
    made.chains = chains;
    made.chains.extend(draft.chains.into_values());
    made.objects = draft.objects.into_values().collect();
    made.sets = draft.sets.into_values().collect();
    (made, judgements)
}

/// The name of the table of nft for these.
pub(super) fn name(tables: &[&iptables::Table]) -> Name {
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    Name::from_parts(&names.join("-"))
}

fn draft<'h>(
    family: Family,
    tables: &[&iptables::Table],
    entangled: &BTreeMap<usize, String>,
    whole: &'h Whole<'h>,
) -> Draft<'h> {
    let chains = tables.iter().flat_map(|table| &table.chains);
    let rules = chains.flat_map(|chain| &chain.rules);
    let lists = iptables::lists(rules.clone());
    let deep = tables
        .iter()
        .flat_map(|table| reach::too_deep(table, &lists))
        .collect();
    Draft {
        family,
        table: TableName::Filter,
        prefix: None,
        host_sets: &whole.sets,
        ports: &whole.ports,
        shared: &whole.shared,
        names: Names::default(),
        set_names: Names::default(),
        objects: BTreeMap::new(),
        sets: BTreeMap::new(),
        chains: BTreeMap::new(),
        cut: BTreeSet::new(),
        lists,
        rates: iptables::rates(rules),
        entangled: entangled.clone(),
        deep,
        rule: Sheet {
            protocol: None,
            names_connection_protocol: false,
            names_segment_size: false,
            changes_segment_size: false,
            hooks: BTreeSet::new(),
            line: 0,
            remembers: false,
            outside: BTreeSet::new(),
            first: Vec::new(),
            class: Class::Native,
            reasons: Vec::new(),
        },
    }
}

/// The chains of a table, with a judgement of each rule.
fn chains(draft: &mut Draft<'_>, table: &iptables::Table) -> (Vec<nft::Chain>, Vec<Judgement>) {
    let reached = reach::hooks(table);
    let mut chains = Vec::new();
    let mut judgements = Vec::new();
    for chain in &table.chains {
        let hooks = reached
            .get(chain.name.as_str())
            .cloned()
            .unwrap_or_default();
        let mut made = head(draft, table.name, chain);
        for rule in &chain.rules {
            let (rules, judgement) = judged(draft, chain, rule, &hooks);
            made.rules.extend(rules);
            judgements.push(judgement);
        }
        chains.push(made);
    }
    (chains, judgements)
}

fn nft_family(family: Family) -> nft::Family {
    match family {
        Family::V4 => nft::Family::Ip,
        Family::V6 => nft::Family::Ip6,
    }
}

fn judged(
    draft: &mut Draft<'_>,
    chain: &iptables::Chain,
    rule: &iptables::Rule,
    hooks: &BTreeSet<Hook>,
) -> (Vec<nft::Rule>, Judgement) {
    draft.begin(rule, hooks);
    let translated = rule::translate(draft, rule);
    let mut judgement = Judgement {
        family: draft.family,
        table: draft.table,
        chain: chain.name.clone(),
        line: rule.line,
        text: rule.text.clone(),
        counters: rule.counters,
        class: draft.rule.class,
        reasons: std::mem::take(&mut draft.rule.reasons),
        suggestion: None,
    };
    let rules = match translated {
        Ok(rules) => {
            let comment = Some(comment(&format!("{}: {}", rule.line, rule.text)));
            let made = rules.into_iter().map(|statements| nft::Rule {
                statements,
                comment: comment.clone(),
            });
            made.collect()
        }
        Err(Obstacle { reason, suggestion }) => {
            judgement.class = Class::Unsupported;
            judgement.reasons = vec![reason];
            judgement.suggestion = Some(suggestion);
            let left_out = format!("{}: left out: {}", rule.line, rule.text);
            vec![nft::Rule {
                statements: vec![Statement::Counter(None)],
                comment: Some(comment(&left_out)),
            }]
        }
    };
    (rules, judgement)
}

/// A comment that nft can read, as long as the kernel takes it.
pub(super) fn comment(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|letter| !letter.is_control() && !['"', '\\'].contains(letter))
        .collect();
    let mut end = clean.len().min(COMMENT_BYTES_MAX - 1);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean[..end].to_owned()
}

fn head(draft: &mut Draft<'_>, table: TableName, chain: &iptables::Chain) -> nft::Chain {
    let name = draft.chain(&chain.name);
    let renamed = (name.as_str() != chain.name).then(|| comment(&format!("chain {}", chain.name)));
    let mut made = nft::Chain::new(name);
    made.comment = renamed;
    made.base = chain.hook.map(|hook| Base {
        kind: kind(table, hook).to_owned(),
        hook: point(hook),
        priority: priority(table, hook),
        policy: match chain.policy {
            iptables::Policy::Drop => Policy::Drop,
            iptables::Policy::Accept | iptables::Policy::Return => Policy::Accept,
        },
    });
    made
}

fn kind(table: TableName, hook: Hook) -> &'static str {
    match (table, hook) {
        (TableName::Nat, _) => "nat",
        // Packets of this host are routed again where their mark or their type of service changes.
        (TableName::Mangle, Hook::Output) => "route",
        _ => "filter",
    }
}

fn priority(table: TableName, hook: Hook) -> i32 {
    match (table, hook) {
        (TableName::Raw, _) => -300,
        (TableName::Mangle, _) => -150,
        (TableName::Nat, Hook::Prerouting | Hook::Output) => -100,
        (TableName::Nat, Hook::Input | Hook::Forward | Hook::Postrouting) => 100,
        (TableName::Filter, _) => 0,
        (TableName::Security, _) => 50,
    }
}

fn point(hook: Hook) -> HookPoint {
    match hook {
        Hook::Prerouting => HookPoint::Prerouting,
        Hook::Input => HookPoint::Input,
        Hook::Forward => HookPoint::Forward,
        Hook::Output => HookPoint::Output,
        Hook::Postrouting => HookPoint::Postrouting,
    }
}
