//! Members on other hosts that swap their groups: what both groups may do is never interrupted.

use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::net::Protocol;
use margay::ruleset::diff::{applied_after, diff};
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
{apiVersion: margay/v1, kind: SecurityGroup, name: red, rules: {ingress: [], egress: []}}
---
{apiVersion: margay/v1, kind: SecurityGroup, name: blue, rules: {ingress: [], egress: []}}
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
    diff(
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

#[test]
fn members_of_other_hosts_swap_groups_without_a_gap() {
    let (old, new) = (
        ruleset(["red", "blue"], "node2"),
        ruleset(["blue", "red"], "node2"),
    );
    let commit = commit(&old, &new);
    assert_eq!(phases(&commit), [Phase::Loosen, Phase::Tighten]);
    let mut before = old.clone();
    for step in &commit.steps {
        let one = Commit {
            table: table_key(),
            steps: vec![step.clone()],
        };
        let after = applied_after(before.tables.get(&table_key()), &one);
        let after = Ruleset {
            tables: [(table_key(), after)].into(),
        };
        for (source, port) in [(0, 80), (0, 81), (0, 82), (1, 80), (1, 81), (2, 80)] {
            let packet = packet(source, port);
            let ends = [&old, &new].map(|end| trace(end, &packet).fate);
            for seen in traces_between(&before, &after, &packet) {
                assert!(
                    ends.contains(&seen.fate),
                    "{packet:?}: {ends:?}, but {seen:#?}"
                );
            }
        }
        before = after;
    }
    let always = trace(&old, &packet(0, 80)).fate;
    assert_eq!(
        always,
        Fate::Accepted,
        "the packet that must never be dropped passes at all"
    );
}

#[test]
fn members_of_this_host_leave_before_they_join() {
    let (old, new) = (
        ruleset(["red", "blue"], "node1"),
        ruleset(["blue", "red"], "node1"),
    );
    let seen = phases(&commit(&old, &new));
    let tighten = seen.iter().position(|phase| *phase == Phase::Tighten);
    let loosen = seen.iter().position(|phase| *phase == Phase::Loosen);
    assert!(tighten.is_some() && tighten < loosen, "{seen:?}");
}
