//! Simple rules: those that compare nothing but the peer's address and the service, which sets can hold.

use super::selection::Selection;
use crate::model::{Direction, EntityMatch, PortMatch, Rule, Service};
use crate::net::{Cidr, PortRange, Protocol};

/// A rule as boxes over peer and service.
#[derive(Debug)]
pub(super) struct Simple<'r> {
    /// Whom it is about.
    pub(super) peers: Peers<'r>,
    /// What it is about.
    pub(super) services: Vec<Service>,
}

/// The other end of a simple rule.
#[derive(Debug)]
pub(super) enum Peers<'r> {
    /// Everybody.
    Any,
    /// Addresses in one of the prefixes.
    Nets(&'r [Cidr]),
    /// Whatever a selector means.
    Selected(Selection),
}

/// The rule as boxes, if it is so simple.
pub(super) fn simple(rule: &Rule, direction: Direction) -> Option<Simple<'_>> {
    let (peer, own) = match direction {
        Direction::Ingress => (&rule.source, &rule.destination),
        Direction::Egress => (&rule.destination, &rule.source),
    };
    let is_positive = rule.not_protocol.is_none() && rule.not_icmp.is_none();
    let has_ports_only = own.nets.is_empty() && own.selector.is_none();
    if !is_positive || !has_ports_only || !says_no_not(peer) || !says_no_not(own) {
        return None;
    }
    if !rule.source.ports.is_empty() {
        return None;
    }
    Some(Simple {
        peers: peers(peer)?,
        services: services(rule)?,
    })
}

fn says_no_not(end: &EntityMatch) -> bool {
    end.not_nets.is_empty() && end.not_ports.is_empty() && end.not_selector.is_none()
}

fn peers(peer: &EntityMatch) -> Option<Peers<'_>> {
    match (peer.nets.as_slice(), &peer.selector) {
        ([], None) => Some(Peers::Any),
        (nets, None) => Some(Peers::Nets(nets)),
        ([], Some(selector)) => Some(Peers::Selected(Selection::Labels(selector.clone()))),
        (_, Some(_)) => None,
    }
}

fn services(rule: &Rule) -> Option<Vec<Service>> {
    let ports: Option<Vec<PortRange>> = rule
        .destination
        .ports
        .iter()
        .map(|port| match port {
            PortMatch::Range(range) => Some(*range),
            PortMatch::Named(_) => None,
        })
        .collect();
    let ports = ports?;
    Some(match (rule.protocol, rule.icmp, ports.as_slice()) {
        (None, None, []) => vec![Service::Any],
        (Some(protocol), None, []) => vec![Service::Protocol(protocol)],
        (Some(protocol), None, ports) if protocol.has_ports() => {
            let service = |range: &PortRange| Service::Ports(protocol, *range);
            ports.iter().map(service).collect()
        }
        (Some(Protocol::ICMP | Protocol::ICMPV6), Some(icmp), []) => {
            vec![Service::Icmp(icmp.kind, icmp.code)]
        }
        _ => return None,
    })
}
