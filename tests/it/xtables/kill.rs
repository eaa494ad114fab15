//! Killed at each step, of an update and of a change of backend, while packets pass: one of the two is
//! in force, no packet gets a wrong verdict, and whoever comes next finishes what was begun.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use margay::backend::opening::Wish;
use margay::backend::xtables::Variant;
use margay::scenario::place;

use super::drift::said;
use super::switch::{in_force, switch, unchanged};
use crate::gapless::kinds::{self, Kind};
use crate::gapless::load::{Clock, shots};
use crate::gapless::{is_soak, under_load};
use crate::support::assassin::{Assassin, Fate, Step};
use crate::support::netns::{in_netns_alone, report};
use crate::support::prober::{Wiring, places};

/// Says to the test below what to bring in force.
const TASK: &str = "MARGAY_KILL_TASK";

/// The kind of which nothing changes but the backend; it is small, since each step is taken many times.
const SAME: &str = "10 rules replaced";

/// More steps than anything takes.
const STEPS_MAX: usize = 100;

/// A state of a kind to be in force by a backend.
#[derive(Debug, Clone)]
struct Task {
    kind: String,
    state: usize,
    wish: Wish,
    variant: Variant,
    run_dir: PathBuf,
}

impl Task {
    fn kind(&self) -> Kind {
        let mut kinds = kinds::all().into_iter().chain([unchanged(SAME)]);
        kinds.find(|kind| kind.name == self.kind).unwrap()
    }

    fn run(&self) {
        let state = &self.kind().states[self.state];
        switch((self.wish, self.variant), state, &self.run_dir);
    }

    /// This very program with the test below, which runs it in the calling thread's namespace.
    fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "xtables::kill::one_task_until_killed"]);
        command.env(TASK, self.text());
        command
    }

    fn text(&self) -> String {
        let wish = match self.wish {
            Wish::Nft => "nft",
            Wish::Xtables => "xtables",
            Wish::Auto => "auto",
        };
        let (kind, state, variant) = (&self.kind, self.state, self.variant);
        format!("{kind}|{state}|{wish}|{variant}|{}", self.run_dir.display())
    }

    fn read(text: &str) -> Self {
        let [kind, state, wish, variant, run_dir] =
            text.split('|').collect::<Vec<_>>().try_into().unwrap();
        let mut variants = Variant::ALL.into_iter();
        Self {
            kind: kind.to_owned(),
            state: state.parse().unwrap(),
            wish: match wish {
                "nft" => Wish::Nft,
                "xtables" => Wish::Xtables,
                other => panic!("{other}"),
            },
            variant: variants.find(|known| known.name() == variant).unwrap(),
            run_dir: run_dir.into(),
        }
    }
}

/// The process that is killed: nothing to do unless it was started for that.
#[test]
fn one_task_until_killed() {
    if let Some(task) = std::env::var_os(TASK) {
        Task::read(&task.into_string().unwrap()).run();
    }
}

/// Goes from one task to another, killed at each step of each way.
fn killed_between(tasks: [Task; 2], ways: &[fn(usize) -> Step]) {
    let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
    let assassin = Assassin::new();
    tasks[0].run();
    let kind = tasks[0].kind();
    let shots = shots(&kind, &mut wiring);
    let clock = Clock::default();
    let mut kills = 0;
    let seen = under_load(&wiring, &shots, &clock, || {
        // What is half done may give either answer, where the two states differ.
        clock.epoch.fetch_add(1, Ordering::SeqCst);
        for (from, to) in [(&tasks[0], &tasks[1]), (&tasks[1], &tasks[0])] {
            for way in ways {
                let here = killed_on_the_way(&assassin, from, to, *way);
                let (from, to) = (from.text(), to.text());
                assert!(here > 0, "{:?} killed nobody from {from} to {to}", way(1));
                kills += here;
            }
            to.run();
        }
        // The state that the next epoch is to be.
        tasks[1].run();
        clock.epoch.fetch_add(1, Ordering::SeqCst);
    });
    let (probes, wrong) = (seen.probes, seen.wrong);
    report(&format!(
        "{}: {kills} kills, {probes} probes, {wrong} wrong",
        tasks[1].text()
    ));
    assert!(probes > 1_000, "{probes} probes saw nothing");
    assert!(seen.examples.is_empty(), "{:#?}", seen.examples);
}

/// At the first step, the second, and so on to the end; then back to the beginning.
fn killed_on_the_way(assassin: &Assassin, from: &Task, to: &Task, way: fn(usize) -> Step) -> usize {
    for number in 1..STEPS_MAX {
        let fate = assassin.send(&mut to.command(), way(number));
        assert_ne!(in_force(&to.run_dir), [false, false], "{:?}", way(number));
        if fate == Fate::Ended {
            assert_eq!(in_force(&to.run_dir), alone(to.wish));
            from.run();
            return number - 1;
        }
        to.run();
        assert_eq!(in_force(&to.run_dir), alone(to.wish), "{:?}", way(number));
        from.run();
    }
    panic!("more than {STEPS_MAX} steps");
}

/// What is in force when only this backend is.
fn alone(wish: Wish) -> [bool; 2] {
    [wish == Wish::Nft, wish != Wish::Nft]
}

fn task(kind: &str, state: usize, wish: Wish, variant: Variant, run_dir: &Path) -> Task {
    Task {
        kind: kind.to_owned(),
        state,
        wish,
        variant,
        run_dir: run_dir.to_owned(),
    }
}

#[test]
fn killed_at_each_step_between_two_backends_it_leaves_one_in_force() {
    let name = "killed_at_each_step_between_two_backends_it_leaves_one_in_force";
    for variant in Variant::ALL {
        in_netns_alone(name, || {
            let folder = tempfile::tempdir().unwrap();
            let to = |wish| task(unchanged(SAME).name, 0, wish, variant, folder.path());
            let ways: &[fn(usize) -> Step] = match variant {
                Variant::Legacy => &[Step::Half, Step::Written, Step::Committed],
                // `ipset restore` is the same program for both.
                Variant::Nft => &[Step::Written, Step::Committed],
            };
            killed_between([to(Wish::Xtables), to(Wish::Nft)], ways);
            to(Wish::Nft).run();
            assert_eq!(said("ipset", &["list", "-n"]), "");
        });
    }
}

#[test]
fn killed_at_each_step_of_an_update_it_leaves_no_half_policy() {
    let name = "killed_at_each_step_of_an_update_it_leaves_no_half_policy";
    let kinds = [
        (Variant::Legacy, "an endpoint changes groups"),
        (Variant::Nft, "10 rules replaced"),
    ];
    // Both variants are written by the same code: the second is for who has the time, and so is the half of what
    // `ipset restore` reads, which the other test kills at, too.
    let mut ways: Vec<fn(usize) -> Step> = vec![Step::Written];
    let mut tried = 1;
    if is_soak() {
        ways.push(Step::Half);
        tried = kinds.len();
    }
    for (variant, kind) in kinds.into_iter().take(tried) {
        in_netns_alone(name, || {
            let folder = tempfile::tempdir().unwrap();
            let to = |state| task(kind, state, Wish::Xtables, variant, folder.path());
            killed_between([to(0), to(1)], &ways);
        });
    }
}
