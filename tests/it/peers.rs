//! Peers of the benchmarks: each enforces what it was given, follows every change there and back, and goes
//! without a trace. The policy is read literally, and real packets say what is enforced.

mod probes;

use std::path::Path;

use margay::bench::peer::{self, Peer, PeerError, Prepared};
use margay::bench::world::{Altered, Change, Size, Way, World};
use margay::model::State;
use margay::net::Family;
use margay::scenario::Flat;
use margay::scenario::place::HOST;

use crate::support::connection::{Connections, has_answer};
use crate::support::netns::{in_another_netns, in_netns, nft, report, skip};
use crate::support::packet::Part;
use crate::support::probe::facts;
use crate::support::prober::Wiring;
use crate::support::reference::{Connection, Reference, Verdict};

/// A world with every shape of rule, three bundles, and groups with members here and elsewhere.
fn world(family: Family) -> World {
    World::new(Size {
        flat: Flat {
            rules: 60,
            groups_named: 20,
            endpoints: 12,
            bundles: 3,
            ..Flat::default()
        },
        members: 5,
        family,
        seed: 7,
    })
    .unwrap()
}

/// The one peer that is no package of Debian: it is built by hand.
const BY_HAND: &str = "rustables";

/// The peers in order, without those that are not installed.
fn installed(test: &str, world: &World) -> Vec<(&'static dyn Peer, Box<dyn Prepared>)> {
    let prepare = |peer: &'static dyn Peer| match peer.prepare(world) {
        Ok(prepared) => Some((peer, prepared)),
        Err(why) if peer.name() == BY_HAND => {
            report(&format!("SKIPPED {test}: {BY_HAND}: {why}"));
            None
        }
        Err(why) => {
            skip(&format!("{test}: {}", peer.name()), &why);
            None
        }
    };
    peer::commands().into_iter().filter_map(prepare).collect()
}

#[test]
fn what_peers_read_is_what_was_written_down() {
    let world = World::new(Size {
        flat: Flat {
            rules: 20,
            groups_named: 2,
            endpoints: 3,
            bundles: 1,
            ..Flat::default()
        },
        members: 0,
        family: Family::V4,
        seed: 1,
    });
    for (name, text) in peer::texts(&world.unwrap().state).unwrap() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peers/{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == text,
            "{} differs: `make golden` and look",
            path.display()
        );
    }
}

#[test]
fn every_peer_enforces_the_policy_and_follows_every_change() {
    let test = "every_peer_enforces_the_policy_and_follows_every_change";
    in_netns(test, || {
        for family in Family::ALL {
            let world = world(family);
            for (peer, prepared) in installed(test, &world) {
                in_another_netns(|| {
                    let mut trial = Trial::new(peer.name(), &world, prepared);
                    trial.run();
                });
            }
        }
    });
}

#[test]
fn margay_by_iptables_says_what_its_programs_were_given() {
    in_netns(
        "margay_by_iptables_says_what_its_programs_were_given",
        || {
            let world = world(Family::V4);
            let mut peers = peer::all().into_iter();
            let peer = peers.find(|peer| peer.name() == "margay-xtables").unwrap();
            let mut prepared = peer.prepare(&world).unwrap();
            prepared.ready(&peer::Task::Load).unwrap();
            prepared.load().unwrap();
            prepared.settle().unwrap();
            let load = prepared.traffic();
            // Sets, and two tables of each family.
            assert!(load.transactions >= 5 && load.bytes > 10_000, "{load:?}");
            let change = Change {
                what: Altered::Member,
                way: Way::There,
            };
            prepared.ready(&peer::Task::Change(change)).unwrap();
            prepared.change(&change).unwrap();
            prepared.settle().unwrap();
            let member = prepared.traffic();
            assert_eq!(member.transactions, 1, "{member:?}");
            assert!((1..200).contains(&member.bytes), "{member:?}");
        },
    );
}

/// Those that let a known connection pass before they ask by which interface, also one that outlived its
/// endpoint.
const KNOWN_PASS: [&str; 4] = [
    "kube-proxy",
    "linear-nft",
    "linear-iptables-legacy",
    "rustables",
];

/// A peer in a namespace of its own, with devices and what conntrack knows.
struct Trial<'w> {
    name: &'static str,
    world: &'w World,
    prepared: Box<dyn Prepared>,
    wiring: Wiring,
    connections: Connections,
    ports: u16,
}

/// What packets met.
#[derive(Debug, Default)]
struct Met {
    delivered: usize,
    dropped: usize,
    answers: usize,
}

