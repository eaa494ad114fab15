//! The last apply, kept or undone, by the program as it is run.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::reconcile::reconcile;
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::ruleset::diff::normalised;
use margay::ruleset::{Table, Tracked};
use margay::undo::{Place, Record};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::apply::{WORLD, World, exits, listed, margay};
use crate::support::netns::{in_netns, nft};

/// How long what was begun may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

impl World {
    /// A line for a shell that applies, and stays when that waits to be confirmed.
    fn waiting(&self) -> String {
        format!(
            "{} apply {} --host n1 --run-dir {} --confirm-within 2; sleep 1000",
            env!("CARGO_BIN_EXE_margay"),
            self.path(),
            self.run_dir()
        )
    }

    /// Runs a command that takes no documents.
    #[track_caller]
    fn ask(&self, command: &str, code: i32) -> (String, String) {
        exits(margay(&[command, "--run-dir", &self.run_dir()]), code)
    }
}

/// What is in force.
fn held() -> Option<Table> {
    let mut witness = NftBackend::new(Ownership::None).unwrap();
    let held = witness.observe(&table_key()).unwrap();
    held.map(|table| normalised(&table))
}

#[track_caller]
fn wait_for(table: Option<&Table>) {
    let begun = Instant::now();
    while held().as_ref() != table {
        assert!(begun.elapsed() < PATIENCE, "{}", listed());
        sleep(Duration::from_millis(10));
    }
}

/// The documents with another port.
fn other() -> String {
    WORLD.replace("80-443", "8080")
}

/// The rules of a chain with their handles: a counter goes with its rule.
fn handles(chain: &str) -> String {
    nft(&["-a", "list", "chain", "inet", "margay", chain], "")
}

#[test]
fn who_confirms_in_time_keeps() {
    in_netns("who_confirms_in_time_keeps", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        let (_, nothing) = world.ask("confirm", 1);
        assert_eq!(nothing, "error: nothing waits to be confirmed\n");
        world.write(&other());
        let (told, _) = world.run("apply", &["--confirm-within", "1"], 0);
        assert!(
            told.ends_with("\nrolled back in 1 s, unless `margay confirm` comes before\n"),
            "{told}"
        );
        let new = held();
        let (told, _) = world.ask("confirm", 0);
        assert_eq!(told, "confirmed: what the last apply did stays\n");
        sleep(Duration::from_millis(1500));
        assert_eq!(held(), new);
        world.ask("confirm", 1);
        // What was confirmed can still be undone.
        world.ask("rollback", 0);
        world.write(WORLD);
        world.run("plan", &[], 0);
    });
}

#[test]
fn what_nobody_confirms_is_as_it_was() {
    in_netns("what_nobody_confirms_is_as_it_was", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        let (before, untouched) = (held(), handles("forward"));
        assert!(untouched.contains("# handle"), "{untouched}");
        world.write(&other());
        let (json, _) = world.run("apply", &["--confirm-within", "1", "-o", "json"], 0);
        let told: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(told["confirm_within_seconds"], 1);
        assert_ne!(held(), before);
        wait_for(before.as_ref());
        assert_eq!(handles("forward"), untouched);
        let begun = Instant::now();
        let (_, late) = loop {
            let said = world.ask("confirm", 1);
            if said.1.contains("rolled back") || begun.elapsed() > PATIENCE {
                break said;
            }
        };
        assert!(
            late.contains("the last apply was rolled back, nobody confirmed within 1 s"),
            "{late}"
        );
        world.ask("rollback", 1);
    });
}

#[test]
fn a_host_without_a_table_has_none_again() {
    in_netns("a_host_without_a_table_has_none_again", || {
        let world = World::new(WORLD);
        world.run("apply", &["--confirm-within", "600"], 0);
        assert!(held().is_some());
        let (told, _) = world.ask("rollback", 0);
        assert_eq!(told, "rolled back, as asked: 1 transactions\n");
        assert_eq!(listed(), "");
    });
}

/// Waits until an apply says that it waits.
fn wait_for_waiting(shell: &mut Child) {
    let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("rolled back in 2 s")));
}

#[test]
fn a_terminal_that_is_lost_takes_nothing_along() {
    in_netns("a_terminal_that_is_lost_takes_nothing_along", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        let before = held();
        world.write(&other());
        // A terminal of its own, and the shell in it the leader of the foreground.
        let mut terminal = Command::new("script")
            .args(["-qfc", &world.waiting(), "/dev/null"])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_waiting(&mut terminal);
        assert_ne!(held(), before);
        let id = Pid::from_child(&terminal);
        kill_process_group(id, Signal::HUP).unwrap();
        let _ended_already = kill_process(id, Signal::KILL);
        terminal.wait().unwrap();
        wait_for(before.as_ref());
    });
}

