//! Rules held against a packet by what they say, without a ruleset.

use std::net::IpAddr;

use crate::model::{
    Action, Direction, Endpoint, EntityMatch, GroupRule, GroupRules, Peer, PortMatch, Rule,
    Selector, Service, State,
};
use crate::net::{Family, Protocol};
use crate::ruleset::packet::{Packet, Transport};

/// The rules of a group that allow a packet, with their positions.
pub(super) fn allowing<'s>(
    state: &State,
    rules: &'s GroupRules,
    direction: Direction,
    packet: &Packet,
) -> Vec<(usize, &'s GroupRule)> {
    let allows = |(_, rule): &(usize, &GroupRule)| allows(state, rule, direction, packet);
    rules.iter().enumerate().filter(allows).collect()
}

/// The first rule that decides about a packet, with its position.
pub(super) fn deciding<'s>(
    state: &State,
    rules: &'s [Rule],
    packet: &Packet,
) -> Option<(usize, &'s Rule)> {
    let decides =
        |(_, rule): &(usize, &Rule)| rule.action != Action::Log && matches(state, rule, packet);
    rules.iter().enumerate().find(decides)
}

fn allows(state: &State, rule: &GroupRule, direction: Direction, packet: &Packet) -> bool {
    let remote = match direction {
        Direction::Ingress => packet.source,
        Direction::Egress => packet.destination,
    };
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => cidr.contains(remote),
        Peer::Group(name) => {
            let member = |e: &Endpoint| e.groups().contains(name) && e.addresses.contains(&remote);
            state.groups.contains_key(name) && state.endpoints.values().any(member)
        }
    };
    peer && rule.family == packet.family() && serves(rule.service, packet)
}

fn serves(service: Service, packet: &Packet) -> bool {
    match (service, packet.transport) {
        (Service::Any, _) => true,
        (Service::Protocol(protocol), _) => packet.protocol == protocol,
        (Service::Ports(protocol, ports), Transport::Ports { destination, .. }) => {
            packet.protocol == protocol && ports.contains(destination)
        }
        (Service::Icmp(of, only), Transport::Icmp { kind, code }) => {
            is_own_icmp(packet) && of == kind && only.is_none_or(|only| only == code)
        }
        (Service::Ports(..) | Service::Icmp(..), _) => false,
    }
}

fn is_own_icmp(packet: &Packet) -> bool {
    packet.protocol
        == match packet.family() {
            Family::V4 => Protocol::ICMP,
            Family::V6 => Protocol::ICMPV6,
        }
}

/// Whether a packet ends before the ports or the message that its protocol has. No test of those
/// holds then, not even that they are others.
fn is_cut(packet: &Packet) -> bool {
    let is_other = packet.transport == Transport::Other;
    is_other && (packet.protocol.has_ports() || is_own_icmp(packet))
}

/// Whether a packet matches every part of a rule.
fn matches(state: &State, rule: &Rule, packet: &Packet) -> bool {
    let (source, destination) = match packet.transport {
        Transport::Ports {
            source,
            destination,
        } => (Some(source), Some(destination)),
        Transport::Icmp { .. } | Transport::Other => (None, None),
    };
    let icmp = |of: crate::model::IcmpMatch| match packet.transport {
        Transport::Icmp { kind, code } => is_own_icmp(packet) && of.matches(kind, code),
        Transport::Ports { .. } | Transport::Other => false,
    };
    let is_cut = is_cut(packet);
    let not_ports = |end: &EntityMatch| is_cut && !end.not_ports.is_empty();
    rule.speaks_of(packet.family())
        && rule
            .protocol
            .is_none_or(|protocol| protocol == packet.protocol)
        && rule
            .not_protocol
            .is_none_or(|protocol| protocol != packet.protocol)
        && rule.icmp.is_none_or(icmp)
        && rule.not_icmp.is_none_or(|of| !is_cut && !icmp(of))
        && !not_ports(&rule.source)
        && !not_ports(&rule.destination)
        && end(state, &rule.source, packet.source, source, packet.protocol)
        && end(
            state,
            &rule.destination,
            packet.destination,
            destination,
            packet.protocol,
        )
}

fn end(
    state: &State,
    end: &EntityMatch,
    address: IpAddr,
    port: Option<u16>,
    protocol: Protocol,
) -> bool {
    let family = Family::of(address);
    let within = |nets: &[crate::net::Cidr]| {
        let mut own = nets.iter().filter(|net| net.family() == family);
        own.any(|net| net.contains(address))
    };
    let is_port = |one: &PortMatch, selector: Option<&Selector>| match one {
        PortMatch::Range(range) => port.is_some_and(|port| range.contains(port)),
        PortMatch::Named(name) => state.endpoints.values().any(|endpoint| {
            let named = endpoint.labelled().is_some_and(|labelled| {
                labelled.ports.iter().any(|held| {
                    held.name == *name && held.protocol == protocol && Some(held.port) == port
                })
            });
            named && endpoint.addresses.contains(&address) && selected(state, endpoint, selector)
        }),
    };
    let selector = end.selector.as_ref();
    let ports_match = end.ports.is_empty() || end.ports.iter().any(|one| is_port(one, selector));
    (end.nets.is_empty() || within(&end.nets))
        && !within(&end.not_nets)
        && selector.is_none_or(|selector| is_meant(state, selector, address))
        && end
            .not_selector
            .as_ref()
            .is_none_or(|not| !is_meant(state, not, address))
        && ports_match
        && !end.not_ports.iter().any(|one| is_port(one, selector))
}

fn selected(state: &State, endpoint: &Endpoint, selector: Option<&Selector>) -> bool {
    let labels = state.labels_of(endpoint);
    labels.is_some_and(|labels| selector.is_none_or(|selector| selector.matches(&labels)))
}

/// Whether an address is one of something that a selector means.
fn is_meant(state: &State, selector: &Selector, address: IpAddr) -> bool {
    let endpoints = state.endpoints.values();
    let mut endpoints = endpoints.filter(|endpoint| endpoint.addresses.contains(&address));
    let sets = state.network_sets.values();
    let mut sets = sets.filter(|set| set.nets.iter().any(|net| net.contains(address)));
    endpoints.any(|endpoint| selected(state, endpoint, Some(selector)))
        || sets.any(|set| selector.matches(&state.labels_of_set(set)))
}
