//! Packets made for rules.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "tests of what is no part of a packet make none"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::migrate::iptables::{
    Address, Chain, Direction, Dump, Hook, InterfacePattern, Match, Nat, Sense, Side, Table,
    Target, Test,
};

/// The identification of a packet has sixteen bits.
const PROBES_MAX: usize = 60_000;

/// More interfaces than these are not made.
const DEVICES_MAX: usize = 60;

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Probe {
    /// The interface that it comes in by.
    pub(super) input: String,
    /// The interface that it is routed to; none for this host.
    pub(super) output: Option<String>,
    pub(super) source: u32,
    pub(super) destination: u32,
    pub(super) protocol: u8,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) tcp_flags: u8,
    pub(super) icmp: (u8, u8),
    pub(super) ttl: u8,
    pub(super) tos: u8,
}

/// All packets of an experiment.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The interfaces.
    pub(super) devices: Vec<String>,
    /// The packets; the place of one is its identification, less one.
    pub(super) probes: Vec<Probe>,
    /// What of packets the kernel chooses by chance, by the words of `tally::VIEWS`.
    pub(super) by_chance: BTreeSet<&'static str>,
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
        probe.map_or(String::new(), |probe| format!("; sent as {probe:?}"))
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            input: "probe0".to_owned(),
            output: None,
            source: Ipv4Addr::new(198, 51, 100, 7).into(),
            destination: Ipv4Addr::new(203, 0, 113, 9).into(),
            protocol: 17,
            source_port: 40_000,
            destination_port: 40_001,
            tcp_flags: 0x02,
            icmp: (8, 0),
            ttl: 64,
            tos: 0,
        }
    }
}

/// Packets for every rule of a dump of IPv4.
pub(super) fn plan(dump: &Dump) -> Plan {
    let mut plan = Plan {
        devices: devices(dump),
        probes: Vec::new(),
        by_chance: by_chance(dump),
        left_out: vec![
            "packets of this host itself (OUTPUT)".to_owned(),
            "packets of connections that were answered".to_owned(),
        ],
    };
    for view in &plan.by_chance {
        let what = format!("the {view} of packets: a rule has it chosen at random");
        plan.left_out.push(what);
    }
    let mut probes = Vec::new();
    for table in &dump.tables {
        for (chain, path) in paths(table) {
            let start = start(&path, chain.hook);
            for rule in &chain.rules {
                for probe in variants(&start, &rule.matches) {
                    if plan.devices.contains(&probe.input)
                        && probe
                            .output
                            .as_ref()
                            .is_none_or(|out| plan.devices.contains(out))
                    {
                        probes.push(probe);
                    }
                }
            }
        }
    }
    probes.sort_by(|a, b| (&a.output, a).cmp(&(&b.output, b)));
    probes.dedup();
    if probes.len() > PROBES_MAX {
        plan.left_out.push(format!(
            "{} packets of {}",
            probes.len() - PROBES_MAX,
            probes.len()
        ));
        probes.truncate(PROBES_MAX);
    }
    for (at, probe) in probes.iter_mut().enumerate() {
        // No two connections begin alike: what a translation does with the second would be left to chance.
        if probe.source_port == Probe::default().source_port {
            probe.source_port = 10_000 + u16::try_from(at % 50_000).unwrap_or(0);
        }
    }
    plan.probes = probes;
    plan
}

/// The ports that rules with `--random` or `--random-fully` choose.
fn by_chance(dump: &Dump) -> BTreeSet<&'static str> {
    let targets = dump.rules().map(|(_, _, rule)| &rule.target);
    let views = targets.filter_map(|target| match target {
        Target::Snat(nat) | Target::Masquerade(nat) if is_random(nat) => Some("sport"),
        Target::Dnat(nat) | Target::Redirect(nat) if is_random(nat) => Some("dport"),
        _ => None,
    });
    views.collect()
}

fn is_random(nat: &Nat) -> bool {
    nat.random || nat.random_fully
}

/// Every interface that a rule names, one for each pattern, and two that none does.
fn devices(dump: &Dump) -> Vec<String> {
    let tests = dump.rules().flat_map(|(_, _, rule)| &rule.matches);
    let mut names: Vec<_> = tests
        .filter_map(|found| match &found.test {
            Test::Interface(_, pattern) => Some(device(pattern)),
            _ => None,
        })
        .filter(|name| name.len() <= 15 && name != "lo" && !name.contains(['/', '@']))
        .collect();
    names.sort();
    names.dedup();
    names.truncate(DEVICES_MAX);
    names.extend(["probe0".to_owned(), "probe1".to_owned()]);
    names
}

