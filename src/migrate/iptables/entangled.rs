//! Rules that share with another one what the kernel keeps for both, in a way that no rules of nft can.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{
    Chain, ConntrackTarget, Direction, Dump, HashLimit, HashMode, Hook, InterfacePattern, Match,
    Rule, Sense, Side, Table, Target, Test,
};
use crate::net::{PortRange, Protocol};

/// Such rules by their lines, each with what it shares.
pub fn entangled(dump: &Dump) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    for table in &dump.tables {
        connections(table, &mut found);
        helpers(table, &mut found);
    }
    rates(dump, &mut found);
    lists(dump, &mut found);
    found
}

fn rules(table: &Table) -> impl Iterator<Item = &Rule> {
    table.chains.iter().flat_map(|chain| &chain.rules)
}

/// A packet keeps what the first `CT` gave it, where nft lets a later one win, other than between zones.
fn connections(table: &Table, found: &mut BTreeMap<usize, String>) {
    let gives = |rule: &&Rule| matches!(rule.target, Target::Ct(_) | Target::NoTrack);
    let all = table.chains.iter().flat_map(|chain| {
        let rules = chain.rules.iter().filter(gives);
        rules.map(move |rule| (chain, rule))
    });
    let all: Vec<_> = all.collect();
    for (chain, rule) in &all {
        let met = all.iter().find(|(other, first)| {
            (other.name != chain.name || first.line < rule.line)
                && may_both(other, chain, table)
                && disagree(&first.target, &rule.target)
                && !exclude(&first.matches, &rule.matches)
        });
        if let Some((_, first)) = met {
            found.insert(
                rule.line,
                format!(
                    "a packet that line {} gave another CT keeps that",
                    first.line
                ),
            );
        }
    }
}

/// Whether what comes second is lost in iptables and not in nft.
fn disagree(first: &Target, second: &Target) -> bool {
    let zone_alone = |target: &Target| matches!(target, Target::Ct(ConntrackTarget { helper: None, zones, .. }) if !zones.is_empty());
    first != second && !(zone_alone(first) && zone_alone(second))
}

/// Whether a hook leads to both chains.
fn may_both(one: &Chain, other: &Chain, table: &Table) -> bool {
    let (one, other) = (hooks(one, table), hooks(other, table));
    !one.is_disjoint(&other)
}

fn hooks(chain: &Chain, table: &Table) -> BTreeSet<Hook> {
    let mut names = BTreeSet::from([chain.name.as_str()]);
    let mut hooks = BTreeSet::new();
    loop {
        let before = names.len();
        for from in &table.chains {
            let leads = from.rules.iter().any(|rule| matches!(&rule.target, Target::Jump(to) | Target::Goto(to) if names.contains(to.as_str())));
            if leads {
                names.insert(&from.name);
            }
            hooks.extend(from.hook.filter(|_| names.contains(from.name.as_str())));
        }
        if names.len() == before {
            return hooks;
        }
    }
}

/// What a rule asks for that another value cannot be equal to.
#[derive(Debug, PartialEq, Eq)]
enum Exact<'r> {
    Protocol(Protocol),
    Interface(Direction, &'r str),
    BridgePort(Direction, &'r str),
    Ports(Side, PortRange),
}

/// Whether no packet meets both: they ask for one protocol, interface or port and another.
fn exclude(one: &[Match], other: &[Match]) -> bool {
    let pairs = one.iter().filter_map(exact);
    pairs.into_iter().any(|left| {
        other
            .iter()
            .filter_map(exact)
            .any(|right| match (&left, &right) {
                (Exact::Protocol(left), Exact::Protocol(right)) => left != right,
                (Exact::Interface(way, left), Exact::Interface(side, right))
                | (Exact::BridgePort(way, left), Exact::BridgePort(side, right)) => {
                    way == side && left != right
                }
                (Exact::Ports(way, left), Exact::Ports(side, right)) => {
                    way == side && (left.last() < right.first() || right.last() < left.first())
                }
                _ => false,
            })
    })
}

fn exact(one: &Match) -> Option<Exact<'_>> {
    match (&one.test, one.sense) {
        (Test::Protocol(protocol), Sense::Is) => Some(Exact::Protocol(*protocol)),
        (Test::Interface(way, InterfacePattern::Name(name)), Sense::Is) => {
            Some(Exact::Interface(*way, name))
        }
        (Test::PhysicalInterface(way, InterfacePattern::Name(name)), Sense::Is) => {
            Some(Exact::BridgePort(*way, name))
        }
        (Test::Port(side, ports), Sense::Is) => Some(Exact::Ports(*side, *ports)),
        _ => None,
    }
}

