//! Rules that use every field, each of them often enough to matter.

use std::net::IpAddr;

use super::super::world::{self, NUMBERS, icmp_kinds};
use super::{PORT_NAMES, PORTS, Random, label};
use crate::model::scope::EntityScope;
use crate::model::{
    Action, Direction, EntityMatch, IcmpMatch, LabelKey, Namespace, PortMatch, Rule, Selector,
    Subject,
};
use crate::net::{Family, PortRange, Protocol};

/// Which end of a packet a rule of an endpoint looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Peer,
    Own,
}

/// The rules of one direction: of a policy in a namespace or in none, or of a profile.
pub(super) fn rules(
    random: &mut Random,
    direction: Direction,
    policy: Option<Option<&Namespace>>,
    known: &[IpAddr],
) -> Vec<Rule> {
    // Seldom a long list of what one verdict map can hold.
    if random.percent(8) {
        let count = 5 + random.below(5);
        return (0..count)
            .map(|_| as_box(rule(random, direction, policy, known), direction))
            .collect();
    }
    let count = 1 + random.below(5);
    (0..count)
        .map(|_| rule(random, direction, policy, known))
        .collect()
}

/// What a rule says of the peer's prefixes and the service, and no more.
fn as_box(rule: Rule, direction: Direction) -> Rule {
    let mut simple = Rule::of_all(match rule.action {
        Action::Allow | Action::Log => Action::Allow,
        Action::Deny => Action::Deny,
        Action::Pass => Action::Pass,
    });
    (simple.protocol, simple.icmp, simple.family) = (rule.protocol, rule.icmp, rule.family);
    let ports = rule.destination.ports.into_iter();
    let ports = ports.filter(|port| matches!(port, PortMatch::Range(_)));
    simple.destination.ports = ports.collect();
    match direction {
        Direction::Ingress => simple.source.nets = rule.source.nets,
        Direction::Egress => simple.destination.nets = rule.destination.nets,
    }
    simple
}

fn rule(
    random: &mut Random,
    direction: Direction,
    policy: Option<Option<&Namespace>>,
    known: &[IpAddr],
) -> Rule {
    let mut rule = Rule::of_all(action(random));
    let family = *random.pick(&Family::ALL);
    protocol(random, &mut rule, family);
    if random.percent(18) {
        rule.family = Some(family);
    }
    let end = |random: &mut Random, who| {
        let mut end = addresses(random, who, family, known);
        selectors(random, who, policy.flatten(), &mut end);
        end
    };
    let (peer, own) = (end(random, Who::Peer), end(random, Who::Own));
    (rule.source, rule.destination) = match direction {
        Direction::Ingress => (peer, own),
        Direction::Egress => (own, peer),
    };
    ports(random, &mut rule);
    rule
}

fn action(random: &mut Random) -> Action {
    match random.below(20) {
        0..10 => Action::Allow,
        10..14 => Action::Deny,
        14..19 => Action::Pass,
        _ => Action::Log,
    }
}

fn protocol(random: &mut Random, rule: &mut Rule, family: Family) {
    let with_ports = [Protocol::TCP, Protocol::UDP, Protocol::TCP, Protocol::SCTP];
    let icmp = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    match random.below(20) {
        0..9 => rule.protocol = Some(*random.pick(&with_ports)),
        9..16 => {
            rule.protocol = Some(icmp);
            messages(random, rule, family);
        }
        16 => {
            let others = [Protocol::UDPLITE, Protocol(NUMBERS[0])];
            rule.protocol = Some(*random.pick(&others));
        }
        17 => {
            let all = [Protocol::TCP, Protocol::UDP, icmp, Protocol(NUMBERS[0])];
            rule.not_protocol = Some(*random.pick(&all));
        }
        _ => {}
    }
}

