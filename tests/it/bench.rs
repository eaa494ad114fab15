//! The benchmark harness: what can be measured, that it is, and that what is wrong is not timed.
//!
//! Nothing here looks at how long anything took.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use margay::bench::Pace;
use margay::bench::measurement::Measurement;
use margay::bench::peer::{self, Peer, PeerError, Prepared};
use margay::bench::run::{Audience, Order, run};
use margay::bench::scenario::{Axis, Phase, Scenario, Word, builtin};
use margay::bench::world::{Change, World};
use rustix::process::{Pid, Signal, kill_process, test_kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::netns::{in_netns, skip};

/// How long what must happen may take.
const PATIENCE: Duration = Duration::from_secs(120);

const TINY: &str = "\
apiVersion: margay/v1
kind: Scenario
name: tiny
about: as little as can be
seed: 7
axes:
  endpoints: 4
  rules: [10]
  groups: 1
phases: [packet-new, delta-member, cold-load]
";

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_margay"))
        .arg("bench")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn written(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.yaml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_list_names_all_that_can_be_measured() {
    let output = bench(&["list", "-o", "json"]);
    assert!(output.status.success());
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["schema"], "margay.bench.list/1");
    let names = |field: &str| -> BTreeSet<String> {
        let items = list[field].as_array().unwrap();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let phases: BTreeSet<_> = Phase::ALL.iter().map(|p| p.word().to_owned()).collect();
    assert_eq!(names("phases"), phases);
    let peers: BTreeSet<_> = peer::all().iter().map(|p| p.name().to_owned()).collect();
    assert_eq!(names("peers"), peers);
    assert_eq!(peers.len(), peer::all().len(), "a name is there twice");
    let text = said(&bench(&["list"]).stdout);
    for scenario in builtin() {
        assert!(names("scenarios").contains(&scenario.name));
        assert!(text.contains(&scenario.about), "{}", scenario.name);
        let all = scenario.peers.iter().all(|peer| peers.contains(peer));
        assert!(all, "{} names a peer that is none", scenario.name);
    }
}

#[test]
fn a_faulty_scenario_is_refused_by_line_and_field() {
    for (right, wrong, line, field, allowed) in [
        ("kind: Scenario", "kind: Sequence", 2, "kind", "Scenario"),
        ("name: tiny", "name: ti/ny", 3, "name", "A-Z"),
        ("seed: 7", "seed: seven", 5, "seed", "a number"),
        (
            "endpoints: 4",
            "endpoints: 1",
            7,
            "axes.endpoints",
            "2 to 1000000",
        ),
        (
            "rules: [10]",
            "rules: [10, x]",
            8,
            "axes.rules[1]",
            "0 to 1000000",
        ),
        ("groups: 1", "family: 5", 9, "axes.family", "4 or 6"),
        ("groups: 1", "grouse: 1", 9, "axes.grouse", "groups"),
        (
            "delta-member",
            "delta-mumble",
            10,
            "phases[1]",
            "delta-member",
        ),
        ("about:", "abuot:", 4, "abuot", "about"),
    ] {
        assert!(TINY.contains(right));
        let (_folder, path) = written(&TINY.replace(right, wrong));
        let output = bench(&["run", &path]);
        let complaint = said(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        for part in [&format!("{path}:{line}:"), field, allowed] {
            assert!(
                complaint.contains(part),
                "{wrong}: no {part} in {complaint}"
            );
        }
    }
    let output = bench(&["run", "no-such-scenario"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output.stderr).contains("packets, "));
}

#[test]
fn a_quick_run_measures_every_peer_or_says_why_not() {
    let test = "bench::a_quick_run_measures_every_peer_or_says_why_not";
    in_netns(test, || {
        let (folder, path) = written(TINY);
        let out = folder.path().join("out");
        let out = out.to_str().unwrap();
        let output = bench(&["run", &path, "--quick", "--rounds", "1", "--out", out]);
        let complaint = said(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        for file in ["results.jsonl", "results.csv", "results.md", "report.html"] {
            let text = fs::read_to_string(format!("{out}/{file}")).unwrap();
            assert!(text.contains("margay"), "{file}");
        }
        let found = margay::bench::folder::read(out.as_ref()).unwrap();
        let measured: BTreeSet<_> = found.measurements.iter().map(|m| m.peer.as_str()).collect();
        let skipped: BTreeSet<_> = found.skips.iter().map(|skip| skip.peer.as_str()).collect();
        for peer in peer::all() {
            let there = measured.contains(peer.name()) || skipped.contains(peer.name());
            assert!(there, "nothing of {}", peer.name());
        }
        for own in ["margay", "margay-commit", "replay", "nft"] {
            assert!(!skipped.contains(own), "{own}: {:?}", found.skips);
            for phase in ["packet-new", "delta-member", "cold-load"] {
                let of = |m: &&Measurement| m.peer == own && m.phase == phase;
                assert!(found.measurements.iter().any(|m| of(&m)), "{own} {phase}");
            }
        }
        counted(&found.measurements);
        let finite = |m: &Measurement| m.values.iter().all(|value| value.is_finite());
        assert!(found.measurements.iter().all(finite));
        assert!(found.facts.iter().any(|(name, _)| name == "kernel"));
    });
}

/// A command calls the kernel at least as often as it takes to start it; bytes at hand are sent and answered.
fn counted(measurements: &[Measurement]) {
    let of = |peer: &str, phase: &str| {
        let mut all = measurements.iter();
        let found = all.find(|m| (&*m.peer, &*m.phase, &*m.metric) == (peer, phase, "syscalls"));
        found.map(|found| found.values[0])
    };
    for phase in ["delta-member", "cold-load"] {
        let calls = ["replay", "nft"].map(|peer| of(peer, phase));
        match calls {
            [Some(replay), Some(nft)] => {
                assert!((2.0..=20.0).contains(&replay), "replay, {phase}: {replay}");
                assert!((100.0..=2_000.0).contains(&nft), "nft, {phase}: {nft}");
            }
            [None, None] => skip("bench::counted", "the kernel counts no system calls for us"),
            _ => panic!("{phase}: {calls:?}"),
        }
    }
}

#[test]
fn an_interrupted_run_keeps_what_it_had_and_leaves_nothing_behind() {
    let test = "bench::an_interrupted_run_keeps_what_it_had_and_leaves_nothing_behind";
    in_netns(test, || {
        for signal in [Signal::INT, Signal::TERM] {
            interrupted(signal);
        }
    });
}

fn interrupted(signal: Signal) {
    let many = TINY.replace("rules: [10]", "rules: [10, 11, 12, 13, 14, 15, 16, 17]");
    let (folder, path) = written(&many);
    let (temporary, mounts) = (tempfile::tempdir().unwrap(), mounted_namespaces());
    let out = folder.path().join("out");
    let mut run = Command::new(env!("CARGO_BIN_EXE_margay"))
        .args(["bench", "run", &path, "--quick", "--rounds", "2", "--out"])
        .arg(&out)
        .env("TMPDIR", temporary.path())
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = Pid::from_child(&run);
    let results = || fs::read_to_string(out.join("results.jsonl")).unwrap_or_default();
    let begun = Instant::now();
    // Where that takes too long it is ended all the same, and what is missing is missed below.
    while !results().contains("delta-member")
        && begun.elapsed() < PATIENCE
        && run.try_wait().unwrap().is_none()
    {
        thread::sleep(Duration::from_millis(50));
    }
    kill_process(process, signal).unwrap();
    let output = run.wait_with_output().unwrap();
    let complaint = said(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("ended early"), "{complaint}");
    let found = margay::bench::folder::read(&out).unwrap();
    let place = found.facts.iter().find(|(name, _)| name == "ended early");
    assert!(
        place.is_some_and(|(_, place)| place.contains("of 8")),
        "{place:?}"
    );
    assert!(found.measurements.iter().any(|m| m.phase == "delta-member"));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("ended early"));
    // Its namespaces have no names: they end with the last process that is in them.
    assert!(
        test_kill_process_group(process).is_err(),
        "a process lives on"
    );
    assert_eq!(mounted_namespaces(), mounts);
    let files: Vec<_> = fs::read_dir(temporary.path()).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
}

/// Namespaces that a mount keeps.
fn mounted_namespaces() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let kept = mounts.lines().filter(|line| line.contains(" nsfs "));
    kept.map(str::to_owned).collect()
}

/// Lets everything pass, and says that it enforces the policy.
#[derive(Debug)]
struct Liar;

impl Peer for Liar {
    fn name(&self) -> &'static str {
        "liar"
    }

    fn about(&self) -> &'static str {
        "loads nothing"
    }

    fn prepare(&self, _world: &World) -> Result<Box<dyn Prepared>, String> {
        Ok(Box::new(Self))
    }
}

