//! From iptables to nf_tables and back while packets pass, also where the process is killed in between.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::opening::{Opening, Wish};
use margay::backend::reconcile::reconcile;
use margay::backend::xtables::{Placement, Variant, traces};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::ruleset::Tracked;
use margay::scenario::{Random, place};

use super::drift::said;
use crate::gapless::kinds::{self, Kind};
use crate::gapless::load::{Clock, Seen, shots};
use crate::gapless::{is_soak, pause, under_load};
use crate::support::netns::{in_netns_alone, report};
use crate::support::prober::{Wiring, places};

/// Says to the test below where to go from one backend to the other until it is killed.
const RUN_DIR: &str = "MARGAY_SWITCH_RUN_DIR";

/// A policy with sets of every kind, the same before and after.
fn unchanged() -> Kind {
    let mut kinds = kinds::all().into_iter();
    let kind = kinds
        .find(|kind| kind.name == "1,000 rules replaced")
        .unwrap();
    let [state, _] = kind.states;
    Kind {
        states: [state.clone(), state],
        ..kind
    }
}

/// Brings a policy in force by a backend, and takes away what another one held.
fn switch(wish: Wish, state: &State, run_dir: &Path) {
    let opening = Opening {
        wish,
        variant: Some(Variant::Legacy),
        placement: Placement::Insert,
        run_dir,
    };
    let nft = || NftBackend::new(Ownership::Persist);
    let mut host = opening.open(nft, &table_key()).unwrap();
    let ruleset = compile(state, place::HOST, &Skeleton::builtin().unwrap());
    let desired = Tracked::from(ruleset.tables[&table_key()].clone());
    reconcile(&mut host, &table_key(), &desired).unwrap();
    host.supersede(&table_key()).unwrap();
}

/// Which of nf_tables and iptables hold something of ours.
fn in_force(run_dir: &Path) -> [bool; 2] {
    let mut nft = NftBackend::new(Ownership::None).unwrap();
    let nft = nft.observe(&table_key()).unwrap().is_some();
    [nft, !traces(run_dir).unwrap().is_empty()]
}

fn told(what: &str, times: usize, seen: &Seen) {
    let (probes, during, wrong) = (seen.probes, seen.during_updates, seen.wrong);
    report(&format!(
        "{what}: {times} times, {probes} probes, {during} meanwhile, {wrong} wrong"
    ));
    assert!(during > 1_000, "{during} probes saw nothing");
    assert!(seen.examples.is_empty(), "{:#?}", seen.examples);
}

#[test]
fn no_packet_notices_which_backend_is_in_force() {
    in_netns_alone("no_packet_notices_which_backend_is_in_force", || {
        let folder = tempfile::tempdir().unwrap();
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let kind = unchanged();
        switch(Wish::Xtables, &kind.states[0], folder.path());
        let shots = shots(&kind, &mut wiring);
        let clock = Clock::default();
        let times = if is_soak() { 200 } else { 12 };
        let seen = under_load(&wiring, &shots, &clock, || {
            for n in 0..times {
                let (wish, after) = match n % 2 {
                    0 => (Wish::Nft, [true, false]),
                    _ => (Wish::Xtables, [false, true]),
                };
                clock.epoch.fetch_add(1, Ordering::SeqCst);
                switch(wish, &kind.states[0], folder.path());
                clock.epoch.fetch_add(1, Ordering::SeqCst);
                assert_eq!(in_force(folder.path()), after);
                pause(Duration::from_millis(1));
            }
        });
        told("from one backend to the other", times, &seen);
    });
}

#[test]
fn killed_between_two_backends_it_leaves_one_in_force() {
    in_netns_alone("killed_between_two_backends_it_leaves_one_in_force", || {
        let folder = tempfile::tempdir().unwrap();
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let kind = unchanged();
        switch(Wish::Xtables, &kind.states[0], folder.path());
        let shots = shots(&kind, &mut wiring);
        let clock = Clock::default();
        let kills = if is_soak() { 500 } else { 24 };
        let mut random = Random::new(6);
        let mut both = 0;
        let seen = under_load(&wiring, &shots, &clock, || {
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            for _ in 0..kills {
                run_and_kill(
                    folder.path(),
                    Duration::from_millis(random.below(600) as u64),
                );
                let in_force = in_force(folder.path());
                assert_ne!(in_force, [false, false]);
                both += usize::from(in_force == [true, true]);
            }
            // Whoever comes next finishes what was begun.
            switch(Wish::Nft, &kind.states[0], folder.path());
            assert_eq!(in_force(folder.path()), [true, false]);
            clock.epoch.fetch_add(1, Ordering::SeqCst);
        });
        told("killed between two backends", kills, &seen);
        report(&format!("both were in force after {both} of {kills} kills"));
        assert_eq!(said("ipset", &["list", "-n"]), "");
    });
}

/// Starts this very program with the test below in the calling thread's namespace.
fn run_and_kill(run_dir: &Path, after: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "xtables::switch::switching_until_killed",
            "--nocapture",
        ])
        .env(RUN_DIR, run_dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("switching")));
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The process that is killed: nothing to do unless it was started for that.
#[test]
fn switching_until_killed() {
    let Some(run_dir) = std::env::var_os(RUN_DIR) else {
        return;
    };
    let state = &unchanged().states[0];
    println!("switching");
    for wish in [Wish::Nft, Wish::Xtables].into_iter().cycle() {
        switch(wish, state, Path::new(&run_dir));
    }
}