fn messages(random: &mut Random, rule: &mut Rule, family: Family) {
    let mut message = |coded| IcmpMatch {
        kind: *random.pick(icmp_kinds(family)),
        code: Some(random.byte() % 2).filter(|_| coded),
    };
    let (plain, coded) = (message(false), message(true));
    match random.below(20) {
        0 | 1 => rule.icmp = Some(plain),
        2..9 => rule.icmp = Some(coded),
        9..14 => rule.not_icmp = Some(plain),
        _ => rule.not_icmp = Some(coded),
    }
}

/// Prefixes that an end must be in, or must not.
fn addresses(random: &mut Random, who: Who, family: Family, known: &[IpAddr]) -> EntityMatch {
    let mut list = || {
        let count = 1 + random.below(3);
        let one = |random: &mut Random| {
            let family = match random.percent(3) {
                true => *random.pick(&Family::ALL),
                false => family,
            };
            world::cidr(random, family, known)
        };
        (0..count).map(|_| one(random)).collect::<Vec<_>>()
    };
    let (nets, not_nets) = (list(), list());
    let mut end = EntityMatch::default();
    let (some, none) = match who {
        Who::Peer => (18, 16),
        Who::Own => (9, 9),
    };
    if random.percent(some) {
        end.nets = nets;
    }
    if random.percent(none) {
        end.not_nets = not_nets;
    }
    end
}

/// What an end must be, or must not, as a document would say it.
fn selectors(random: &mut Random, who: Who, namespace: Option<&Namespace>, end: &mut EntityMatch) {
    let chances = match who {
        Who::Peer => [14, 19, 7, 6],
        Who::Own => [8, 9, 2, 2],
    };
    let [selector, not_selector, namespaces, accounts] =
        chances.map(|chance| random.percent(chance));
    let mut some = |subject, chosen: bool| label::selector(random, subject).filter(|_| chosen);
    let scope = EntityScope {
        selector: some(Subject::Endpoints, selector),
        not_selector: some(Subject::Endpoints, not_selector),
        namespaces: some(Subject::Namespaces, namespaces),
        service_accounts: some(Subject::ServiceAccounts, accounts),
    };
    let effective = scope.effective(namespace);
    (end.selector, end.not_selector) = (effective.selector, effective.not_selector);
    if end.selector.is_none() && random.percent(2) {
        let sa = "sa".parse().into_iter();
        end.selector = Some(Selector::one_of(LabelKey::of_service_account(), sa));
    }
}

fn ports(random: &mut Random, rule: &mut Rule) {
    let has_ports = matches!(
        rule.protocol,
        Some(Protocol::TCP | Protocol::UDP | Protocol::SCTP)
    );
    for end in [&mut rule.source, &mut rule.destination] {
        match rule.protocol {
            Some(_) if !has_ports => {}
            Some(_) => match random.below(17) {
                0..4 => end.ports = list(random, range),
                4..7 => end.ports = list(random, named),
                7 => end.ports = [list(random, range), list(random, named)].concat(),
                8..13 => end.not_ports = list(random, range),
                13..16 => end.not_ports = list(random, named),
                _ => {}
            },
            // Without a protocol there are no numbers.
            None => match random.below(12) {
                0 => end.ports = list(random, named),
                1 => end.not_ports = list(random, named),
                _ => {}
            },
        }
    }
}

fn list(random: &mut Random, one: fn(&mut Random) -> Option<PortMatch>) -> Vec<PortMatch> {
    let count = 1 + random.below(2);
    (0..count).filter_map(|_| one(random)).collect()
}

/// Single ports, ranges that overlap and ranges to either end.
fn range(random: &mut Random) -> Option<PortMatch> {
    let (a, b) = (*random.pick(&PORTS), *random.pick(&PORTS));
    let range = match random.below(10) {
        0..4 => PortRange::new(a, a),
        4..6 => PortRange::new(a.min(b), a.max(b)),
        6 => PortRange::new(0, a),
        _ => PortRange::new(a, *random.pick(&[1023, 40_000, u16::MAX])),
    };
    range.map(PortMatch::Range)
}

fn named(random: &mut Random) -> Option<PortMatch> {
    random.pick(&PORT_NAMES).parse().ok().map(PortMatch::Named)
}
