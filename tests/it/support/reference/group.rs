//! A rule of a security group, held against a packet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use margay::model::{Action, Direction, GroupName, GroupRule, Peer, Service, State};
use margay::net::{Family, Protocol};

use super::Facts;
use super::field::{Field, Read};

/// The addresses of the members of each group that exists.
#[derive(Debug, Clone)]
pub(super) struct Members<'a>(BTreeMap<&'a GroupName, BTreeSet<IpAddr>>);

impl<'a> Members<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        let members = |name| {
            let endpoints = state.endpoints.values();
            let members = endpoints.filter(move |endpoint| endpoint.groups().contains(name));
            members.flat_map(|endpoint| endpoint.addresses.iter().copied())
        };
        let names = state.groups.keys();
        Self(names.map(|name| (name, members(name).collect())).collect())
    }
}

/// All tests of a rule, which allows what matches.
pub(super) fn read(
    rule: &GroupRule,
    direction: Direction,
    packet: &Facts<'_>,
    members: &Members<'_>,
) -> Read {
    let mut read = Read::new(Action::Allow);
    let far = match direction {
        Direction::Ingress => packet.source,
        Direction::Egress => packet.destination,
    };
    read.test(Field::Family, rule.family == Family::of(packet.source));
    match &rule.peer {
        Peer::Cidr(cidr) => read.test(Field::Cidr, cidr.contains(far)),
        Peer::Group(group) => {
            let addresses = members.0.get(group);
            let is_member = addresses.is_some_and(|addresses| addresses.contains(&far));
            read.test(Field::Group, is_member);
        }
    }
    service(&mut read, rule, packet);
    read
}

/// The tests of a rule's service.
fn service(read: &mut Read, rule: &GroupRule, packet: &Facts<'_>) {
    match rule.service {
        Service::Any => {}
        Service::Protocol(protocol) => read.test(Field::Protocol, packet.protocol == protocol),
        Service::Ports(protocol, ports) => {
            let inside = packet.ports.is_some_and(|(_, to)| ports.contains(to));
            read.test(Field::Protocol, packet.protocol == protocol);
            read.test(Field::Ports, inside);
        }
        Service::Icmp(kind, code) => {
            let protocol = match rule.family {
                Family::V4 => Protocol::ICMP,
                Family::V6 => Protocol::ICMPV6,
            };
            let is_kind = packet.icmp.is_some_and(|(seen, _)| seen == kind);
            read.test(Field::Protocol, packet.protocol == protocol);
            read.test(Field::IcmpType, is_kind);
            if let Some(code) = code {
                let is_code = packet.icmp.is_some_and(|(_, seen)| seen == code);
                read.test(Field::IcmpCode, is_code);
            }
        }
    }
}
