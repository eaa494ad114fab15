//! From what happened to a packet back to what operators wrote.

use std::collections::BTreeMap;

use super::policy;
use crate::model::{Direction, Endpoint, GroupRule, Peer, SecurityGroup, Service, State};
use crate::net::{Family, Protocol};
use crate::ruleset::Verdict;
use crate::ruleset::packet::{Packet, Transport};
use crate::ruleset::trace::{Outcome, Trace};

/// A policy that a packet came to, and what it said.
#[derive(Debug, Clone)]
pub struct Asked<'s> {
    /// The group whose policy it is.
    pub group: &'s SecurityGroup,
    /// Which of its two policies.
    pub direction: Direction,
    /// Whether it allowed the packet.
    pub answer: Answer,
    /// The rules that allow the packet, by their position from 0, in the order of the document.
    pub rules: Vec<(usize, &'s GroupRule)>,
}

/// What a policy says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It allows it: the packet goes on.
    Allowed,
    /// None of its rules allows it.
    Silent,
}

/// The policies that a traced packet came to, in order.
pub fn asked<'s>(state: &'s State, packet: &Packet, trace: &Trace) -> Vec<Asked<'s>> {
    let owners = owners(state);
    let mut asked: Vec<Asked<'s>> = Vec::new();
    for step in &trace.steps {
        let Some(&(group, direction)) = owners.get(step.chain.logical()) else {
            continue;
        };
        let same = |a: &&mut Asked<'_>| a.group.name == group.name && a.direction == direction;
        if asked.last_mut().filter(same).is_none() {
            asked.push(Asked {
                group,
                direction,
                answer: Answer::Silent,
                rules: Vec::new(),
            });
        }
        let leaves = matches!(&step.outcome, Outcome::Verdict(Verdict::Goto(target))
            if !owners.contains_key(target.logical()));
        if let Some(last) = asked.last_mut().filter(|_| leaves) {
            last.answer = Answer::Allowed;
            last.rules = allowing(state, group.rules(direction), direction, packet);
        }
    }
    asked
}

/// Whose policy a chain is.
fn owners(state: &State) -> BTreeMap<String, (&SecurityGroup, Direction)> {
    let mut owners = BTreeMap::new();
    for group in state.groups.values() {
        for direction in Direction::ALL {
            for name in policy::chains(&group.name, direction) {
                owners.insert(name.as_str().to_owned(), (group, direction));
            }
        }
    }
    owners
}

/// The rules that allow a packet, with their positions.
pub fn allowing<'s>(
    state: &State,
    rules: &'s [GroupRule],
    direction: Direction,
    packet: &Packet,
) -> Vec<(usize, &'s GroupRule)> {
    let allows = |(_, rule): &(usize, &GroupRule)| allows(state, rule, direction, packet);
    rules.iter().enumerate().filter(allows).collect()
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
            let own = match packet.family() {
                Family::V4 => Protocol::ICMP,
                Family::V6 => Protocol::ICMPV6,
            };
            packet.protocol == own && of == kind && only.is_none_or(|only| only == code)
        }
        (Service::Ports(..) | Service::Icmp(..), _) => false,
    }
}