fn device(pattern: &InterfacePattern) -> String {
    match pattern {
        InterfacePattern::Name(name) => name.clone(),
        InterfacePattern::Prefix(prefix) if prefix.is_empty() => "probe0".to_owned(),
        InterfacePattern::Prefix(prefix) => format!("{prefix}7"),
    }
}

/// What rules ask on the way to a chain; the first says at which hook it begins.
type Path<'a> = Vec<(Option<Hook>, &'a [Match])>;

/// The rules that lead from a built-in chain to each chain that one leads to.
fn paths(table: &Table) -> Vec<(&Chain, Path<'_>)> {
    let mut found: BTreeMap<&str, Path<'_>> = BTreeMap::new();
    let built_in = table
        .chains
        .iter()
        .filter(|chain| chain.hook.is_some_and(is_probed));
    let mut waiting: Vec<&str> = Vec::new();
    for chain in built_in {
        found.insert(&chain.name, vec![(chain.hook, &[])]);
        waiting.push(&chain.name);
    }
    while let Some(name) = waiting.pop() {
        let path = found.get(name).cloned().unwrap_or_default();
        let rules = table
            .chain(name)
            .map(|chain| chain.rules.as_slice())
            .unwrap_or_default();
        for rule in rules {
            let (Target::Jump(next) | Target::Goto(next)) = &rule.target else {
                continue;
            };
            if !found.contains_key(next.as_str()) {
                let mut longer = path.clone();
                longer.push((None, &rule.matches));
                found.insert(next, longer);
                waiting.push(next);
            }
        }
    }
    let chains = table.chains.iter();
    chains
        .filter_map(|chain| Some((chain, found.get(chain.name.as_str())?.clone())))
        .collect()
}

fn is_probed(hook: Hook) -> bool {
    match hook {
        Hook::Prerouting | Hook::Input | Hook::Forward | Hook::Postrouting => true,
        Hook::Output => false,
    }
}

/// A packet that gets to a chain, as far as the rules that lead there say what they want.
fn start(path: &[(Option<Hook>, &[Match])], own: Option<Hook>) -> Probe {
    let mut probe = Probe::default();
    let hook = own.or_else(|| path.first().and_then(|(hook, _)| *hook));
    if !matches!(hook, Some(Hook::Input | Hook::Prerouting)) {
        probe.output = Some("probe1".to_owned());
    }
    for found in path.iter().flat_map(|(_, matches)| matches.iter()) {
        if found.sense == Sense::Is {
            satisfy(&mut probe, &found.test);
        }
    }
    probe
}

/// The packet that a rule is about, and one just outside for each thing that it asks.
fn variants(start: &Probe, matches: &[Match]) -> Vec<Probe> {
    let mut inside = start.clone();
    for found in matches.iter().filter(|found| found.sense == Sense::Is) {
        satisfy(&mut inside, &found.test);
    }
    let mut probes = vec![inside.clone()];
    for found in matches {
        if found.sense == Sense::IsNot {
            let mut other = inside.clone();
            satisfy(&mut other, &found.test);
            probes.push(other);
        }
        probes.extend(outside(&inside, &found.test));
    }
    probes
}

/// Makes a packet such that a test holds, if that is a thing of packets.
fn satisfy(probe: &mut Probe, test: &Test) {
    match test {
        Test::Address(side, address) => {
            if let Some((first, _)) = bounds(address) {
                *address_of(probe, *side) = first;
            }
        }
        Test::AddressRange(side, span) => {
            if let IpAddr::V4(first) = span.first {
                *address_of(probe, *side) = first.into();
            }
        }
        Test::Interface(Direction::In, pattern) => probe.input = device(pattern),
        Test::Interface(Direction::Out, pattern) => probe.output = Some(device(pattern)),
        Test::Protocol(protocol) => probe.protocol = protocol.0,
        Test::Port(side, range) => *port_of(probe, *side) = range.first(),
        Test::Multiport(side, ranges) => {
            if let Some(range) = ranges.first() {
                *port_of(probe, side.unwrap_or(Side::Destination)) = range.first();
            }
        }
        Test::TcpFlags { set, .. } => probe.tcp_flags = set.bits(),
        Test::Icmp(icmp) => {
            probe.icmp = (icmp.kind.unwrap_or(8), icmp.codes.first);
        }
        Test::Ttl(_, ttl) => probe.ttl = (*ttl).max(2),
        Test::Dscp(value) => probe.tos = value << 2,
        _ => {}
    }
}

