//! Packets aimed at a rule of an endpoint: all of it, or all but one part.

use std::net::IpAddr;

use super::super::place;
use super::super::traffic::{edges, route};
use super::super::world::{NUMBERS, icmp_kinds};
use super::super::{Packet, Probe, Random, Transport, World};
use super::PORTS;
use crate::model::{
    Direction, Endpoint, EntityMatch, Labelled, PortMatch, PortName, Rule, Selector, State,
};
use crate::net::{Cidr, Family, Protocol};

/// The part of a rule that a packet is to miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missed {
    Nothing,
    Transport,
    SourceAddress,
    DestinationAddress,
    SourcePort,
    DestinationPort,
}

/// Ports, which only some rules have, twice as often as the rest.
const PARTS: [Missed; 7] = [
    Missed::Transport,
    Missed::SourceAddress,
    Missed::DestinationAddress,
    Missed::SourcePort,
    Missed::SourcePort,
    Missed::DestinationPort,
    Missed::DestinationPort,
];

/// A packet that a rule of an endpoint matches, or one that it just does not.
pub(in crate::scenario) fn beside_a_rule(
    random: &mut Random,
    world: &World,
    endpoint: &Endpoint,
    direction: Direction,
) -> Option<Probe> {
    let rules = rules(&world.state, endpoint, endpoint.labelled()?, direction);
    if rules.is_empty() {
        return None;
    }
    let rare: Vec<&Rule> = rules.iter().copied().filter(|rule| is_rare(rule)).collect();
    let rule = match !rare.is_empty() && random.percent(80) {
        true => *random.pick(&rare),
        false => *random.pick(&rules),
    };
    let family = family(random, rule);
    let missed = match random.percent(50) {
        true => Missed::Nothing,
        false => *random.pick(&PARTS),
    };
    let own = |address: &IpAddr| endpoint.addresses.contains(address);
    let mut known = world.addresses();
    known.extend(corners(random, rule, &known));
    known.retain(|address| Family::of(*address) == family && place::is_routable(*address));
    let mut address = |end: &EntityMatch, part, is_own: bool| {
        let all = known.iter().copied().filter(|a| !is_own || own(a));
        let wanted = usize::from(missed == part);
        choice(random, all.collect(), wanted, |a| {
            misses(&world.state, end, *a)
        })
    };
    let source = address(
        &rule.source,
        Missed::SourceAddress,
        direction == Direction::Egress,
    )?;
    let destination = address(
        &rule.destination,
        Missed::DestinationAddress,
        direction == Direction::Ingress,
    )?;
    let packet = Packet {
        source,
        destination,
        transport: transport(random, &world.state, rule, (source, destination), missed),
    };
    route(random, packet)
}

/// Whether a rule has a part that few rules have, so that it must be aimed at to matter.
fn is_rare(rule: &Rule) -> bool {
    let mut ends = [&rule.source, &rule.destination].into_iter();
    let is_named = |port: &PortMatch| matches!(port, PortMatch::Named(_));
    let is_coded = rule.icmp.is_some_and(|icmp| icmp.code.is_some());
    is_coded
        || !rule.source.ports.is_empty()
        || rule.destination.ports.iter().any(is_named)
        || rule.not_icmp.is_some()
        || ends.any(|end| !end.not_ports.is_empty() || end.not_selector.is_some())
}

/// The rules that an endpoint's packets can meet.
fn rules<'s>(
    state: &'s State,
    endpoint: &'s Endpoint,
    labelled: &'s Labelled,
    direction: Direction,
) -> Vec<&'s Rule> {
    let applies = |selector: &Selector| {
        let labels = state.labels_of(endpoint);
        labels.is_some_and(|labels| selector.matches(&labels))
    };
    let policies = state.policies.values();
    let policies = policies.filter(|p| p.decides(direction) && applies(&p.selector));
    let of_policies = policies.flat_map(|policy| policy.rules(direction));
    let profiles = labelled.profiles.iter();
    let profiles = profiles.filter_map(|name| state.profiles.get(name));
    let of_profiles = profiles.flat_map(|profile| profile.rules(direction));
    let of_policies: Vec<&Rule> = of_policies.collect();
    match of_policies.is_empty() {
        true => of_profiles.collect(),
        false => of_policies.into_iter().chain(of_profiles).collect(),
    }
}

/// A family that the rule speaks of, seldom another.
fn family(random: &mut Random, rule: &Rule) -> Family {
    let spoken: Vec<Family> = Family::ALL
        .into_iter()
        .filter(|family| rule.speaks_of(*family))
        .collect();
    match spoken.is_empty() || random.percent(12) {
        true => *random.pick(&Family::ALL),
        false => *random.pick(&spoken),
    }
}

/// The ends of a rule's prefixes, and what lies next to them.
fn corners(random: &mut Random, rule: &Rule, known: &[IpAddr]) -> Vec<IpAddr> {
    let ends = [&rule.source, &rule.destination];
    let nets = ends.map(|end| end.nets.iter().chain(&end.not_nets));
    nets.into_iter()
        .flatten()
        .flat_map(|net| edges(random, net, known))
        .collect()
}

/// One of those that miss so many parts, if there are any, or else any.
fn choice<T: Clone>(
    random: &mut Random,
    all: Vec<T>,
    wanted: usize,
    misses: impl Fn(&T) -> usize,
) -> Option<T> {
    let fit: Vec<&T> = all.iter().filter(|one| misses(one) == wanted).collect();
    match (fit.is_empty(), all.is_empty()) {
        (false, _) => Some((*random.pick(&fit)).clone()),
        (true, false) => Some(random.pick(&all).clone()),
        (true, true) => None,
    }
}

