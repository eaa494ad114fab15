//! No packet gets a verdict that neither the old nor the new policy gives, at any instant.

use std::collections::BTreeSet;
use std::net::IpAddr;

use margay::backend::Backend;
use margay::backend::memory::MemoryBackend;
use margay::net::{MacAddress, Protocol};
use margay::ruleset::diff::{applied_after, between};
use margay::ruleset::packet::{Packet, Transport};
use margay::ruleset::trace::{Fate, Trace, trace, traces_between};
use margay::ruleset::transaction::{Commit, Phase, Step, Wait};
use margay::ruleset::{CtState, Ruleset, Table};
use proptest::prelude::*;

use super::history::updates;
use super::kinds::world;
use super::world::{Allow, Direction, Peer, World, address, mac, name, table_key};

/// A packet of the toy world; interface 0 is the way out of the host.
fn packet((from, to, source, destination): (u8, u8, u8, u8), port: u16) -> Packet {
    let interface = |id: u8| match id {
        0 => "eth0".parse().unwrap(),
        id => format!("tap{id}").parse().unwrap(),
    };
    Packet {
        iif: Some(interface(from)),
        oif: Some(interface(to)),
        ether_saddr: Some(MacAddress(mac(from))),
        source: IpAddr::from(address(source)),
        destination: IpAddr::from(address(destination)),
        protocol: Protocol::TCP,
        transport: Transport::Ports {
            source: 4000,
            destination: port,
        },
        ct_state: CtState::NEW,
        mark: 0,
    }
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let ends = (0..6_u8, 0..6_u8, 1..6_u8, 1..6_u8);
    // A packet that goes back where it came from reads one interface's policies both ways.
    let ends = ends.prop_filter("from one interface to another", |ends| ends.0 != ends.1);
    let port = prop::sample::select(vec![80, 443, 1500, 2500, 9]);
    let packet = (ends, port).prop_map(|(ends, port)| packet(ends, port));
    prop::collection::vec(packet, 40)
}

fn ruleset(table: &Table) -> Ruleset {
    Ruleset {
        tables: [(table_key(), table.clone())].into(),
    }
}

/// Which verdicts the two policies allow in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// One that the old or the new policy gives.
    Either,
    /// What both drop stays dropped; what both accept may be dropped.
    Closed,
}

impl Promise {
    /// An interface whose source check becomes another loses its sources there before it has them here.
    fn of(commit: &Commit) -> Self {
        let moves = commit.steps.iter().filter(|step| step.phase == Phase::Move);
        let mut moved = moves.flat_map(|step| &step.operations);
        match moved.any(|operation| operation.subject() == Some(&name("source"))) {
            true => Self::Closed,
            false => Self::Either,
        }
    }

    fn allows(self, fate: Fate, ends: [Fate; 2]) -> bool {
        ends.contains(&fate) || (self == Self::Closed && fate == Fate::Dropped)
    }
}

/// The packets that, at some instant of some step, meet what the promise does not allow.
fn wronged<'a>(
    applied: &Table,
    commit: &Commit,
    packets: &'a [Packet],
) -> Vec<(&'a Packet, Trace)> {
    let mut wronged = Vec::new();
    let after = applied_after(Some(applied), commit);
    let (first, last) = (ruleset(applied), ruleset(&after));
    let promise = Promise::of(commit);
    let mut before = applied.clone();
    for step in &commit.steps {
        let one = Commit {
            table: table_key(),
            steps: vec![step.clone()],
        };
        let next = applied_after(Some(&before), &one);
        let (old, new) = (ruleset(&before), ruleset(&next));
        for packet in packets {
            let ends = [trace(&first, packet).fate, trace(&last, packet).fate];
            let traces = traces_between(&old, &new, packet).into_iter();
            let wrong = traces.filter(|seen| !promise.allows(seen.fate, ends));
            wronged.extend(wrong.map(|seen| (packet, seen)));
        }
        before = next;
    }
    wronged
}

fn held(table: Option<&Table>) -> MemoryBackend {
    MemoryBackend::holding(table.map(ruleset).unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_memory_backend_finds_every_commit_safe(updates in updates()) {
        let mut world = World::default();
        let mut applied: Option<Table> = None;
        for (edits, dies_after) in updates {
            edits.iter().for_each(|edit| edit.apply(&mut world));
            let mut commit = between(applied.as_ref(), &world.table(), &table_key());
            commit.steps.truncate(dies_after.unwrap_or(usize::MAX));
            let mut backend = held(applied.as_ref());
            if let Err(error) = backend.commit(&commit) {
                prop_assert!(false, "{}: {:#?}", error, commit);
            }
            if !commit.is_empty() {
                let after = applied_after(applied.as_ref(), &commit);
                prop_assert_eq!(backend.observe(&table_key()).unwrap(), Some(after.clone()));
                applied = Some(after);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_packet_sees_half_a_policy(updates in updates(), packets in packets()) {
        let mut world = World::default();
        let mut applied = world.table();
        for (edits, dies_after) in updates {
            edits.iter().for_each(|edit| edit.apply(&mut world));
            let mut commit = between(Some(&applied), &world.table(), &table_key());
            let wronged = wronged(&applied, &commit, &packets);
            prop_assert!(wronged.is_empty(), "{:#?}", wronged.first());
            commit.steps.truncate(dies_after.unwrap_or(usize::MAX));
            applied = applied_after(Some(&applied), &commit);
        }
    }
}

/// Every packet of the toy world from one interface to another, on one port.
fn all_packets() -> Vec<Packet> {
    let range = || 1..4_u8;
    let pairs = range().flat_map(|from| range().map(move |to| (from, to)));
    let ends = pairs.filter(|(from, to)| from != to);
    ends.map(|(from, to)| packet((from, to, from, to), 443))
        .collect()
}

/// Group 1 may send to group 3, which takes only what comes from group 2: endpoint 1, that goes from
/// group 1 to group 2, never reaches endpoint 2.
fn regrouped() -> (Table, Commit) {
    let allow = |direction, group| Allow {
        direction,
        peer: Peer::Group(group),
        ports: None,
    };
    let mut world = world();
    world.groups = [
        (1, BTreeSet::from([allow(Direction::Out, 3)])),
        (2, BTreeSet::new()),
        (3, BTreeSet::from([allow(Direction::In, 2)])),
    ]
    .into();
    world.endpoints.get_mut(&2).unwrap().groups = BTreeSet::from([3]);
    let applied = world.table();
    world.endpoints.get_mut(&1).unwrap().groups = BTreeSet::from([2]);
    let commit = between(Some(&applied), &world.table(), &table_key());
    (applied, commit)
}

#[test]
fn the_check_sees_what_one_transaction_would_do() {
    let (applied, commit) = regrouped();
    assert!(commit.steps.len() > 1);
    assert!(wronged(&applied, &commit, &all_packets()).is_empty());
    let operations = commit.steps.into_iter().flat_map(|step| step.operations);
    let squashed = Commit {
        table: table_key(),
        steps: vec![Step {
            phase: Phase::Switch,
            wait: Wait::None,
            operations: operations.collect(),
        }],
    };
    assert!(!wronged(&applied, &squashed, &all_packets()).is_empty());
    assert!(held(Some(&applied)).commit(&squashed).is_err());
}

#[test]
fn the_toy_world_accepts_and_drops() {
    let ruleset = ruleset(&world().table());
    let packets = all_packets();
    let fates: BTreeSet<Fate> = packets
        .iter()
        .map(|packet| trace(&ruleset, packet).fate)
        .collect();
    assert_eq!(fates, BTreeSet::from([Fate::Accepted, Fate::Dropped]));
}
