//! For random worlds, policy read literally, the compiled ruleset traced, and real packets agree.

mod labelled;
mod xtables;

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
use margay::ruleset::Ruleset;

/// How many worlds, and how many packets in each.
const WORLDS: u64 = 1_000;
pub(crate) const PACKETS: usize = 110;

/// What the packets of many worlds asked of the reference interpreter.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    packets: usize,
    accepted: usize,
    decisive: BTreeMap<Field, usize>,
    /// Worlds that were put in force, where they are, and those that cannot be.
    enforced: usize,
    refused: usize,
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
        self.enforced += other.enforced;
        self.refused += other.refused;
        for (field, times) in other.decisive {
            *self.decisive.entry(field).or_default() += times;
        }
        self
    }

    /// At least so many packets; between a quarter and three quarters pass, and every field of a rule
    /// matters to one packet in so many.
    fn check(&self, packets: usize, fields: &[Field], one_in: usize) {
        report(&format!(
            "{} packets, {} accepted, decisive: {:?}; {} worlds in force, {} refused",
            self.packets, self.accepted, self.decisive, self.enforced, self.refused
        ));
        assert!(self.packets >= packets);
        assert!(self.refused * 4 <= self.enforced, "too many are refused");
        assert!((25..=75).contains(&(self.accepted * 100 / self.packets)));
        let times = |field| self.decisive.get(field).copied().unwrap_or_default();
        let seldom: Vec<_> = fields
            .iter()
            .filter(|field| times(field) * one_in < self.packets)
            .collect();
        assert!(seldom.is_empty(), "{seldom:?} decide too seldom");
    }
}