/// How many parts an address misses of what an end says of addresses.
fn misses(state: &State, end: &EntityMatch, address: IpAddr) -> usize {
    let within = |nets: &[Cidr]| nets.iter().any(|net| net.contains(address));
    let parts = [
        end.nets.is_empty() || within(&end.nets),
        !within(&end.not_nets),
        end.selector
            .as_ref()
            .is_none_or(|s| is_meant(state, s, address)),
        !end.not_selector
            .as_ref()
            .is_some_and(|s| is_meant(state, s, address)),
    ];
    parts.iter().filter(|holds| !**holds).count()
}

fn is_meant(state: &State, selector: &Selector, address: IpAddr) -> bool {
    let mut endpoints = state.endpoints.values();
    let mut sets = state.network_sets.values();
    endpoints.any(|endpoint| {
        let labels = state.labels_of(endpoint);
        endpoint.addresses.contains(&address)
            && labels.is_some_and(|labels| selector.matches(&labels))
    }) || sets.any(|set| {
        set.nets.iter().any(|net| net.contains(address))
            && selector.matches(&state.labels_of_set(set))
    })
}

fn transport(
    random: &mut Random,
    state: &State,
    rule: &Rule,
    (source, destination): (IpAddr, IpAddr),
    missed: Missed,
) -> Transport {
    let family = Family::of(source);
    let protocol = protocol(random, rule, missed);
    if protocol.is_icmp() {
        return message(random, rule, family, missed);
    }
    if !protocol.has_ports() {
        return Transport::Other(protocol);
    }
    if random.percent(3) {
        return Transport::Cut(protocol);
    }
    let mut port = |end: &EntityMatch, address, part, common: u16| {
        if end.ports.is_empty() && end.not_ports.is_empty() {
            return common;
        }
        let wanted = usize::from(missed == part);
        let misses = |port: &u16| port_misses(state, end, address, (protocol, *port));
        choice(random, ports(end), wanted, misses).unwrap_or(common)
    };
    let from = port(&rule.source, source, Missed::SourcePort, u16::MAX);
    let to = port(&rule.destination, destination, Missed::DestinationPort, 0);
    Transport::Ports {
        protocol,
        source: from,
        destination: match to {
            0 => *random.pick(&PORTS),
            port => port,
        },
    }
}

/// The rule's protocol, or another.
fn protocol(random: &mut Random, rule: &Rule, missed: Missed) -> Protocol {
    let all = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::SCTP,
        Protocol::ICMP,
        Protocol::UDPLITE,
        Protocol(NUMBERS[0]),
    ];
    let misses = |protocol: &Protocol| {
        let is = |one: Protocol| one == *protocol || (one.is_icmp() && protocol.is_icmp());
        usize::from(rule.protocol.is_some_and(|one| !is(one)))
            + usize::from(rule.not_protocol.is_some_and(is))
    };
    let has_messages = rule.icmp.is_some() || rule.not_icmp.is_some();
    // Messages are what such a rule is missed by.
    let wanted = usize::from(missed == Missed::Transport && !has_messages);
    choice(random, all.to_vec(), wanted, misses).unwrap_or(Protocol::TCP)
}

fn message(random: &mut Random, rule: &Rule, family: Family, missed: Missed) -> Transport {
    let kinds = icmp_kinds(family).iter();
    let all = kinds.flat_map(|kind| (0..3).map(move |code| (*kind, code)));
    let misses = |&(kind, code): &(u8, u8)| {
        let of_icmp = rule.icmp.map_or(0, |icmp| {
            let coded = icmp.code.is_some_and(|only| only != code);
            usize::from(icmp.kind != kind) + usize::from(coded)
        });
        of_icmp + usize::from(rule.not_icmp.is_some_and(|icmp| icmp.matches(kind, code)))
    };
    let wanted = usize::from(missed == Missed::Transport);
    let (kind, code) = choice(random, all.collect(), wanted, misses).unwrap_or((8, 0));
    Transport::Icmp { kind, code }
}

/// Ports on and beside the edges of what an end says, those with names, and any.
fn ports(end: &EntityMatch) -> Vec<u16> {
    let mut all: Vec<u16> = PORTS.into_iter().chain([u16::MAX]).collect();
    for port in end.ports.iter().chain(&end.not_ports) {
        if let PortMatch::Range(range) = port {
            let (first, last) = (range.first(), range.last());
            all.extend([first.wrapping_sub(1), first, last, last.wrapping_add(1)]);
        }
    }
    all
}

fn port_misses(
    state: &State,
    end: &EntityMatch,
    address: IpAddr,
    (protocol, port): (Protocol, u16),
) -> usize {
    let is_called = |endpoint: &Endpoint, name: &PortName| {
        endpoint.addresses.contains(&address)
            && endpoint.labelled().is_some_and(|labelled| {
                let mut ports = labelled.ports.iter();
                ports.any(|p| p.name == *name && p.protocol == protocol && p.port == port)
            })
    };
    let is_one = |ports: &[PortMatch]| {
        ports.iter().any(|one| match one {
            PortMatch::Range(range) => range.contains(port),
            PortMatch::Named(name) => state.endpoints.values().any(|e| is_called(e, name)),
        })
    };
    usize::from(!end.ports.is_empty() && !is_one(&end.ports)) + usize::from(is_one(&end.not_ports))
}