/// Rules of one name share buckets, which are as the rule that came first has them.
fn rates(dump: &Dump, found: &mut BTreeMap<usize, String>) {
    let mut users: BTreeMap<&str, Vec<(&HashLimit, usize)>> = BTreeMap::new();
    for (_, _, rule) in dump.rules() {
        for one in &rule.matches {
            if let Test::HashLimit(limit) = &one.test {
                let users = users.entry(&limit.name).or_default();
                users.push((limit, rule.line));
            }
        }
    }
    for (name, users) in users {
        if let Some(what) = unlike(&users) {
            let reason = format!("hashlimit {name} {what}");
            found.extend(users.iter().map(|(_, line)| (*line, reason.clone())));
        }
    }
}

/// What rules of one name share in iptables, and could not in nft.
fn unlike(users: &[(&HashLimit, usize)]) -> Option<&'static str> {
    let (first, _) = users.first()?;
    let differ = |same: fn(&HashLimit, &HashLimit) -> bool| {
        users.iter().any(|(other, _)| !same(first, other))
    };
    // An element of nft has one side of a rate.
    if differ(|one, other| one.threshold == other.threshold) {
        return Some("is asked both for what is above and what is not");
    }
    if differ(|one, other| buckets(one) == buckets(other)) {
        return Some(
            "has the mode, masks, size and times of the rule that comes first, and another rule has others",
        );
    }
    let one_bucket = first.modes.is_empty() && users.len() > 1;
    one_bucket.then_some("of no mode is one limit that several rules ask")
}

/// All that makes buckets what they are, but their rate: modes, masks, how many there are and when they go.
fn buckets(limit: &HashLimit) -> (&[HashMode], [Option<u8>; 2], [Option<u64>; 2]) {
    let masks = [limit.source_mask, limit.destination_mask];
    (&limit.modes, masks, [limit.table_max, limit.expire_ms])
}

/// A list holds addresses as the rule that wrote them masked them.
fn lists(dump: &Dump, found: &mut BTreeMap<usize, String>) {
    let whole = |mask: &IpAddr| match mask {
        IpAddr::V4(mask) => mask.to_bits() == u32::MAX,
        IpAddr::V6(mask) => mask.to_bits() == u128::MAX,
    };
    let mut masks: BTreeMap<&str, BTreeSet<(Option<IpAddr>, usize)>> = BTreeMap::new();
    for (_, _, rule) in dump.rules() {
        for one in &rule.matches {
            if let Test::Recent(recent) = &one.test {
                let mask = recent.mask.filter(|mask| !whole(mask));
                masks
                    .entry(&recent.name)
                    .or_default()
                    .insert((mask, rule.line));
            }
        }
    }
    for (name, masks) in masks {
        let different: BTreeSet<_> = masks.iter().map(|(mask, _)| mask).collect();
        if different.len() > 1 {
            let reason = format!("list {name} of recent is used with several masks");
            found.extend(masks.iter().map(|(_, line)| (*line, reason.clone())));
        }
    }
}

/// The way to a helper is gone twice in nft, so nothing on it may change with time, or with connection tracking.
fn helpers(table: &Table, found: &mut BTreeMap<usize, String>) {
    let helps =
        |rule: &&Rule| matches!(&rule.target, Target::Ct(target) if target.helper.is_some());
    let leads = |rule: &&Rule| {
        helps(rule)
            || matches!(
                rule.target,
                Target::Accept | Target::Drop | Target::Return | Target::Jump(_) | Target::Goto(_)
            )
    };
    let changed = rules(table).filter(leads).find(|rule| {
        let mut tests = rule.matches.iter();
        tests.any(|one| !is_lasting(&one.test))
    });
    if let Some(changed) = changed {
        let line = changed.line;
        let reason = format!(
            "a helper is set after connection tracking, where line {line} may decide otherwise"
        );
        found.extend(
            rules(table)
                .filter(helps)
                .map(|rule| (rule.line, reason.clone())),
        );
    }
}

/// Whether a test says the same of a packet once it is tracked.
fn is_lasting(test: &Test) -> bool {
    matches!(
        test,
        Test::Address(..)
            | Test::AddressRange(..)
            | Test::AddressType(..)
            | Test::Interface(..)
            | Test::PhysicalInterface(..)
            | Test::Physical(_)
            | Test::Protocol(_)
            | Test::Fragment
            | Test::Port(..)
            | Test::Multiport(..)
            | Test::TcpFlags { .. }
            | Test::TcpOption(_)
            | Test::Icmp(_)
            | Test::Icmpv6(_)
            | Test::Length(_)
            | Test::Mac(_)
            | Test::PacketType(_)
            | Test::ReversePath(_)
            | Test::Comment(_)
    )
}
