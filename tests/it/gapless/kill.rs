//! The process that commits is killed between two steps, or in the middle of one.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use margay::scenario::{Random, place};

use super::kinds::{self, Kind};
use super::load::{Clock, Seen, shots};
use super::record::Record;
use super::{is_soak, under_load};
use crate::support::engine::Engine;
use crate::support::netns::in_netns_alone;
use crate::support::prober::{Wiring, places};

/// Says to the test below which kind of update to run until it is killed.
const KIND: &str = "MARGAY_KILL_KIND";

#[test]
fn killed_at_any_instant_it_leaves_no_half_policy() {
    in_netns_alone("killed_at_any_instant_it_leaves_no_half_policy", || {
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let mut engine = Engine::new();
        let kinds = kinds::killed();
        let kills = if is_soak() { 1_000 } else { 50 };
        let mut random = Random::new(1);
        let mut record = Record::begin("kills");
        for (n, kind) in kinds.iter().enumerate() {
            let share = kills / kinds.len() + usize::from(n < kills % kinds.len());
            let seen = killed(&mut wiring, &mut engine, &mut random, (n, kind), share);
            record.add(kind.name, share, &seen);
            assert!(seen.examples.is_empty(), "{:#?}", seen.examples);
        }
    });
}

/// Packets are judged all along: by both states while the other process lives, by the first one
/// after the repair.
fn killed(
    wiring: &mut Wiring,
    engine: &mut Engine,
    random: &mut Random,
    (n, kind): (usize, &Kind),
    kills: usize,
) -> Seen {
    let rulesets = kind.states.each_ref().map(|state| engine.compiled(state));
    engine.update(&rulesets[0]);
    let shots = shots(kind, wiring);
    let clock = Clock::default();
    under_load(wiring, &shots, &clock, || {
        for _ in 0..kills {
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            run_and_kill(n, Duration::from_micros(u64::from(random.port())));
            engine.look();
            engine.update_watched(&rulesets[0], &mut |moment| clock.note(moment));
            assert!(engine.holds(&rulesets[0]), "not repaired: {}", kind.name);
            // Two states on: the first one again.
            clock.epoch.fetch_add(3, Ordering::SeqCst);
            super::pause(Duration::from_millis(2));
        }
    })
}

/// Starts this very program with the test below in the calling thread's namespace.
fn run_and_kill(kind: usize, after: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "gapless::kill::committing_until_killed",
            "--nocapture",
        ])
        .env(KIND, kind.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    wait_for_first_update(output);
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn wait_for_first_update(output: impl std::io::Read) {
    use std::io::BufRead;
    let mut lines = std::io::BufReader::new(output).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("updating")),
        "the other process ended"
    );
}

/// The process that is killed: nothing to do unless it was started for that.
#[test]
fn committing_until_killed() {
    let Some(kind) = std::env::var_os(KIND) else {
        return;
    };
    let kind: usize = kind.into_string().unwrap().parse().unwrap();
    let kind = &kinds::killed()[kind];
    let mut engine = Engine::new();
    engine.look();
    let rulesets = kind.states.each_ref().map(|state| engine.compiled(state));
    println!("updating");
    for n in 1.. {
        engine.update(&rulesets[n % 2]);
    }
}
