//! Which packets are sent, and what is watched.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most tests and targets ask for nothing that is not always there"
)]

use std::collections::{BTreeMap, BTreeSet};

use super::element::interfaces;
use super::flight::{Flight, flights};
use super::inside::{device, grouped, inside};
use super::probe::{EPHEMERAL, Origin, Probe};
use super::watch::View;
use crate::migrate::ipset::Set;
use crate::migrate::iptables::{Chain, Dump, Hook, Nat, Rule, Statistic, Table, Target, Test};
use crate::net::Family;

/// The identification of a packet has sixteen bits.
const PROBES_MAX: usize = 60_000;

/// More interfaces than these are not made.
const DEVICES_MAX: usize = 60;

/// What no experiment compares.
const NEVER: [&str; 2] = [
    "packets by ports of bridges",
    "packets for sockets that wait on the host",
];

/// All packets of an experiment.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) family: Family,
    /// The interfaces.
    pub(super) devices: Vec<String>,
    /// The packets; the place of one is its identification, less one.
    pub(super) probes: Vec<Probe>,
    /// What of packets is compared.
    pub(super) views: Vec<View>,
    /// Whether the host breaks off no connection, since rules count them.
    pub(super) patient: bool,
    /// How long connections of UDP are remembered, in seconds, where rules ask.
    pub(super) expiry: Option<u32>,
    /// Whether the clock decides about some packets.
    pub(super) timed: bool,
    /// What is not compared.
    pub(super) left_out: Vec<String>,
}

impl Plan {
    /// What an arrival began as.
    pub(super) fn describe(&self, arrival: &str) -> String {
        let identification = arrival
            .split_whitespace()
            .nth(1)
            .and_then(|id| id.parse::<usize>().ok());
        let probe = identification.and_then(|id| self.probes.get(id.checked_sub(1)?));
        probe.map_or(String::new(), |probe| format!("; sent as {probe}"))
    }
}

/// Packets for every rule of a dump.
pub(super) fn plan(dump: &Dump, sets: &[Set]) -> Plan {
    let mut plan = Plan {
        family: dump.family,
        devices: devices(dump, sets),
        probes: Vec::new(),
        views: View::ALL.to_vec(),
        patient: asks(dump, |test| matches!(test, Test::ConnLimit { .. })),
        expiry: dump
            .rules()
            .flat_map(|(_, _, rule)| &rule.matches)
            .find_map(|found| match &found.test {
                Test::ConnectionExpiry(span) => Some(span.first.midpoint(span.last)),
                _ => None,
            }),
        timed: asks(dump, |test| {
            matches!(
                test,
                Test::Limit { .. } | Test::HashLimit(_) | Test::Recent(_)
            )
        }),
        left_out: NEVER.map(str::to_owned).to_vec(),
    };
    choose_views(&mut plan, dump);
    if asks(dump, |test| {
        matches!(test, Test::Statistic(Statistic::Random { .. }))
    }) {
        let what = "rules that chance decides are compared as if it decided the same twice";
        plan.left_out.push(what.to_owned());
    }
    let mut found = Vec::new();
    for table in &dump.tables {
        for (chain, starts) in starts(dump.family, table) {
            for start in &starts {
                for rule in &chain.rules {
                    found.extend(flights(start, &rule.matches, &rule.target, sets));
                }
            }
        }
    }
    found.retain(|flight| flight.probes.iter().all(|probe| is_possible(&plan, probe)));
    found.sort_by(|a, b| (way(&a.probes), a).cmp(&(way(&b.probes), b)));
    found.dedup();
    let wanted: usize = found.iter().map(|flight| flight.probes.len()).sum();
    plan.probes = numbered(found);
    if wanted > plan.probes.len() {
        let missing = wanted - plan.probes.len();
        plan.left_out.push(format!("{missing} packets of {wanted}"));
    }
    plan
}

fn asks(dump: &Dump, is: impl Fn(&Test) -> bool) -> bool {
    dump.rules()
        .flat_map(|(_, _, rule)| &rule.matches)
        .any(|found| is(&found.test))
}

/// Leaves out what the kernel chooses by chance, and what no rule changes and only some kernels can watch.
fn choose_views(plan: &mut Plan, dump: &Dump) {
    let chance: BTreeSet<_> = dump
        .rules()
        .filter_map(|(_, _, rule)| match &rule.target {
            Target::Snat(nat) | Target::Masquerade(nat) if is_random(nat) => Some("sport"),
            Target::Dnat(nat) | Target::Redirect(nat) if is_random(nat) => Some("dport"),
            _ => None,
        })
        .collect();
    for view in &chance {
        let what = format!("the {view} of packets: a rule has it chosen at random");
        plan.left_out.push(what);
    }
    let rules: Vec<&Rule> = dump.rules().map(|(_, _, rule)| rule).collect();
    plan.views.retain(|view| {
        let changed = view
            .of_target
            .is_none_or(|of| rules.iter().any(|rule| of(&rule.target)));
        changed && !chance.contains(view.name)
    });
}

