//! The load: packets as fast as one core sends them, each judged at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use margay::backend::nft::Moment;
use margay::net::{Family, Protocol};
use margay::scenario::{Packet, Probe, Transport, place};
use rustix::thread::{CpuSet, sched_yield};

use super::kinds::Kind;
use super::script::remote_address;
use crate::support::packet::{Part, transport};
use crate::support::probe::facts;
use crate::support::prober::Wiring;
use crate::support::reference::{Connection, Reference, Verdict};

/// A packet ready to be sent, and what must become of it in either state.
#[derive(Debug)]
pub(crate) struct Shot {
    probe: Probe,
    frame: Vec<u8>,
    tail: Vec<u8>,
    /// Whether it arrives, in the one state and in the other.
    answers: [bool; 2],
}

/// What sender and committer tell each other.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Even: the state with half this number is in force, even numbered ones being the first of the
    /// kind. Odd: an update is under way.
    pub(crate) epoch: AtomicU64,
    /// Odd while the kernel is at work on a transaction.
    transaction: AtomicU64,
    /// Probes so far that overlapped a transaction.
    pub(crate) overlapped: AtomicU64,
    pub(crate) wrong: AtomicU64,
    pub(crate) stop: AtomicBool,
}

/// A reading of the clock: epoch and transaction.
type Reading = [u64; 2];

impl Clock {
    /// Takes note of what becomes of a transaction of the update under way.
    pub(crate) fn note(&self, moment: Moment) {
        let before = self.transaction.fetch_add(1, Ordering::SeqCst);
        let ends = moment == Moment::Answered;
        assert_eq!(before % 2 == 1, ends, "{moment:?} out of order");
    }

    fn read(&self) -> Reading {
        [&self.epoch, &self.transaction].map(|count| count.load(Ordering::SeqCst))
    }
}

/// What the sender saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) probes: u64,
    /// Probes that overlapped an update: its transactions, or what lies between them.
    pub(crate) during_updates: u64,
    /// Probes that overlapped a transaction.
    pub(crate) during_transactions: u64,
    pub(crate) wrong: u64,
    pub(crate) examples: Vec<String>,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// Puts the calling thread on one core.
pub(crate) fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).unwrap();
}

/// Sends shots in turn until told to stop.
pub(crate) fn fire(wiring: &Wiring, shots: &[Shot], clock: &Clock) -> Seen {
    pin(1);
    let (started, cpu) = (Instant::now(), cpu_time());
    let mut seen = Seen::default();
    let aimed: Vec<_> = shots
        .iter()
        .map(|shot| (shot, wiring.path(&shot.probe)))
        .collect();
    for (shot, path) in aimed.iter().cycle() {
        let before = clock.read();
        let arrived = path.shoot(&shot.frame, &shot.tail);
        let after = clock.read();
        let [overlaps_update, overlaps_transaction] =
            [0, 1].map(|count| before[count] != after[count] || before[count] % 2 == 1);
        seen.probes += 1;
        seen.during_updates += u64::from(overlaps_update);
        if overlaps_transaction {
            seen.during_transactions += 1;
            clock.overlapped.fetch_add(1, Ordering::Relaxed);
        }
        let right = if overlaps_update {
            shot.answers.contains(&arrived)
        } else {
            let state = usize::from(before[0] % 4 == 2);
            arrived == shot.answers[state]
        };
        if !right {
            clock.wrong.fetch_add(1, Ordering::Relaxed);
            seen.note(shot, arrived, overlaps_update);
        }
        if seen.probes.is_multiple_of(64) {
            if clock.stop.load(Ordering::Relaxed) {
                break;
            }
            // Who is nearly always in the kernel keeps every grace period waiting.
            sched_yield();
        }
    }
    seen.wall = started.elapsed();
    seen.cpu = cpu_time() - cpu;
    seen
}

impl Seen {
    fn note(&mut self, shot: &Shot, arrived: bool, overlaps_update: bool) {
        self.wrong += 1;
        if self.examples.len() < 5 {
            let what = if arrived { "passed" } else { "was lost" };
            let when = if overlaps_update { "during" } else { "after" };
            self.examples.push(format!(
                "{when} an update {what}: {:?}, in either state {:?}",
                shot.probe, shot.answers
            ));
        }
    }

    /// Probes a second of the time that the core gave the sender.
    pub(crate) fn rate(&self) -> u64 {
        self.probes_per_second(self.cpu)
    }