/// The sum of what threads counted, each of its share of the numbers.
fn shared<T: Send>(numbers: Vec<T>, threads: usize, count: impl Fn(T) -> Tally + Sync) -> Tally {
    let mut shares: Vec<Vec<T>> = (0..threads).map(|_| Vec::new()).collect();
    for (place, number) in numbers.into_iter().enumerate() {
        shares[place % threads].push(number);
    }
    let count = &count;
    let tallies = std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let each = move || share.into_iter().map(count).reduce(Tally::plus);
                scope.spawn(move || each().unwrap_or_default())
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Tally>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<Vec<_>>()
    });
    tallies.into_iter().reduce(Tally::plus).unwrap_or_default()
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
    (seed, count): (u64, usize),
    connections: &mut Connections,
    tally: &mut Tally,
    mut see: impl FnMut(&Probe, Part, &Facts<'_>, Verdict),
) {
    let reference = Reference::new(&world.state, world.host);
    let mut ports = (1024..=u16::MAX)
        .cycle()
        .skip(usize::try_from(seed).unwrap() * count % usize::from(u16::MAX - 1023));
    for mut probe in packets(world, seed, count) {
        probe.packet = fresh(&probe, ports.next().unwrap(), connections);
        let mut ask = |probe: &Probe, part| {
            let facts = facts(probe, connections.state(&probe.packet));
            connections.sends(&probe.packet);
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

/// A source port that no connection had before. Those that mean something stay, unless such a packet
/// or its answer was sent before.
fn fresh(probe: &Probe, port: u16, connections: &Connections) -> Packet {
    let is_free = connections.is_unused(&probe.packet);
    match probe.packet.transport {
        Transport::Ports { source, .. } if source < 1024 && is_free => probe.packet,
        Transport::Ports { .. } => probe.packet.with_source_port(port),
        Transport::Icmp { .. } | Transport::Other(_) | Transport::Cut(_) => probe.packet,
    }
}

#[test]
fn traces_agree_with_policy_read_literally() {
    let tally = shared((0..WORLDS).collect(), 2, |seed| {
        traced_in(&World::random(seed), seed, PACKETS)
    });
    tally.check(100_000, &Field::OF_GROUPS, 100);
}

/// What a world's packets asked, each traced.
fn traced_in(world: &World, seed: u64, count: usize) -> Tally {
    let ruleset = compile(&world.state, world.host, &Skeleton::builtin().unwrap());
    let (mut connections, mut tally) = (Connections::default(), Tally::default());
    let see = |probe: &Probe, _, facts: &Facts<'_>, verdict| {
        let traced = passes(&ruleset, &traced(probe, facts.connection));
        assert_eq!(traced, verdict, "world {seed}: {probe:?} {facts:?}");
    };
    walk(world, (seed, count), &mut connections, &mut tally, see);
    tally
}

/// How many worlds follow one another in one namespace, each an update to the last.
const WORLDS_IN_NAMESPACE: u64 = 50;

#[test]
fn real_packets_agree_with_policy_read_literally() {
    in_netns("real_packets_agree_with_policy_read_literally", || {
        let tally = obeyed(WORLDS, 2, PACKETS, World::random);
        tally.check(100_000, &Field::OF_GROUPS, 100);
    });
}

/// What real packets asked of so many worlds. Threads wait for the kernel's grace periods more than
/// they work.
fn obeyed(worlds: u64, threads: usize, count: usize, make: fn(u64) -> World) -> Tally {
    obeyed_by(&Engine::new, (worlds, threads), count, make)
}

/// Who puts rulesets in force in a namespace.
trait Enforce {
    /// Puts a ruleset in force, or says that it is one of those that cannot be.
    fn enforce(&mut self, ruleset: &Ruleset) -> Enforced;

    /// Whether a packet may be lost that policy delivers.
    fn may_lose(_: &Probe) -> bool {
        false
    }
}

/// Whether a ruleset is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enforced {
    Yes,
    /// It cannot be, as the docs say.
    Refused,
}

impl Enforce for Engine {
    fn enforce(&mut self, ruleset: &Ruleset) -> Enforced {
        self.update(ruleset);
        assert!(self.holds(ruleset), "the ruleset is not in force");
        Enforced::Yes
    }
}

/// The same by whoever enforces, of whom there is one in each namespace.
fn obeyed_by<E: Enforce>(
    enforcer: &(impl Fn() -> E + Sync),
    (worlds, threads): (u64, usize),
    count: usize,
    make: fn(u64) -> World,
) -> Tally {
    let firsts = (0..worlds).step_by(usize::try_from(WORLDS_IN_NAMESPACE).unwrap());
    shared(firsts.collect(), threads, |first| {
        let seeds = first..worlds.min(first + WORLDS_IN_NAMESPACE);
        in_another_netns(|| obeyed_in_namespace(enforcer(), seeds, count, make))
    })
}

fn obeyed_in_namespace<E: Enforce>(
    mut enforcer: E,
    seeds: Range<u64>,
    count: usize,
    make: fn(u64) -> World,
) -> Tally {
    let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
    let skeleton = Skeleton::builtin().unwrap();
    let (mut connections, mut tally) = (Connections::default(), Tally::default());
    for seed in seeds {
        let world = make(seed);
        let ruleset = compile(&world.state, world.host, &skeleton);
        match enforcer.enforce(&ruleset) {
            Enforced::Yes => tally.enforced += 1,
            Enforced::Refused => {
                tally.refused += 1;
                continue;
            }
        }
        let see = |probe: &Probe, part, facts: &Facts<'_>, verdict| {
            let traced = passes(&ruleset, &traced(probe, facts.connection));
            assert_eq!(
                traced, verdict,
                "traced in world {seed}: {probe:?} {facts:?}"
            );
            let arrived = wiring.probe(probe, part);
            let expected = verdict == Verdict::Deliver;
            assert!(
                arrived == expected || (expected && E::may_lose(probe)),
                "seen in world {seed}: {arrived} {probe:?} {facts:?}"
            );
        };
        walk(&world, (seed, count), &mut connections, &mut tally, see);
    }
    tally
}
