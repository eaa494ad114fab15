//! Addresses that change groups: what the old and the new ones both may do is never interrupted.

use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::net::Protocol;
use margay::ruleset::diff::{applied_after, between};
use margay::ruleset::packet::{Packet, Transport};
use margay::ruleset::trace::{Fate, trace, traces_between};
use margay::ruleset::transaction::{Commit, Phase};
use margay::ruleset::{CtState, Ruleset};

use super::world::table_key;

const GROUPS: &str = "
apiVersion: margay/v1
kind: SecurityGroup
name: app
rules:
  ingress:
    - allow IPv4 tcp 80 from group red
    - allow IPv4 tcp 80-81 from group blue
  egress: []
---
apiVersion: margay/v1
kind: SecurityGroup
name: red
rules:
  ingress:
    - allow IPv4 tcp 80-90 from 0.0.0.0/0
  egress:
    - allow IPv4 tcp 80 to group app
    - allow IPv4 tcp 82 to 0.0.0.0/0
---
apiVersion: margay/v1
kind: SecurityGroup
name: blue
rules:
  ingress:
    - allow IPv4 tcp 90-91 from 0.0.0.0/0
  egress:
    - allow IPv4 tcp 79-81 to 0.0.0.0/0
---
{apiVersion: margay/v1, kind: Endpoint, name: app1, host: node1, interface: tap1, addresses: [10.0.0.1], groups: [app]}
";

/// The ruleset of host `node1` while two endpoints of another host are in these groups.
fn ruleset(groups: [&str; 2], host: &str) -> Ruleset {
    let mut text = GROUPS.to_owned();
    for (number, group) in groups.iter().enumerate() {
        text += &format!(
            "---\n{{apiVersion: margay/v1, kind: Endpoint, name: far{number}, host: {host}, \
             interface: tap9{number}, addresses: [10.0.9.{number}], groups: [{group}]}}\n"
        );
    }
    let loaded = margay::codec::parse("groups.yaml", &text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    compile(&loaded.state, "node1", &Skeleton::builtin().unwrap())
}

fn commit(old: &Ruleset, new: &Ruleset) -> Commit {
    between(
        old.tables.get(&table_key()),
        new.tables.get(&table_key()).unwrap(),
        &table_key(),
    )
}

fn phases(commit: &Commit) -> Vec<Phase> {
    commit.steps.iter().map(|step| step.phase).collect()
}

fn packet(source: u8, port: u16) -> Packet {
    Packet {
        iif: Some("uplink".parse().unwrap()),
        oif: Some("tap1".parse().unwrap()),
        ether_saddr: None,
        source: [10, 0, 9, source].into(),
        destination: [10, 0, 0, 1].into(),
        protocol: Protocol::TCP,
        transport: Transport::Ports {
            source: 40_000,
            destination: port,
        },
        ct_state: CtState::NEW,
        mark: 0,
    }
}

/// Holds every instant of every step against the old and the new policy.
fn check(old: &Ruleset, new: &Ruleset, packets: &[Packet]) {
    let mut before = old.clone();
    for step in &commit(old, new).steps {
        let one = Commit {
            table: table_key(),
            steps: vec![step.clone()],
        };
        let after = applied_after(before.tables.get(&table_key()), &one);
        let after = Ruleset {
            tables: [(table_key(), after)].into(),
        };
        for packet in packets {
            let ends = [old, new].map(|end| trace(end, packet).fate);
            for seen in traces_between(&before, &after, packet) {
                assert!(
                    ends.contains(&seen.fate),
                    "{step:?} {packet:?}: {ends:?}, but {seen:#?}"
                );
            }
        }
        before = after;
    }
    let always = packets.iter().filter(|packet| {
        [old, new]
            .iter()
            .all(|end| trace(end, packet).fate == Fate::Accepted)
    });
    assert!(always.count() > 0, "no packet must never be dropped");
}

#[test]
fn members_of_other_hosts_swap_groups_without_a_gap() {
    let (old, new) = (
        ruleset(["red", "blue"], "node2"),
        ruleset(["blue", "red"], "node2"),
    );
    assert_eq!(phases(&commit(&old, &new)), [Phase::Loosen, Phase::Tighten]);
    let packets = [(0, 80), (0, 81), (0, 82), (1, 80), (1, 81), (2, 80)];
    check(
        &old,
        &new,
        &packets.map(|(source, port)| packet(source, port)),
    );
}

#[test]
fn an_endpoint_changes_groups_without_a_gap() {
    let (old, new) = (
        ruleset(["red", "blue"], "node1"),
        ruleset(["blue", "blue"], "node1"),
    );
    let seen = phases(&commit(&old, &new));
    let expected = [
        Phase::Populate,
        Phase::Move,
        Phase::Loosen,
        Phase::Tighten,
        Phase::Move,
    ];
    assert_eq!(seen[..5], expected, "{seen:?}");
    let ports = [79, 80, 81, 82, 90, 91];
    let from = |port: &u16| Packet {
        iif: Some("tap90".parse().unwrap()),
        ..packet(0, *port)
    };
    let to = |port: &u16| Packet {
        oif: Some("tap90".parse().unwrap()),
        source: [198, 51, 100, 1].into(),
        destination: [10, 0, 9, 0].into(),
        ..packet(0, *port)
    };
    let packets: Vec<Packet> = ports.iter().map(from).chain(ports.iter().map(to)).collect();
    check(&old, &new, &packets);
}

#[test]
fn members_of_this_host_swap_groups_at_one_instant() {
    let (old, new) = (
        ruleset(["red", "blue"], "node1"),
        ruleset(["blue", "red"], "node1"),
    );
    let order = [Phase::Populate, Phase::Switch, Phase::Collect];
    assert_eq!(phases(&commit(&old, &new)), order);
}