#[test]
fn what_a_killed_group_left_is_rolled_back() {
    in_netns("what_a_killed_group_left_is_rolled_back", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        let before = held();
        world.write(&other());
        let mut group = Command::new("sh")
            .args(["-c", &world.waiting()])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_waiting(&mut group);
        kill_process_group(Pid::from_child(&group), Signal::KILL).unwrap();
        group.wait().unwrap();
        assert_ne!(held(), before);
        wait_for(before.as_ref());
    });
}

#[test]
fn an_apply_that_dies_is_undone_at_once() {
    in_netns("an_apply_that_dies_is_undone_at_once", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        let before = held();
        world.write(&other());
        world.run("apply", &[], 0);
        let place = Place::of(world.run_dir().as_ref()).unwrap();
        Record::new(table_key(), before.as_ref(), &held().unwrap())
            .keep(&place)
            .unwrap();
        let keeper = |said: &str| {
            let run_dir = world.run_dir();
            let line = format!(
                "printf '{said}' | {} keep-until-confirmed --within 600 --run-dir {run_dir}",
                env!("CARGO_BIN_EXE_margay")
            );
            exits(Command::new("sh").args(["-c", &line]).output().unwrap(), 0)
        };
        // One that did not come as far as its record has changed nothing.
        assert_eq!(keeper(""), ("ready\n".to_owned(), "not begun\n".to_owned()));
        assert_ne!(held(), before);
        let (_, told) = keeper("recorded\n");
        assert!(
            told.starts_with("rolled back, it did not come to its end: "),
            "{told}"
        );
        assert_eq!(held(), before);
    });
}

#[test]
fn rollback_undoes_the_last_apply_and_nothing_that_came_after() {
    in_netns(
        "rollback_undoes_the_last_apply_and_nothing_that_came_after",
        || {
            let world = World::new(WORLD);
            let (_, stderr) = world.ask("rollback", 1);
            assert!(stderr.contains("there is nothing to undo"), "{stderr}");
            world.run("apply", &[], 0);
            let before = held();
            world.write(&other());
            world.run("apply", &[], 0);
            // What moves nothing is nothing to undo.
            world.run("apply", &[], 0);
            let added = "element inet margay group/web/v4 { 10.9.9.9 }";
            nft(&["-f", "-"], &format!("add {added}"));
            let tampered = held();
            let (_, stderr) = world.ask("rollback", 4);
            assert!(stderr.contains("somebody changed it since"), "{stderr}");
            assert_eq!(held(), tampered);
            nft(&["-f", "-"], &format!("delete {added}"));
            let (told, _) = world.ask("rollback", 0);
            assert!(told.starts_with("rolled back: "), "{told}");
            assert_eq!(held(), before);
            world.ask("rollback", 1);
        },
    );
}

#[test]
fn a_second_apply_waits_for_the_first_to_be_decided() {
    in_netns("a_second_apply_waits_for_the_first_to_be_decided", || {
        let world = World::new(WORLD);
        world.run("apply", &["--confirm-within", "600"], 0);
        let first = held();
        world.write(&other());
        for more in [&["--confirm-within", "600"][..], &[]] {
            let (_, stderr) = world.run("apply", more, 4);
            assert!(
                stderr.contains("another apply waits to be confirmed"),
                "{stderr}"
            );
            assert_eq!(held(), first);
        }
        world.ask("confirm", 0);
        world.run("apply", &["--confirm-within", "600"], 0);
        world.ask("rollback", 0);
        assert_eq!(held(), first);
    });
}

#[test]
fn a_table_that_somebody_owns_is_left_to_them() {
    in_netns("a_table_that_somebody_owns_is_left_to_them", || {
        let world = World::new(WORLD);
        let state = margay::codec::parse("w.yaml", WORLD).state;
        let mut ruleset = compile(&state, "n1", &Skeleton::builtin().unwrap());
        let table = Tracked::from(ruleset.tables.remove(&table_key()).unwrap());
        let mut owner = NftBackend::new(Ownership::Owner).unwrap();
        reconcile(&mut owner, &table_key(), &table).unwrap();
        let before = held();
        world.write(&other());
        for (_, stderr) in [world.run("apply", &[], 4), world.ask("rollback", 4)] {
            assert!(
                stderr.starts_with("error: table inet margay is owned by ")
                    && stderr.contains(&format!("answers at {}/ctl", world.run_dir())),
                "{stderr}"
            );
        }
        assert_eq!(held(), before);
        drop(owner);
        world.run("apply", &[], 0);
        assert_ne!(held(), before);
    });
}

#[test]
fn what_cannot_be_put_back_is_not_replaced_on_trial() {
    in_netns("what_cannot_be_put_back_is_not_replaced_on_trial", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        nft(&["-f", "-"], "add rule inet margay forward log level emerg");
        let tampered = listed();
        let (_, stderr) = world.run("apply", &["--confirm-within", "600"], 4);
        assert!(stderr.contains("could not be put back"), "{stderr}");
        assert_eq!(listed(), tampered);
        let (_, stderr) = world.run("apply", &[], 0);
        assert!(
            stderr.contains("warning: this apply cannot be undone: "),
            "{stderr}"
        );
        assert_ne!(listed(), tampered);
    });
}