/// Packets for which a test just fails.
fn outside(inside: &Probe, test: &Test) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut change = |change: &dyn Fn(&mut Probe)| {
        let mut probe = inside.clone();
        change(&mut probe);
        probes.push(probe);
    };
    match test {
        Test::Address(side, address) => {
            let Some((first, last)) = bounds(address) else {
                return probes;
            };
            change(&|probe| *address_of(probe, *side) = last);
            change(&|probe| *address_of(probe, *side) = first.wrapping_sub(1));
            change(&|probe| *address_of(probe, *side) = last.wrapping_add(1));
        }
        Test::AddressRange(side, span) => {
            if let (IpAddr::V4(first), IpAddr::V4(last)) = (span.first, span.last) {
                change(&|probe| *address_of(probe, *side) = u32::from(last));
                change(&|probe| *address_of(probe, *side) = u32::from(first).wrapping_sub(1));
                change(&|probe| *address_of(probe, *side) = u32::from(last).wrapping_add(1));
            }
        }
        Test::Interface(Direction::In, _) => change(&|probe| probe.input = "probe0".to_owned()),
        Test::Interface(Direction::Out, _) => {
            change(&|probe| probe.output = Some("probe1".to_owned()));
        }
        Test::Protocol(_) => {
            change(&|probe| probe.protocol = if probe.protocol == 6 { 17 } else { 6 })
        }
        Test::Port(side, range) => {
            change(&|probe| *port_of(probe, *side) = range.last());
            change(&|probe| *port_of(probe, *side) = range.first().wrapping_sub(1));
            change(&|probe| *port_of(probe, *side) = range.last().wrapping_add(1));
        }
        Test::Multiport(side, ranges) => {
            let side = side.unwrap_or(Side::Destination);
            for range in ranges {
                change(&|probe| *port_of(probe, side) = range.last());
                change(&|probe| *port_of(probe, side) = range.last().wrapping_add(1));
            }
        }
        Test::TcpFlags { .. } => change(&|probe| probe.tcp_flags ^= 0x10),
        Test::Icmp(_) => change(&|probe| probe.icmp.0 ^= 5),
        Test::Ttl(..) => change(&|probe| probe.ttl += 1),
        Test::Dscp(_) => change(&|probe| probe.tos ^= 4),
        _ => {}
    }
    probes
}

fn address_of(probe: &mut Probe, side: Side) -> &mut u32 {
    match side {
        Side::Source => &mut probe.source,
        Side::Destination => &mut probe.destination,
    }
}

fn port_of(probe: &mut Probe, side: Side) -> &mut u16 {
    match side {
        Side::Source => &mut probe.source_port,
        Side::Destination => &mut probe.destination_port,
    }
}

/// The first and the last address, of IPv4 alone.
fn bounds(address: &Address) -> Option<(u32, u32)> {
    let Address::Prefix(prefix) = address else {
        return None;
    };
    let IpAddr::V4(network) = prefix.network() else {
        return None;
    };
    let host = u32::MAX
        .checked_shr(prefix.prefix_len().into())
        .unwrap_or(0);
    let first = u32::from(network);
    Some((first, first | host))
}

impl Probe {
    /// The bytes of the packet.
    pub(super) fn bytes(&self, identification: u16) -> Vec<u8> {
        let payload = self.payload();
        let length = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
        let mut header = vec![0x45, self.tos];
        header.extend(length.to_be_bytes());
        header.extend(identification.to_be_bytes());
        header.extend([0, 0, self.ttl, self.protocol, 0, 0]);
        header.extend(self.source.to_be_bytes());
        header.extend(self.destination.to_be_bytes());
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum);
        [header, payload].concat()
    }

    fn payload(&self) -> Vec<u8> {
        let [a, b] = self.source_port.to_be_bytes();
        let [c, d] = self.destination_port.to_be_bytes();
        let (mut payload, at) = match self.protocol {
            1 => (
                vec![self.icmp.0, self.icmp.1, 0, 0, a, b, 0, 1, 0, 0, 0, 0],
                Some(2),
            ),
            6 => {
                let mut header = vec![a, b, c, d, 0, 0, 0, 1, 0, 0, 0, 0];
                header.extend([0x50, self.tcp_flags, 0x20, 0, 0, 0, 0, 0]);
                (header, Some(16))
            }
            17 => (vec![a, b, c, d, 0, 12, 0, 0, 1, 2, 3, 4], Some(6)),
            _ => (vec![a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0], None),
        };
        if let Some(at) = at {
            let mut summed = Vec::new();
            if self.protocol != 1 {
                summed.extend(self.source.to_be_bytes());
                summed.extend(self.destination.to_be_bytes());
                summed.extend([0, self.protocol]);
                summed.extend(u16::try_from(payload.len()).unwrap_or(0).to_be_bytes());
            }
            summed.extend(&payload);
            payload[at..at + 2].copy_from_slice(&checksum(&summed));
        }
        payload
    }
}

/// The sum of RFC 1071.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}
