//! For random worlds, policy read literally, the compiled ruleset traced, and real packets agree.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::resume_unwind;

use margay::scenario::{Packet, Probe, Transport, World, packets, place};

use crate::faults::passes;
use crate::support::connection::{Connections, has_answer};
use crate::support::engine::Engine;
use crate::support::netns::{in_another_netns, in_netns, report};
use crate::support::packet::Part;
use crate::support::probe::{facts, traced};
use crate::support::prober::{Wiring, places};
use crate::support::reference::{Facts, Field, Reference, Verdict};
use margay::compile::{compile, skeleton::Skeleton};

/// How many worlds, and how many packets in each.
const WORLDS: u64 = 1_000;
const PACKETS: usize = 110;

/// What the packets of many worlds asked of the reference interpreter.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    packets: usize,
    accepted: usize,
    decisive: BTreeMap<Field, usize>,
}

impl Tally {
    fn take(&mut self, reference: &Reference<'_>, facts: &Facts<'_>) -> Verdict {
        let verdict = reference.verdict(facts);
        self.packets += 1;
        self.accepted += usize::from(verdict == Verdict::Deliver);
        for field in reference.decisive(facts) {
            *self.decisive.entry(field).or_default() += 1;
        }
        verdict
    }

    fn plus(mut self, other: Self) -> Self {
        self.packets += other.packets;
        self.accepted += other.accepted;
        for (field, times) in other.decisive {
            *self.decisive.entry(field).or_default() += times;
        }
        self
    }

    /// Between a quarter and three quarters pass, and every field of a rule matters often enough.
    fn check(&self) {
        report(&format!(
            "{} packets, {} accepted, decisive: {:?}",
            self.packets, self.accepted, self.decisive
        ));
        assert!((25..=75).contains(&(self.accepted * 100 / self.packets)));
        for field in Field::OF_GROUPS {
            let times = self.decisive.get(&field).copied().unwrap_or_default();
            assert!(times * 100 >= self.packets, "{field:?} decides too seldom");
        }
    }
}

/// What the receiver of a forwarded probe would send back.
fn answer(probe: &Probe) -> Option<Probe> {
    let from = probe.to.clone().filter(|_| has_answer(&probe.packet))?;
    let slot = place::SLOTS.iter().position(|name| *name == from.as_str());
    Some(Probe {
        mac: slot
            .filter(|&slot| place::is_ethernet(slot))
            .map(place::mac),
        from,
        to: place::route(probe.packet.source),
        packet: probe.packet.reply(),
    })
}

/// Every packet of a world in order, answers to what was delivered included, with what the
/// reference interpreter says of it.
pub(crate) fn walk(
    world: &World,
    seed: u64,
    connections: &mut Connections,
    tally: &mut Tally,
    mut see: impl FnMut(&Probe, Part, &Facts<'_>, Verdict),
) {
    let reference = Reference::new(&world.state, world.host);
    let mut ports = (1024..=u16::MAX)
        .cycle()
        .skip(usize::try_from(seed).unwrap() * PACKETS);
    for mut probe in packets(world, seed, PACKETS) {
        probe.packet = fresh(&probe, ports.next().unwrap());
        let mut ask = |probe: &Probe, part| {
            let facts = facts(probe, connections.state(&probe.packet));
            let verdict = tally.take(&reference, &facts);
            see(probe, part, &facts, verdict);
            if verdict == Verdict::Deliver {
                connections.passed(&probe.packet);
            }
            verdict
        };
        if ask(&probe, Part::Opening) == Verdict::Deliver
            && let Some(answer) = answer(&probe)
        {
            ask(&answer, Part::Answer);
        }
    }
}

/// A source port that no connection had before; those that mean something stay.
fn fresh(probe: &Probe, port: u16) -> Packet {
    match probe.packet.transport {
        Transport::Ports { source, .. } if source >= 1024 => probe.packet.with_source_port(port),
        Transport::Ports { .. } | Transport::Icmp { .. } | Transport::Other(_) => probe.packet,
    }
}

#[test]
fn traces_agree_with_policy_read_literally() {
    let skeleton = Skeleton::builtin().unwrap();
    let mut tally = Tally::default();
    for seed in 0..WORLDS {
        let world = World::random(seed);
        let ruleset = compile(&world.state, world.host, &skeleton);
        let connections = &mut Connections::default();
        walk(
            &world,
            seed,
            connections,
            &mut tally,
            |probe, _, facts, verdict| {
                let packet = traced(probe, facts.connection);
                let traced = passes(&ruleset, &packet);
                assert_eq!(traced, verdict, "world {seed}: {probe:?} {facts:?}");
            },
        );
    }
    tally.check();
}

/// How many worlds follow one another in one namespace, each an update to the last.
const WORLDS_IN_NAMESPACE: u64 = 50;

#[test]
fn real_packets_agree_with_policy_read_literally() {
    in_netns("real_packets_agree_with_policy_read_literally", || {
        let groups = (0..WORLDS).step_by(usize::try_from(WORLDS_IN_NAMESPACE).unwrap());
        let (even, odd): (Vec<u64>, Vec<u64>) = groups.partition(|first| first % 100 == 0);
        let tally = std::thread::scope(|scope| {
            let halves = [even, odd].map(|half| scope.spawn(move || obeyed(&half)));
            halves.map(|half| half.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        tally.into_iter().reduce(Tally::plus).unwrap().check();
    });
}

/// Groups of worlds by the first of each.
fn obeyed(groups: &[u64]) -> Tally {
    let tallies = groups
        .iter()
        .map(|&first| in_another_netns(|| obeyed_in_namespace(first..first + WORLDS_IN_NAMESPACE)));
    tallies.reduce(Tally::plus).unwrap_or_default()
}

fn obeyed_in_namespace(seeds: Range<u64>) -> Tally {
    let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
    let mut engine = Engine::new();
    let (mut connections, mut tally) = (Connections::default(), Tally::default());
    for seed in seeds {
        let world = World::random(seed);
        let ruleset = engine.compiled(&world.state);
        engine.update(&ruleset);
        walk(
            &world,
            seed,
            &mut connections,
            &mut tally,
            |probe, part, facts, verdict| {
                let traced = passes(&ruleset, &traced(probe, facts.connection));
                assert_eq!(
                    traced, verdict,
                    "traced in world {seed}: {probe:?} {facts:?}"
                );
                let arrived = wiring.probe(probe, part);
                let expected = verdict == Verdict::Deliver;
                assert_eq!(
                    arrived, expected,
                    "seen in world {seed}: {probe:?} {facts:?}"
                );
            },
        );
    }
    tally
}
