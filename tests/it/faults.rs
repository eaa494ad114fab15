//! Faults planted into what the compiler made, one at a time: the comparison of traces with the
//! reference interpreter must find every one.

use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::net::Protocol;
use margay::ruleset::packet::Packet;
use margay::ruleset::trace::{Fate, trace};
use margay::ruleset::{
    Bytes, CtKey, CtState, Datatype, ElementData, Expression, Key, Match, MetaKey, Name, Operand,
    Operator, PayloadField, Rule, Ruleset, Set, SetFlags, Statement, Table, Verdict as NftVerdict,
    VmapSource,
};
use margay::scenario::World;

use crate::property::{PACKETS, Tally, walk};
use crate::support::connection::Connections;
use crate::support::netns::report;
use crate::support::probe::traced;
use crate::support::reference::Verdict;

/// A name, and what it does to a table.
type Fault = (&'static str, fn(&mut Table));

const FAULTS: [Fault; 25] = [
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
        rules(t, "prerouting", "").for_each(|rules| rules.retain(|rule| !looks_up(rule, "source")));
    }),
    ("the MAC is not checked", |t| {
        for (mac, plain) in [("source-mac4", "source-ip4"), ("source-mac6", "source-ip6")] {
            let keys: Vec<Key> = set(t, mac).elements.keys().cloned().collect();
            let cut = |key: &Key| Key::value(&key.start[..key.start.len() - 8]);
            keys.iter().for_each(|key| set(t, plain).insert(cut(key)));
        }
        let ip = ElementData::Verdict(NftVerdict::Goto(name("source-ip")));
        set(t, "source")
            .elements
            .values_mut()
            .for_each(|element| element.data = ip.clone());
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
        rules(t, "destination", "").for_each(|rules| rules.retain(|rule| !looks_up(rule, "to")));
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
    let skeleton = Skeleton::builtin().unwrap();
    let mut missing: Vec<&Fault> = FAULTS.iter().collect();
    for seed in 0..300 {
        let world = World::random(seed);
        let right = compile(&world.state, world.host, &skeleton);
        let mut seen: Vec<(Packet, Verdict)> = Vec::new();
        let (connections, tally) = (&mut Connections::default(), &mut Tally::default());
        walk(
            &world,
            (seed, PACKETS),
            connections,
            tally,
            |probe, _, facts, verdict| {
                seen.push((traced(probe, facts.connection), verdict));
            },
        );
        for (packet, verdict) in &seen {
            assert_eq!(passes(&right, packet), *verdict, "world {seed}: {packet:?}");
        }
        missing.retain(|(name, plant)| {
            let mut wrong = right.clone();
            wrong.tables.values_mut().for_each(plant);
            let found = seen
                .iter()
                .position(|(packet, verdict)| passes(&wrong, packet) != *verdict);
            if let Some(n) = found {
                report(&format!("found in world {seed} by packet {n}: {name}"));
            }
            found.is_none()
        });
        if missing.is_empty() {
            return;
        }
    }
    panic!(
        "not found: {:?}",
        missing.iter().map(|fault| fault.0).collect::<Vec<_>>()
    );
}

/// Whether a packet gets through a ruleset.
pub(crate) fn passes(ruleset: &Ruleset, packet: &Packet) -> Verdict {
    match trace(ruleset, packet).fate {
        Fate::Accepted => Verdict::Deliver,
        Fate::Dropped | Fate::Rejected(_) => Verdict::Drop,
    }
}

/// The rules of the chains whose names begin and end so.
fn rules<'t>(
    table: &'t mut Table,
    prefix: &'t str,
    suffix: &'t str,
) -> impl Iterator<Item = &'t mut Vec<Rule>> {
    let named = table.chains.iter_mut().filter(move |(name, _)| {
        let name = name.as_str();
        let whole = prefix.ends_with('/') || name == prefix;
        whole && name.starts_with(prefix) && name.ends_with(suffix)
    });
    named.map(|(_, chain)| &mut chain.rules)
}

fn sets<'t>(table: &'t mut Table, prefix: &'t str) -> impl Iterator<Item = &'t mut Set> {
    let named = table.sets.iter_mut();
    named
        .filter(move |(name, _)| name.as_str().starts_with(prefix))
        .map(|(_, set)| set)
}

fn set<'t>(table: &'t mut Table, name: &str) -> &'t mut Set {
    table.sets.get_mut(name).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn goto(chain: &str) -> Statement {
    Statement::Verdict(NftVerdict::Goto(name(chain)))
}

fn equal(left: Expression, value: &[u8]) -> Statement {
    Statement::Match(Match {
        left: vec![left],
        mask: None,
        operator: Operator::Eq,
        right: Operand::Key(Key::value(value)),
    })
}

/// Whether a rule goes to a chain whose name ends so.
fn leads_to(rule: &Rule, suffix: &str) -> bool {
    rule.statements.iter().any(|statement| {
        matches!(statement, Statement::Verdict(NftVerdict::Goto(chain))
            if chain.as_str().ends_with(suffix))
    })
}

/// Whether a rule looks a named set or map up.
fn looks_up(rule: &Rule, set: &str) -> bool {
    rule.statements.iter().any(|statement| {
        matches!(statement, Statement::Match(Match { right: Operand::Set(name), .. })
            | Statement::Vmap { map: VmapSource::Named(name), .. } if name.as_str() == set)
    })
}

/// Replaces the verdict of a chain's last rule.
fn last_verdict(table: &mut Table, chain: &str, verdict: NftVerdict) {
    let statement = table
        .chains
        .get_mut(chain)
        .unwrap()
        .rules
        .last_mut()
        .unwrap();
    *statement.statements.last_mut().unwrap() = Statement::Verdict(verdict);
}

fn is_prefixes(set: &Set) -> bool {
    matches!(set.key[..], [Datatype::Ipv4Addr | Datatype::Ipv6Addr])
        && set.flags.contains(SetFlags::INTERVAL)
}

fn rekey(set: &mut Set, change: impl Fn(&Key) -> Key) {
    let elements = std::mem::take(&mut set.elements);
    set.elements = elements
        .into_iter()
        .map(|(key, element)| (change(&key), element))
        .collect();
}

/// Changes the range of the last field of every policy set where it is of this type.
fn last_field(table: &mut Table, datatype: Datatype, change: fn(Bytes, Bytes) -> (Bytes, Bytes)) {
    for set in sets(table, "policy/").filter(|set| set.key.last() == Some(&datatype)) {
        set.flags |= SetFlags::INTERVAL;
        let padded = if set.key.len() > 1 {
            datatype.padded_bytes()
        } else {
            datatype.bytes()
        };
        rekey(set, |key| {
            let at = key.start.len() - padded..key.start.len() - padded + datatype.bytes();
            let field = |bytes: &Bytes| Bytes::from_slice(&bytes[at.clone()]);
            let (a, b) = change(field(&key.start), field(key.last()));
            let (mut first, mut last) = (key.start.clone(), key.last().clone());
            first[at.clone()].copy_from_slice(&a);
            last[at.clone()].copy_from_slice(&b);
            Key::range(&first, &last)
        });
    }
}

/// The next value, as long as it is not the last.
fn stepped(bytes: &[u8]) -> Bytes {
    let mut next = Bytes::from_slice(bytes);
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return next;
        }
    }
    Bytes::from_slice(bytes)
}