fn is_random(nat: &Nat) -> bool {
    nat.random || nat.random_fully
}

/// Whether its interfaces are there.
fn is_possible(plan: &Plan, probe: &Probe) -> bool {
    let mut named = probe.input().into_iter().chain(probe.output.as_deref());
    named.all(|name| plan.devices.iter().any(|device| device == name))
}

/// Flights of one way follow each other, since routes change in between.
fn way(probes: &[Probe]) -> Option<(bool, &Option<String>)> {
    let probe = probes.first()?;
    Some((probe.origin == Origin::Host, &probe.output))
}

/// All packets with ports of their own.
fn numbered(flights: Vec<Flight>) -> Vec<Probe> {
    let mut probes = Vec::new();
    for Flight {
        probes: row,
        together,
    } in flights
    {
        if probes.len() + row.len() > PROBES_MAX {
            break;
        }
        let first = probes.len();
        for mut probe in row {
            // No two connections begin alike: what a translation does with the second would be left to chance.
            let at = if together { first } else { probes.len() };
            number(&mut probe, 10_000 + u16::try_from(at % 50_000).unwrap_or(0));
            probes.push(probe);
        }
    }
    probes
}

fn number(probe: &mut Probe, port: u16) {
    for place in [&mut probe.source_port, &mut probe.destination_port] {
        if *place == EPHEMERAL {
            *place = port;
        }
    }
    if let Some(quoted) = &mut probe.quoted {
        number(quoted, port);
    }
}

/// Every interface that a rule or an element names, one for each pattern, and two that none does.
fn devices(dump: &Dump, sets: &[Set]) -> Vec<String> {
    let tests = dump.rules().flat_map(|(_, _, rule)| &rule.matches);
    let named = tests.filter_map(|found| match &found.test {
        Test::Interface(_, pattern) => Some(device(pattern)),
        Test::DeviceGroup(_, masked) => Some(grouped(masked.value)),
        _ => None,
    });
    let mut names: Vec<_> = named
        .chain(interfaces(sets))
        .filter(|name| name.len() <= 15 && name != "lo" && !name.contains(['/', '@', '"']))
        .filter(|name| !name.starts_with("probe"))
        .collect();
    names.sort();
    names.dedup();
    names.truncate(DEVICES_MAX);
    [vec!["probe0".to_owned(), "probe1".to_owned()], names].concat()
}

/// Packets that get to each chain that a built-in one leads to, as far as the rules on the way say what they want.
fn starts(family: Family, table: &Table) -> Vec<(&Chain, Vec<Probe>)> {
    let mut found: BTreeMap<&str, Vec<Probe>> = BTreeMap::new();
    let mut waiting: Vec<&str> = Vec::new();
    for chain in &table.chains {
        let Some(hook) = chain.hook else { continue };
        found.insert(&chain.name, begun(family, hook));
        waiting.push(&chain.name);
    }
    while let Some(name) = waiting.pop() {
        let starts = found.get(name).cloned().unwrap_or_default();
        let rules = table
            .chain(name)
            .map(|chain| chain.rules.as_slice())
            .unwrap_or_default();
        for rule in rules {
            let (Target::Jump(next) | Target::Goto(next)) = &rule.target else {
                continue;
            };
            if !found.contains_key(next.as_str()) {
                let led = starts.iter().map(|start| inside(start, &rule.matches));
                found.insert(next, led.collect());
                waiting.push(next);
            }
        }
    }
    let chains = table.chains.iter();
    chains
        .filter_map(|chain| Some((chain, found.remove(chain.name.as_str())?)))
        .collect()
}

/// Packets that come to a hook.
fn begun(family: Family, hook: Hook) -> Vec<Probe> {
    let mut start = Probe::new(family);
    if !matches!(hook, Hook::Input | Hook::Prerouting) {
        start.output = Some("probe1".to_owned());
    }
    let mut sent = start.clone();
    sent.origin = Origin::Host;
    match hook {
        Hook::Input | Hook::Prerouting | Hook::Forward => vec![start],
        Hook::Output => vec![sent],
        Hook::Postrouting => vec![start, sent],
    }
}