impl Prepared for Liar {
    fn load(&mut self) -> Result<(), PeerError> {
        Ok(())
    }

    fn change(&mut self, _change: &Change) -> Result<(), PeerError> {
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        Ok(())
    }

    fn verify(&mut self) -> Result<bool, PeerError> {
        Ok(true)
    }
}

/// Margay once, and nothing more: changes are not made.
#[derive(Debug)]
struct Sluggard(Box<dyn Prepared>);

/// Who prepares it.
#[derive(Debug)]
struct Slow;

impl Peer for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn about(&self) -> &'static str {
        "makes no change"
    }

    fn prepare(&self, world: &World) -> Result<Box<dyn Prepared>, String> {
        Ok(Box::new(Sluggard(peer::margay::FROM_STATE.prepare(world)?)))
    }
}

impl Prepared for Sluggard {
    fn ready(&mut self, task: &peer::Task) -> Result<(), PeerError> {
        self.0.ready(task)
    }

    fn load(&mut self) -> Result<(), PeerError> {
        self.0.load()
    }

    fn change(&mut self, _change: &Change) -> Result<(), PeerError> {
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        self.0.remove()
    }

    fn verify(&mut self) -> Result<bool, PeerError> {
        self.0.verify()
    }
}

#[test]
fn who_is_wrong_is_not_timed() {
    in_netns("bench::who_is_wrong_is_not_timed", || {
        let order = Order {
            scenarios: vec![Scenario {
                name: "planted".to_owned(),
                about: String::new(),
                seed: 1,
                axes: [(Axis::Endpoints, vec![4]), (Axis::Rules, vec![10])].into(),
                phases: vec![Phase::DeltaMember],
                peers: Vec::new(),
            }],
            rounds: 1,
            pace: Pace::QUICK,
            budget: Duration::from_secs(600),
            peers: Vec::new(),
        };
        let peers: [&dyn Peer; 3] = [&Liar, &Slow, &peer::margay::FROM_STATE];
        let mut kept = 0;
        let mut keep = |_: &_| {
            kept += 1;
            Ok::<_, Infallible>(())
        };
        let mut audience = Audience {
            progress: &mut |_| {},
            keep: &mut keep,
            goes_on: &|| true,
        };
        let found = run(&order, &peers, &mut audience).unwrap();
        assert!(
            kept > 2,
            "before the first world, after each phase and at the end"
        );
        let why = |peer: &str| -> Vec<&str> {
            let skips = found.skips.iter().filter(|skip| skip.peer == peer);
            skips.map(|skip| skip.reason.as_str()).collect()
        };
        let timed = |peer: &str| {
            let mut all = found.measurements.iter();
            all.any(|m| m.peer == peer && m.metric == "wall")
        };
        assert!(
            why("liar").concat().contains("passes, and must not"),
            "{found:?}"
        );
        assert!(
            why("slow").concat().contains("does not pass, and must"),
            "{found:?}"
        );
        assert!(why("margay").is_empty(), "{:?}", why("margay"));
        assert_eq!(["liar", "slow", "margay"].map(timed), [false, false, true]);
    });
}
