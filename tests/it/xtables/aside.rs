//! The daemon where a program refuses: what one object is to blame for is put aside alone, and a first load
//! that ended half-way is no table.

use std::time::Instant;

use margay::scenario::place::HOST;
use serde_json::Value;

use super::agent::{PATIENCE, pods, script, status};
use super::drift::said;
use crate::gapless::script::Script;
use crate::support::daemon::Process;
use crate::support::fakes::Fake;
use crate::support::netns::in_netns;

/// A daemon over a folder, by iptables-legacy; not started yet.
fn daemon(store: &[(&str, &str)]) -> Process {
    let ours = [("NFTABLESMODE", "Disabled"), ("IPTABLESBACKEND", "Legacy")];
    Process::new(HOST, &[store, &ours].concat())
}

fn wait_for(process: &Process, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let status = status(process);
        if holds(&status) {
            return status;
        }
        let log = process.log();
        assert!(begun.elapsed() < PATIENCE, "{what}: {status:#}\n{log}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn aside(status: &Value) -> Vec<String> {
    let aside = status["aside"].as_object();
    aside
        .map(|aside| aside.keys().cloned().collect())
        .unwrap_or_default()
}

/// Whether our jump stands in FORWARD, of IPv4 and of IPv6.
fn stands() -> [bool; 2] {
    let stands = |program| said(program, &["-S", "FORWARD"]).contains("-j mgy-forward");
    ["iptables-legacy", "ip6tables-legacy"].map(stands)
}

#[test]
fn a_first_load_that_ended_half_way_is_no_table_in_force() {
    in_netns(
        "a_first_load_that_ended_half_way_is_no_table_in_force",
        || {
            let _pods = pods();
            // Nobody answers there: what is known of policy is nothing, as long as it runs.
            let etcd = [("DATASTORETYPE", "etcdv3"), ("ETCDADDR", "127.0.0.1:1")];
            let mut process = daemon(&etcd);
            let fake = Fake::new("ip6tables-legacy-restore", "echo 'no' >&2; exit 1");
            process.find_programs(Some(fake.path()));
            process.run();
            assert!(!process.wait(PATIENCE).success());
            assert_eq!(stands(), [true, false]);
            process.find_programs(None);
            process.run();
            let begun = Instant::now();
            while stands() != [true; 2] {
                assert!(begun.elapsed() < PATIENCE, "{}", process.log());
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            process.kill();
            // And all of it, when policy is known.
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("policy.yaml"), script().text()).unwrap();
            process.set("DATASTORETYPE", "folder");
            process.set("DATASTOREFOLDER", &folder.path().display().to_string());
            process.run();
            wait_for(&process, "healthy", |status| status["health"] == "healthy");
            let rules = || said("iptables-legacy", &["-S"]);
            assert!(rules().contains("mgy-policy/server/in"));
            process.stop();
            // What is whole stays, also where nobody says what it should be.
            process.set("DATASTORETYPE", "etcdv3");
            process.run();
            wait_for(&process, "up", Value::is_object);
            assert!(rules().contains("mgy-policy/server/in"));
            process.stop();
        },
    );
}

/// The script, one more group that is to be put aside, and another one behind it.
fn more(bad: &[&str]) -> Script {
    script()
        .group("bad", bad, &["to all"])
        .endpoint("c", 2, 2, "bad")
        .group("later", &["tcp 200 from group client"], &["to all"])
        .endpoint("d", 3, 3, "later")
}

/// Refuses whatever has the port, in a fake program of a name: says so in these words, of which a line may be
/// told, as ipset does, or not, as iptables does where the kernel refuses a table.
fn refusing(name: &str, words: &str) -> Fake {
    let script = format!(
        "text=$(cat)\nline=$(printf '%s\\n' \"$text\" | grep -n 4242 | head -1 | cut -d: -f1)\n\
         if [ -n \"$line\" ]; then echo \"{words}\" >&2; exit 1; fi\n\
         printf '%s\\n' \"$text\" | {name} \"$@\""
    );
    Fake::new(name, &script)
}

#[test]
fn one_group_that_a_program_refuses_is_put_aside_alone() {
    let member = ["tcp 4242 from slot 0", "tcp 4243 from slot 1"];
    for (program, words, bad) in [
        ("ipset", "ipset v7.17: Error in line $line: no", &member[..]),
        (
            "iptables-legacy-restore",
            "iptables-legacy-restore: no",
            &["tcp 4242 from group client"],
        ),
    ] {
        in_netns(
            "one_group_that_a_program_refuses_is_put_aside_alone",
            || {
                put_aside_by(&refusing(program, words), bad);
            },
        );
    }
}

fn put_aside_by(fake: &Fake, bad: &[&str]) {
    let _pods = pods();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, script().text()).unwrap();
    let path = folder.path().display().to_string();
    let mut process = daemon(&[("DATASTORETYPE", "folder"), ("DATASTOREFOLDER", &*path)]);
    process.find_programs(Some(fake.path()));
    process.run();
    wait_for(&process, "healthy", |status| status["health"] == "healthy");
    std::fs::write(&file, more(bad).text()).unwrap();
    let told = wait_for(&process, "put aside", |status| !aside(status).is_empty());
    assert_eq!(aside(&told), ["group bad"], "{told:#}");
    let held = || said("iptables-legacy", &["-S"]) + &said("ipset", &["save"]);
    let now = held();
    for chain in ["mgy-policy/server/in", "mgy-policy/later/in"] {
        assert!(now.contains(chain), "{chain}: {now}");
    }
    assert!(!now.contains("4242"), "{now}");
    // Taken, when the program takes it.
    process.stop();
    process.find_programs(None);
    process.run();
    wait_for(&process, "healthy", |status| {
        status["health"] == "healthy" && aside(status).is_empty()
    });
    assert!(held().contains("4242"));
    process.stop();
}
