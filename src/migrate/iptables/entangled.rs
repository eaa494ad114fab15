//! Rules that share with another one what the kernel keeps for both, in a way that no rules of nft can.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::template;
use super::{
    Chain, ConntrackTarget, Direction, Dump, HashLimit, HashMode, Hook, InterfacePattern, Match,
    RateUnit, Recent, RecentAction, Rule, Sense, Side, Table, Target, Test,
};
use crate::net::{Family, PortRange, Protocol};

/// Such rules of a dump by their lines, each with what it shares, be it with rules of another family.
pub fn entangled(dump: &Dump, dumps: &[Dump]) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    for table in &dump.tables {
        connections(table, &mut found);
        helpers(table, &mut found);
        template::asked(table, &mut found);
    }
    rates(dump, &mut found);
    lists(dump, dumps, &mut found);
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
            (other.name != chain.name || chain.has_before(first, rule))
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
pub(super) fn may_both(one: &Chain, other: &Chain, table: &Table) -> bool {
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
pub(super) fn exclude(one: &[Match], other: &[Match]) -> bool {
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

#[expect(clippy::wildcard_enum_match_arm, reason = "only one test has buckets")]
/// Rules of one name share buckets, which are as the rule that came first has them.
fn rates(dump: &Dump, found: &mut BTreeMap<usize, String>) {
    let mut users: BTreeMap<&str, Vec<User<'_>>> = BTreeMap::new();
    for (number, table) in dump.tables.iter().enumerate() {
        for chain in &table.chains {
            // Chains of users are loaded by their names, behind those that the kernel has.
            let own = chain.hook.map_or(chain.name.as_str(), |_| "");
            let turn = (number, chain.hook.is_none(), chain.hook, own);
            for rule in &chain.rules {
                let limits = rule.matches.iter().filter_map(|one| match &one.test {
                    Test::HashLimit(limit) => Some(limit),
                    _ => None,
                });
                for limit in limits {
                    let turn = (turn, rule.line);
                    users
                        .entry(&limit.name)
                        .or_default()
                        .push(User { limit, turn });
                }
            }
        }
    }
    for (name, users) in users {
        if let Some(what) = unlike(&users) {
            let reason = format!("hashlimit {name} {what}");
            let lines = users.iter().map(|user| user.turn.1);
            found.extend(lines.map(|line| (line, reason.clone())));
        }
    }
}

/// A rule of a name, and when it is loaded: its table and its chain come first, and then its line.
struct User<'r> {
    limit: &'r HashLimit,
    turn: ((usize, bool, Option<Hook>, &'r str), usize),
}

/// What rules of one name share in iptables, and could not in nft.
fn unlike(users: &[User<'_>]) -> Option<&'static str> {
    let first = users.iter().min_by_key(|user| user.turn.1)?;
    let loaded = users.iter().min_by_key(|user| user.turn)?;
    let first_line = first.turn.1;
    let first = first.limit;
    let differ = |same: fn(&HashLimit, &HashLimit) -> bool| {
        users.iter().any(|other| !same(first, other.limit))
    };
    if differ(|one, other| (one.rate, one.beyond()) == (other.rate, other.beyond()))
        && loaded.turn.1 != first_line
    {
        return Some(
            "has the rate of the rule that is loaded first, which programs order otherwise than the dump",
        );
    }
    let in_bytes = |limit: &HashLimit| limit.rate.unit == RateUnit::Bytes;
    if users
        .iter()
        .any(|other| in_bytes(other.limit) != in_bytes(first))
    {
        return Some("is asked for packets and for bytes");
    }
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

/// A list has the mask of the rule that is loaded first, and one rule may throw away what another one asks for.
fn lists(dump: &Dump, dumps: &[Dump], found: &mut BTreeMap<usize, String>) {
    let mut users: BTreeMap<&str, Vec<(Family, &Recent, usize)>> = BTreeMap::new();
    for other in dumps {
        for (_, _, rule) in other.rules() {
            for one in &rule.matches {
                if let Test::Recent(recent) = &one.test {
                    let user = (other.family, recent, rule.line);
                    users.entry(&recent.name).or_default().push(user);
                }
            }
        }
    }
    for (name, users) in users {
        if let Some(what) = at_odds(&users) {
            let reason = format!("list {name} of recent {what}");
            let own = users.iter().filter(|(family, _, _)| *family == dump.family);
            found.extend(own.map(|(_, _, line)| (*line, reason.clone())));
        }
    }
}

/// What rules of one list ask of it that only one of them gets.
fn at_odds(users: &[(Family, &Recent, usize)]) -> Option<&'static str> {
    let whole = |mask: &IpAddr| match mask {
        IpAddr::V4(mask) => mask.to_bits() == u32::MAX,
        IpAddr::V6(mask) => mask.to_bits() == u128::MAX,
    };
    let masks = users
        .iter()
        .map(|(_, recent, _)| recent.mask.filter(|mask| !whole(mask)));
    let masks: BTreeSet<_> = masks.collect();
    if masks.len() > 1 {
        return Some("is used with several masks");
    }
    // A mask of IPv4 has no bits for the rest of an address of IPv6.
    let families: BTreeSet<_> = users.iter().map(|(family, _, _)| *family).collect();
    let short = |(family, recent, _): &(Family, &Recent, usize)| {
        *family == Family::V4 && recent.mask.is_some()
    };
    if families.len() > 1 && users.iter().any(short) {
        return Some("is one for IPv4 and IPv6, and has a mask of IPv4");
    }
    let reaped = users.iter().filter(|(_, recent, _)| recent.reap);
    let reaped = reaped.filter_map(|(_, recent, _)| recent.window()).min();
    let longest = users
        .iter()
        .filter(|(_, recent, _)| recent.action != RecentAction::Set);
    let outlives = |reaped: u32| {
        let mut windows = longest.map(|(_, recent, _)| recent.window());
        windows.any(|window| window.is_none_or(|window| window > reaped))
    };
    reaped
        .is_some_and(outlives)
        .then_some("is reaped of addresses that other rules still ask for")
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
