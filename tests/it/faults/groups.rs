//! Faults of what security groups become.

use margay::net::Protocol;
use margay::ruleset::{CtKey, CtState, ElementData, MetaKey, PayloadField};

use super::*;
use crate::property::PACKETS;

const FAULTS: [Spoiling<Table>; 25] = [
    ("the last rule of every policy is lost", |t| {
        rules(t, "policy/", "").for_each(|rules| drop(rules.pop()));
    }),
    ("the first element of every policy set is lost", |t| {
        sets(t, "policy/").for_each(|set| drop(set.elements.pop_first()));
    }),
    ("ingress and egress change places", |t| {
        let from = std::mem::take(&mut set(t, "from").elements);
        let to = std::mem::replace(&mut set(t, "to").elements, from);
        set(t, "from").elements = to;
    }),
    ("IPv6 members are left out", |t| {
        sets(t, "group/")
            .filter(|s| s.key == [Datatype::Ipv6Addr])
            .for_each(|s| s.elements.clear());
    }),
    ("IPv6 rules are left out", |t| {
        rules(t, "policy/", "").for_each(|rules| rules.retain(|rule| !leads_to(rule, "/v6")));
    }),
    ("a member is missing", |t| {
        sets(t, "group/").for_each(|set| drop(set.elements.pop_first()));
    }),
    ("members of one group are members of all", |t| {
        let all: Vec<Set> = sets(t, "group/").map(|set| set.clone()).collect();
        for set in sets(t, "group/") {
            let alike = all.iter().filter(|other| other.key == set.key);
            set.elements
                .extend(alike.flat_map(|other| other.elements.clone()));
        }
    }),
    ("port ranges end one late", |t| {
        last_field(t, Datatype::InetService, |a, b| (a, stepped(&b)))
    }),
    ("port ranges begin one late", |t| {
        last_field(t, Datatype::InetService, |a, b| (stepped(&a), b))
    }),
    ("ICMP codes are ignored", |t| {
        for code in [Datatype::IcmpCode, Datatype::Icmpv6Code] {
            last_field(t, code, |_, _| {
                (Bytes::from_slice(&[0]), Bytes::from_slice(&[255]))
            });
        }
    }),
    ("prefixes end one late", |t| {
        for set in sets(t, "policy/").filter(|s| is_prefixes(s)) {
            rekey(set, |key| Key::range(&key.start, &stepped(key.last())));
        }
    }),
    ("TCP ports are matched for every protocol", |t| {
        for rule in rules(t, "policy/", "").flatten() {
            for statement in &mut rule.statements {
                if let Statement::Match(Match { left, .. }) = statement
                    && left == &[Expression::Payload(PayloadField::TcpDport)]
                {
                    *left = vec![Expression::Payload(PayloadField::ThDport)];
                }
            }
        }
    }),
    ("the source is not checked", |t| {
        rules(t, "prerouting", "")
            .for_each(|rules| rules.retain(|rule| !looks_up(rule, "endpoints")));
    }),
    ("the MAC is not checked", |t| {
        for (mac, plain) in [("source-mac4", "source-ip4"), ("source-mac6", "source-ip6")] {
            let keys: Vec<Key> = set(t, mac).elements.keys().cloned().collect();
            let cut = |key: &Key| Key::value(&key.start[..key.start.len() - 8]);
            keys.iter().for_each(|key| set(t, plain).insert(cut(key)));
        }
        let senders: Vec<Key> = set(t, "source-macs").elements.keys().cloned().collect();
        let cut = |key: &Key| Key::value(&key.start[..key.start.len() - 8]);
        senders
            .iter()
            .for_each(|key| set(t, "source-any-mac").insert(cut(key)));
    }),
    ("every source without an address may send", |t| {
        last_verdict(t, "source-unassigned", NftVerdict::Accept);
    }),
    (
        "established is accepted before the interface is known",
        |t| {
            let established = equal(
                Expression::Ct(CtKey::State),
                &CtState::ESTABLISHED.bits().to_ne_bytes(),
            );
            let rule = Rule::new(vec![established, goto("allowed")]);
            rules(t, "forward", "").for_each(|rules| rules.insert(0, rule.clone()));
        },
    ),
    ("unknown workload interfaces may send and receive", |t| {
        for chain in [
            "prerouting",
            "input",
            "forward",
            "known",
            "from-known",
            "invalid",
            "destination",
        ] {
            rules(t, chain, "").for_each(|rules| rules.retain(|rule| !looks_up(rule, "workloads")));
        }
    }),
    ("invalid packets are left to policy", |t| {
        let jump = Statement::Verdict(NftVerdict::Jump(name("invalid")));
        for chain in ["forward", "to-host"] {
            let asks = |rule: &Rule| rule.statements.last() == Some(&jump);
            rules(t, chain, "").for_each(|rules| rules.retain(|rule| !asks(rule)));
        }
    }),
    ("one endpoint has another's policy", |t| {
        for map in ["from", "to"] {
            let elements = &mut set(t, map).elements;
            let mut data: Vec<ElementData> = elements.values().map(|e| e.data.clone()).collect();
            let by = data.len().min(1);
            data.rotate_left(by);
            elements
                .values_mut()
                .zip(data)
                .for_each(|(element, data)| element.data = data);
        }
    }),
    ("the last group of a bundle is forgotten", |t| {
        rules(t, "bundle/", "").for_each(|rules| drop(rules.pop()));
    }),
    ("the destination's policy is not asked", |t| {
        rules(t, "destination", "")
            .for_each(|rules| rules.retain(|rule| !looks_up(rule, "endpoints")));
    }),
    ("an endpoint without policy receives everything", |t| {
        last_verdict(t, "to-endpoint", NftVerdict::Accept);
    }),
    ("every UDP port of the host is a basic service", |t| {
        let udp = equal(Expression::Meta(MetaKey::L4proto), &[Protocol::UDP.0]);
        let rule = Rule::new(vec![udp, goto("allowed")]);
        rules(t, "to-host", "").for_each(|rules| rules.insert(1, rule.clone()));
    }),
    ("metadata is at every port", |t| {
        for name in ["metadata4", "metadata6"] {
            let set = set(t, name);
            set.flags |= SetFlags::INTERVAL;
            rekey(set, |key| {
                let at = key.start.len() - 4;
                let (mut first, mut last) = (key.start.clone(), key.start.clone());
                first[at..].copy_from_slice(&[0; 4]);
                last[at..].copy_from_slice(&[255, 255, 0, 0]);
                Key::range(&first, &last)
            });
        }
    }),
    ("what reaches the host is reversed", |t| {
        for rule in rules(t, "host-action", "").flatten() {
            let drops = rule.statements == [Statement::Verdict(NftVerdict::Drop)];
            let verdict = if drops {
                NftVerdict::Accept
            } else {
                NftVerdict::Drop
            };
            rule.statements = vec![Statement::Verdict(verdict)];
        }
    }),
];

#[test]
fn every_planted_fault_is_found() {
    let faults = FAULTS.map(|(name, plant)| (name, Plant::Table(plant)));
    let worlds = (0..300).map(|seed| (seed, World::random(seed)));
    assert_eq!(missed(&faults, worlds, PACKETS), [""; 0]);
}