impl<'w> Trial<'w> {
    fn new(name: &'static str, world: &'w World, prepared: Box<dyn Prepared>) -> Self {
        Self {
            name,
            world,
            prepared,
            wiring: Wiring::new(&probes::lines(world), &[]).unwrap(),
            connections: Connections::default(),
            ports: 10_000,
        }
    }

    fn run(&mut self) {
        self.ready(peer::Task::Load);
        self.prepared.load().unwrap();
        self.prepared.settle().unwrap();
        self.is_in_force(&self.world.state.clone(), "loaded");
        for what in Altered::ALL {
            let changed = self.world.changed(what);
            assert!(
                probes::differ(self.world, &changed),
                "nothing to see of {what:?}"
            );
            for (way, state) in [(Way::There, &changed), (Way::Back, &self.world.state)] {
                let change = Change { what, way };
                self.ready(peer::Task::Change(change));
                let done = self.prepared.change(&change);
                assert_eq!(done, Ok(()), "{} {change:?}", self.name);
                self.prepared.settle().unwrap();
                self.is_in_force(state, &format!("{what:?} {way:?}"));
            }
        }
        self.is_spoiled();
        self.prepared.remove().unwrap();
        assert_eq!(self.traces(), "", "{} left something", self.name);
        self.prepared.load().unwrap();
        assert_eq!(self.prepared.verify(), Ok(true), "{} came again", self.name);
    }

    fn ready(&mut self, task: peer::Task) {
        assert_eq!(self.prepared.ready(&task), Ok(()), "{}", self.name);
    }

    /// Everything that packets may ask of a state, and what the peer says to them.
    fn is_in_force(&mut self, state: &State, when: &str) {
        let reference = Reference::new(state, HOST);
        let mut met = Met::default();
        for mut probe in probes::probes(self.world) {
            self.ports += 1;
            probe.packet = probe.packet.with_source_port(self.ports);
            let delivered = self.agrees(&reference, &probe, Part::Opening, when);
            match delivered {
                true => met.delivered += 1,
                false => met.dropped += 1,
            }
            if delivered && has_answer(&probe.packet) {
                met.answers += 1;
                let answer = probes::answer(self.world, &probe);
                self.agrees(&reference, &answer, Part::Answer, when);
            }
        }
        report(&format!("{} {when}: {met:?}", self.name));
        assert!(
            met.delivered > 100 && met.dropped > 100 && met.answers > 20,
            "{met:?}"
        );
        assert_eq!(self.prepared.verify(), Ok(true), "{} {when}", self.name);
    }

    fn agrees(
        &mut self,
        reference: &Reference<'_>,
        probe: &margay::scenario::Probe,
        part: Part,
        when: &str,
    ) -> bool {
        let facts = facts(probe, self.connections.state(&probe.packet));
        self.connections.sends(&probe.packet);
        let known = facts.connection == Connection::Established && KNOWN_PASS.contains(&self.name);
        let expected = known || reference.verdict(&facts) == Verdict::Deliver;
        let arrived = self.wiring.probe(probe, part);
        assert_eq!(arrived, expected, "{} {when}: {facts:?}", self.name);
        if expected {
            self.connections.passed(&probe.packet);
        }
        expected
    }

    /// What an element less is found by whoever compares.
    fn is_spoiled(&mut self) {
        match self.prepared.spoil() {
            Ok(()) => {
                let seen = (self.prepared.resync(), self.prepared.verify());
                assert_eq!(seen, (Ok(false), Ok(false)), "{} is spoiled", self.name);
            }
            Err(PeerError::Unable(why)) => {
                report(&format!("{} is not spoiled: {why}", self.name));
                return;
            }
            Err(error) => panic!("{}: {error}", self.name),
        }
        self.prepared.remove().unwrap();
        self.prepared.load().unwrap();
        assert_eq!(self.prepared.verify(), Ok(true), "{} is whole", self.name);
    }

    /// What is there without the tables that iptables always has.
    fn traces(&self) -> String {
        let lines = nft(&["list", "ruleset"], "");
        let of_iptables = |line: &&str| {
            let line = line.trim();
            let kept = ["table ip", "chain ", "type filter hook", "}"];
            !line.is_empty() && !line.starts_with('#') && !kept.iter().any(|k| line.starts_with(k))
        };
        let rules: Vec<&str> = match self.name.starts_with("iptables-nft") {
            true => lines.lines().filter(of_iptables).collect(),
            false => lines.lines().collect(),
        };
        let mut left = rules.join("\n");
        for command in [
            "iptables-legacy-save",
            "ip6tables-legacy-save",
            "ipset list",
        ] {
            left += &probes::rules_of(command);
        }
        left
    }
}
