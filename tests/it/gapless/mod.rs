//! No packet sees half a policy: packets at full speed on one core, updates on the other.
//!
//! Each kind of update goes back and forth between two states. Of a packet sent while no update is
//! under way the one right answer is known; of one that overlaps an update, the answers of both
//! states are right, and for most packets these are the same.

mod control;
#[cfg(feature = "etcd")]
pub(crate) mod daemon;
mod instants;
mod kill;
pub(crate) mod kinds;
mod labelled;
pub(crate) mod load;
#[path = "../../../benches/kernel/machine.rs"]
mod machine;
mod record;
pub(crate) mod script;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use margay::ruleset::transaction::{Commit, Wait};
use margay::scenario::place;

use crate::support::engine::Engine;
use crate::support::netns::in_netns_alone;
use crate::support::prober::{Wiring, places};
use kinds::{Kind, Size};
use load::{Clock, Seen, Shot, fire, pin, shots};
use record::Record;

/// Probes that must overlap a transaction before a kind of update has been tried enough.
const OVERLAPPED: u64 = 10_000;

/// Probes a second of the sender's own time that all kinds together must reach.
const RATE: u64 = 100_000;

#[test]
fn no_packet_sees_half_a_policy() {
    in_netns_alone("no_packet_sees_half_a_policy", || {
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let mut engine = Engine::new();
        let mut record = Record::begin("updates");
        let (mut all, mut wrong) = (Seen::default(), Vec::new());
        for kind in kinds::all() {
            let (made, seen) = tried(&mut wiring, &mut engine, &kind);
            record.add(kind.name, made, &seen);
            all.probes += seen.probes;
            all.cpu += seen.cpu;
            let examples = seen.examples.iter();
            wrong.extend(examples.map(|seen| format!("{}: {seen}", kind.name)));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(all.rate() >= RATE, "{} probes a second", all.rate());
    });
}

/// As many updates as a kind asks for, and more until enough probes overlapped a transaction: how
/// many were made, and what was seen.
fn tried(wiring: &mut Wiring, engine: &mut Engine, kind: &Kind) -> (usize, Seen) {
    let rulesets = kind.states.each_ref().map(|state| engine.compiled(state));
    // There and back, so that the counted updates are all alike.
    engine.update(&rulesets[0]);
    let both = [1, 0].map(|state| engine.update(&rulesets[state]));
    let shots = shots(kind, wiring);
    let wanted = updates(kind.size, &both);
    let mut made = 0;
    let clock = Clock::default();
    let seen = under_load(wiring, &shots, &clock, || {
        while made < wanted || clock.overlapped.load(Ordering::Relaxed) < OVERLAPPED {
            made += 1;
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            engine.update_watched(&rulesets[made % 2], &mut |moment| clock.note(moment));
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            // Most packets should be judged by one state alone.
            pause(Duration::from_micros(300));
        }
    });
    (made, seen)
}

/// Runs updates on core 0 while shots are fired from core 1.
pub(crate) fn under_load(
    wiring: &Wiring,
    shots: &[Shot],
    clock: &Clock,
    updates: impl FnOnce(),
) -> Seen {
    pin(0);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| fire(wiring, shots, clock));
        let stop = StopOnDrop(clock);
        updates();
        drop(stop);
        sender
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Lets the sender end also where an update panics.
struct StopOnDrop<'a>(&'a Clock);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

/// How many updates are worth their time: fewer of those that wait for packets in flight.
fn updates(size: Size, commits: &[Commit]) -> usize {
    let mut steps = commits.iter().flat_map(|commit| &commit.steps);
    let waits = steps.any(|step| step.wait == Wait::Grace);
    match (size, waits, is_soak()) {
        (Size::Small, false, false) => 1_000,
        (Size::Small, true, false) => 60,
        (Size::Large, _, false) => 20,
        (Size::Small, _, true) => 10_000,
        (Size::Large, _, true) => 300,
    }
}

/// `MARGAY_SOAK=1` is the long run.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("MARGAY_SOAK").is_some_and(|value| value == "1")
}

/// Sleeping would take longer than this.
pub(crate) fn pause(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}