    /// Probes a second by the clock on the wall, which counts what else the core was busy with.
    pub(crate) fn wall_rate(&self) -> u64 {
        self.probes_per_second(self.wall)
    }

    fn probes_per_second(&self, time: Duration) -> u64 {
        self.probes * 1_000_000 / u64::try_from(time.as_micros()).unwrap().max(1)
    }
}

/// The time that the calling thread ran: the first number of schedstat, in nanoseconds.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The packets that a kind of update is tried with.
pub(crate) fn shots(kind: &Kind, wiring: &mut Wiring) -> Vec<Shot> {
    let mut shots = established(kind, wiring);
    for probe in probes(shots.len()) {
        let n = shots.len();
        shots.push(aimed(kind, wiring, probe, n, Connection::New));
    }
    shots
}

/// Packets that open connections: between endpoints, from others' addresses, from and to elsewhere.
pub(crate) fn probes(first: usize) -> Vec<Probe> {
    let mut probes = Vec::new();
    for family in Family::ALL {
        let own = |slot| place::in_slot(slot, family, 2).to_string();
        let outside = place::outside(family)[0].to_string();
        let remote = |n| remote_address(n, family);
        let mut lines: Vec<(&str, String, String)> = [0, 2, 3]
            .map(|slot| (place::SLOTS[slot], own(slot), own(1)))
            .to_vec();
        // What comes from another's address, and from where nobody is.
        lines.push(("tap3", own(2), own(1)));
        lines.push(("tap7", own(7), own(1)));
        lines.extend([1, 2, 9].map(|n| (place::UPLINK, remote(n), own(1))));
        lines.push(("tap2", own(2), outside.clone()));
        lines.push((place::UPLINK, outside, own(2)));
        lines.push((place::UPLINK, remote(1), own(2)));
        lines.push(("tap0", own(0), own(2)));
        for (from, source, destination) in lines {
            for port in [100, 120, 170, 200, 240, 300, 395] {
                let n = first + probes.len();
                probes.push(probe(n, from, [&source, &destination], port));
            }
        }
    }
    probes
}

/// Both directions of connections that the first state, which is in force, lets open.
fn established(kind: &Kind, wiring: &mut Wiring) -> Vec<Shot> {
    let mut shots = Vec::new();
    for (n, family) in Family::ALL.into_iter().enumerate() {
        let [a, b] = [0, 1].map(|slot| place::in_slot(slot, family, 2).to_string());
        let opening = probe(n + 5_000, "tap0", [&a, &b], 100);
        // What another kind let open may still be there, until the daemon finds and cuts it.
        if !answers(kind, &opening, Connection::New)[0] {
            continue;
        }
        let answer = Probe {
            from: "tap1".parse().unwrap(),
            to: Some(opening.from.clone()),
            mac: None,
            packet: opening.packet.reply(),
        };
        if wiring.probe(&opening, Part::Opening) && wiring.probe(&answer, Part::Answer) {
            for probe in [opening, answer] {
                let n = 5_000 + shots.len();
                shots.push(aimed(kind, wiring, probe, n, Connection::Established));
            }
        }
    }
    shots
}

/// A UDP packet with a source port of its own, so that none is an answer to another.
fn probe(n: usize, from: &str, ends: [&str; 2], port: u16) -> Probe {
    let [source, destination] = ends.map(|address| address.parse().unwrap());
    let slot = place::SLOTS.iter().position(|name| *name == from);
    Probe {
        from: from.parse().unwrap(),
        to: place::route(destination),
        mac: slot
            .filter(|&slot| place::is_ethernet(slot))
            .map(place::mac),
        packet: Packet {
            source,
            destination,
            transport: Transport::Ports {
                protocol: Protocol::UDP,
                source: 10_000 + u16::try_from(n).unwrap(),
                destination: port,
            },
        },
    }
}

/// A shot with its bytes and the answers of the reference interpreter.
fn aimed(kind: &Kind, wiring: &Wiring, probe: Probe, n: usize, connection: Connection) -> Shot {
    let tail = transport(&probe.packet, u32::try_from(n).unwrap(), Part::Opening);
    Shot {
        frame: wiring.frame(&probe, &tail),
        tail,
        answers: answers(kind, &probe, connection),
        probe,
    }
}

/// Whether the reference interpreter delivers a packet, in the one state and in the other.
fn answers(kind: &Kind, probe: &Probe, connection: Connection) -> [bool; 2] {
    kind.states.each_ref().map(|state| {
        let facts = facts(probe, connection);
        Reference::new(state, place::HOST).verdict(&facts) == Verdict::Deliver
    })
}
