//! What packets see while updates commit on another processor.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::control::change;
use super::packets::percentiles;
use super::{Doing, Fault, Reading, bytes, quantile, whole};
use crate::bench::lane::{Lost, Processor, Road, Stand, pin};
use crate::bench::measurement::Unit;
use crate::bench::peer::{PeerError, Prepared, Task};
use crate::bench::trial::Trials;
use crate::bench::world::{Altered, Change, Way};

/// Packets sent between two looks at whether to stop.
const LOOK_EVERY: u64 = 64;

/// The packets that open a flow, while large updates commit, and before and after that while nothing happens:
/// what else the machine does comes and goes, and is on both sides of the updates.
pub(super) fn latency(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let what = match doing.members {
        0 => Altered::Rule,
        1.. => Altered::Crowd,
    };
    let Stand { road, prepared, .. } = stand;
    let trials = stand.trials.clone();
    let calm = doing.pace.updates / 2;
    let mut idle = beside(|| road.latencies(&trials, calm, &|| false, &|| true))?;
    let (clock, stop) = (Clock::default(), AtomicBool::new(false));
    let mut updated = Ok(0);
    let times = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let _pinned = pin(Processor::First);
            let goes_on = || !stop.load(Ordering::Relaxed);
            // Only what an update overlaps: between updates a peer makes ready what it has to say.
            let counts = || clock.read() % 2 == 1;
            road.latencies(&trials, std::time::Duration::ZERO, &goes_on, &counts)
        });
        updated = take_turns(prepared.as_mut(), what, doing, &clock);
        stop.store(true, Ordering::Relaxed);
        sender.join()
    });
    let updates = updated?;
    let mut times = times.map_err(|_| Lost::Refused("the sender ended early".to_owned()))??;
    idle.extend(beside(|| {
        road.latencies(&trials, calm, &|| false, &|| true)
    })?);
    let mut readings = percentiles(&mut idle, "idle");
    readings.extend(percentiles(&mut times, "latency"));
    let added = quantile(&mut times, 0.99) - quantile(&mut idle, 0.99);
    readings.push(Reading::new("added-p99", Unit::Nanoseconds, added));
    readings.push(Reading::new("updates", Unit::Count, whole(updates)));
    Ok(readings)
}

/// Does something on the processor of what runs beside.
fn beside<T: Send>(work: impl FnOnce() -> Result<T, Lost> + Send) -> Result<T, Lost> {
    let done = thread::scope(|scope| {
        let pinned = || {
            let _pinned = pin(Processor::First);
            work()
        };
        scope.spawn(pinned).join()
    });
    done.map_err(|_| Lost::Refused("the sender ended early".to_owned()))?
}

/// Every kind of change there and back, while packets are sent whose verdict is known.
pub(super) fn verdicts(
    stand: &mut Stand,
    doing: &Doing,
    into: &mut Vec<Reading>,
) -> Result<(), Fault> {
    let kinds = [
        (Altered::Member, "member"),
        (Altered::Endpoint, "endpoint"),
        (Altered::Rule, "rule"),
        (Altered::Membership, "membership"),
        (Altered::Crowd, "crowd"),
    ];
    let mut unable = None;
    for (what, name) in kinds {
        if what.needs_crowd() && doing.members == 0 {
            continue;
        }
        match under_load(stand, what, doing) {
            Ok(seen) => into.extend(seen.readings(name)),
            Err(Fault::Peer(PeerError::Unable(why))) => unable = Some(why),
            Err(fault) => return Err(fault),
        }
    }
    match (into.is_empty(), unable) {
        (true, Some(why)) => Err(PeerError::Unable(why).into()),
        (true, None) | (false, _) => Ok(()),
    }
}

/// When updates happen: even where the world is settled, and then every second one is after the change.
#[derive(Debug, Default)]
struct Clock {
    epoch: AtomicU64,
}

impl Clock {
    fn tick(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    fn read(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }
}

/// What was seen while updates took turns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    updates: u64,
    packets: u64,
    wrong: u64,
}

impl Seen {
    fn readings(&self, name: &str) -> Vec<Reading> {
        let per_update = whole(self.wrong) / whole(self.updates.max(1));
        let of =
            |metric: &str, value| Reading::new(&format!("{metric}-{name}"), Unit::Count, value);
        vec![
            of("wrong-per-update", per_update),
            of("updates", whole(self.updates)),
            of(
                "packets-per-update",
                whole(self.packets) / whole(self.updates.max(1)),
            ),
        ]
    }
}

fn under_load(stand: &mut Stand, what: Altered, doing: &Doing) -> Result<Seen, Fault> {
    // Whether the peer can say it at all, outside of everything.
    change(stand, what, Way::There)?;
    change(stand, what, Way::Back)?;
    stand.road.forget_flows()?;
    let (clock, stop) = (Clock::default(), AtomicBool::new(false));
    let Stand {
        road,
        prepared,
        trials,
    } = stand;
    let mut updated = Ok(0);
    let seen = thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let _pinned = pin(Processor::First);
            probe(road, trials, what, &clock, &stop)
        });
        updated = take_turns(prepared.as_mut(), what, doing, &clock);
        stop.store(true, Ordering::Relaxed);
        prober.join()
    });
    let updates = updated?;
    let seen = seen.map_err(|_| Lost::Refused("the prober ended early".to_owned()))??;
    Ok(Seen { updates, ..seen })
}

/// Makes a change and undoes it for a while, at least once, and gives how many updates that were.
fn take_turns(
    prepared: &mut dyn Prepared,
    what: Altered,
    doing: &Doing,
    clock: &Clock,
) -> Result<u64, Fault> {
    let begun = Instant::now();
    let mut updates = 0;
    while updates == 0 || begun.elapsed() < doing.pace.updates {
        for way in [Way::There, Way::Back] {
            let change = Change { what, way };
            prepared.ready(&Task::Change(change))?;
            clock.tick();
            let changed = prepared.change(&change);
            clock.tick();
            changed?;
            // What is left to clear away may change no verdict, which is seen as well.
            prepared.settle()?;
            updates += 1;
        }
    }
    Ok(updates)
}

/// Sends every trial in turn until it is told to stop. A packet that no update overlaps must get the verdict
/// of the state that is in force; one that an update overlaps must get that of the old or of the new one.
fn probe(
    road: &Road,
    trials: &Trials,
    what: Altered,
    clock: &Clock,
    stop: &AtomicBool,
) -> Result<Seen, Lost> {
    let shots = trials.list.iter().map(|trial| {
        let answers = [None, Some(what)].map(|state| trial.passes.after(state));
        (trial, bytes(trial, trials.frame), answers)
    });
    let shots: Vec<_> = shots.collect();
    let mut seen = Seen::default();
    for (trial, bytes, answers) in shots.iter().cycle() {
        let before = clock.read();
        let passed = road.passes(trial, bytes)?;
        let after = clock.read();
        let [old, new] = *answers;
        let right = match (before == after, before % 4) {
            (true, 0) => passed == old,
            (true, 2) => passed == new,
            _ => passed == old || passed == new,
        };
        seen.packets += 1;
        if !right {
            seen.wrong += 1;
        }
        if seen.packets.is_multiple_of(LOOK_EVERY) && stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(seen)
}
