//! The control: the same updates squashed into one transaction must show wrong verdicts, or the
//! test of the others cannot see.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use margay::scenario::place;

use super::kinds::{self, Kind};
use super::load::{Clock, Seen, shots};
use super::record::Record;
use super::{pause, under_load};
use crate::support::engine::Engine;
use crate::support::netns::in_netns_alone;
use crate::support::prober::{Wiring, places};

/// How long a squashed update may hide what it does.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn squashed_into_one_transaction_updates_are_seen_half_done() {
    in_netns_alone(
        "squashed_into_one_transaction_updates_are_seen_half_done",
        || {
            let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
            let mut engine = Engine::new();
            let mut record = Record::begin("squashed");
            for kind in kinds::squashed() {
                let (made, seen) = squashed(&mut wiring, &mut engine, &kind);
                record.add(kind.name, made, &seen);
                assert!(seen.wrong > 0, "{} was not seen half done", kind.name);
            }
        },
    );
}

/// Updates until one is seen half done: how many, and what was seen.
fn squashed(wiring: &mut Wiring, engine: &mut Engine, kind: &Kind) -> (usize, Seen) {
    let rulesets = kind.states.each_ref().map(|state| engine.compiled(state));
    engine.update(&rulesets[0]);
    let shots = shots(kind, wiring);
    let (clock, started) = (Clock::default(), Instant::now());
    let mut made = 0;
    let seen = under_load(wiring, &shots, &clock, || {
        while clock.wrong.load(Ordering::Relaxed) == 0 && started.elapsed() < PATIENCE {
            made += 1;
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            engine.update_squashed(&rulesets[made % 2], &mut |moment| clock.note(moment));
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            pause(Duration::from_micros(300));
        }
    });
    (made, seen)
}
