//! Documents to the kernel and back: plan, apply, cleanup.

use std::fs;
use std::process::{Command, Output};

use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::compile::words::blamed;
use margay::ruleset::transaction::Operation;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::netns::{in_netns, nft};

pub(crate) const WORLD: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 tcp 80-443 from 10.0.0.0/8
    - allow IPv4 tcp 80-443 from 192.0.2.0/24
    - allow IPv4 tcp 22 from group web
  egress:
    - allow IPv4 to 0.0.0.0/0
---
{apiVersion: margay/v1, kind: Endpoint, name: vm1, host: n1, interface: tap1,
 mac: 02:00:00:00:00:01, addresses: [10.65.0.2, fd00::2], groups: [web]}
---
{apiVersion: margay/v1, kind: Endpoint, name: vm2, host: n1, interface: tap2,
 addresses: [10.65.0.3], groups: [web]}
";

/// A folder with one document file.
pub(crate) struct World(TempDir);

impl World {
    pub(crate) fn new(text: &str) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.write(text);
        world
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(self.0.path().join("w.yaml"), text).unwrap();
    }

    /// Where the document is.
    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// The run directory of its applies, which the folder's reader leaves out.
    pub(crate) fn run_dir(&self) -> String {
        format!("{}/.run", self.path())
    }

    /// Runs a command over the folder for host `n1`, in the calling thread's namespace.
    #[track_caller]
    pub(crate) fn run(&self, command: &str, more: &[&str], code: i32) -> (String, String) {
        let path = self.path();
        let run_dir = self.run_dir();
        let own: &[&str] = match command {
            "apply" => &["--run-dir", &run_dir],
            _ => &[],
        };
        exits(
            margay(&[&[command, path, "--host", "n1"], own, more].concat()),
            code,
        )
    }
}

pub(crate) fn margay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_margay"))
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
pub(crate) fn exits(output: Output, code: i32) -> (String, String) {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
    (stdout, stderr)
}

pub(crate) fn listed() -> String {
    nft(&["list", "ruleset"], "")
}

#[test]
fn the_second_apply_moves_nothing() {
    in_netns("the_second_apply_moves_nothing", || {
        let world = World::new(WORLD);
        let (plan, _) = world.run("plan", &[], 2);
        assert!(plan.starts_with("+ the table itself\n"), "{plan}");
        assert!(
            plan.contains("+ policy web ingress\n") && plan.contains("add element inet margay")
        );
        assert_eq!(listed(), "", "plan changed something");
        let (applied, _) = world.run("apply", &["--ownership", "none"], 0);
        assert!(applied.starts_with("applied: "), "{applied}");
        let first = listed();
        assert!(first.contains("chain policy/web/in"), "{first}");
        assert_eq!(
            world.run("apply", &["--ownership", "none"], 0).0,
            "nothing to change\n"
        );
        assert_eq!(world.run("plan", &[], 0).0, "nothing to change\n");
        let (json, _) = world.run("apply", &["-o", "json"], 0);
        let told: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&told["schema"], &told["changed"]),
            (&"margay.apply/1".into(), &false.into())
        );
        assert_eq!(listed(), first);
    });
}

#[test]
fn what_others_change_is_planned_in_words_and_restored() {
    in_netns(
        "what_others_change_is_planned_in_words_and_restored",
        || {
            let world = World::new(WORLD);
            world.run("apply", &["--ownership", "none"], 0);
            let first = listed();
            for (tampering, words) in [
                (
                    "delete element inet margay endpoints { \"tap1\" }",
                    "+ endpoint vm1 (tap1)\n",
                ),
                (
                    "add element inet margay endpoints { \"tap9\" }",
                    "- interface tap9\n",
                ),
                (
                    "add rule inet margay policy/web/in accept",
                    "~ policy web ingress\n",
                ),
                (
                    "add element inet margay group/web/v4 { 10.9.9.9 }",
                    "~ members of group web\n",
                ),
            ] {
                nft(&["-f", "-"], tampering);
                let (plan, _) = world.run("plan", &[], 2);
                assert!(plan.starts_with(words), "{tampering}: {plan}");
                world.run("apply", &["--ownership", "none"], 0);
                assert_eq!(listed(), first, "{tampering}");
            }
            nft(&["delete", "table", "inet", "margay"], "");
            world.run("apply", &["--ownership", "none"], 0);
            assert_eq!(listed(), first);
        },
    );
}

#[test]
fn bad_documents_change_nothing() {
    in_netns("bad_documents_change_nothing", || {
        let world = World::new(WORLD);
        world.run("apply", &[], 0);
        let first = listed();
        for bad in [
            WORLD.replace("80-443", "70000"),
            WORLD.replace("192.0.2.0/24", "fd00::/8"),
            WORLD.replace("tcp 22", "22222"),
            WORLD.replace("name: vm1", &format!("name: {}", "x".repeat(300))),
            format!("{WORLD}colour: red\n"),
            "\u{1}]{".repeat(3_000_000),
        ] {
            world.write(&bad);
            for command in ["apply", "plan"] {
                let (stdout, stderr) = world.run(command, &[], 1);
                assert!(stdout.is_empty() && stderr.contains("error"), "{stderr}");
            }
            assert_eq!(listed(), first);
        }
        world.write(&WORLD.replace("groups: [web]", "groups: [web, gone]"));
        let (_, stderr) = world.run("apply", &[], 0);
        assert!(stderr.contains("group gone does not exist"), "{stderr}");
        assert_eq!(listed(), first);
    });
}

#[test]
fn cleanup_removes_our_table_and_no_other() {
    in_netns("cleanup_removes_our_table_and_no_other", || {
        nft(&["-f", "-"], "table inet other {\n\tchain c {\n\t}\n}\n");
        let foreign = listed();
        assert_eq!(exits(margay(&["cleanup"]), 0).0, "nothing to remove\n");
        World::new(WORLD).run("apply", &[], 0);
        let (dry, _) = exits(margay(&["cleanup", "--dry-run"]), 0);
        assert!(dry.starts_with("would remove table inet margay: "), "{dry}");
        assert!(dry.contains("\n  base chain forward\n"), "{dry}");
        assert!(listed().contains("margay"));
        let (text, _) = exits(margay(&["cleanup"]), 0);
        let told = dry.replace("would remove", "removing") + "removed table inet margay\n";
        assert_eq!(text, told);
        assert_eq!(listed(), foreign);
        World::new(WORLD).run("apply", &[], 0);
        let (json, _) = exits(margay(&["cleanup", "-o", "json"]), 0);
        let told: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&told["table"], &told["removed"]),
            (&"inet margay".into(), &true.into())
        );
        assert_eq!(listed(), foreign);
    });
}

#[test]
fn a_namespace_that_is_not_there_is_a_failure() {
    let world = World::new(WORLD);
    let (_, stderr) = world.run("apply", &["--netns", "margay-has-no-such"], 1);
    assert!(
        stderr.contains("cannot enter network namespace \"margay-has-no-such\""),
        "{stderr}"
    );
    world.run("apply", &["--netns", "../x"], 64);
}

#[test]
fn a_refused_element_is_traced_to_the_rules_it_came_from() {
    let state = margay::codec::parse("w.yaml", WORLD).state;
    let ruleset = compile(&state, "n1", &Skeleton::builtin().unwrap());
    let table = ruleset.tables.values().next().unwrap();
    let about = |set: &str, element| {
        let (name, set) = table.sets.get_key_value(set).unwrap();
        let operation = Operation::AddElements(name.clone(), set.elements.clone());
        blamed(&operation, element, &state, "n1").unwrap()
    };
    assert_eq!(
        about("policy/web/in/port4", Some(1)),
        "policy web ingress\n  allow IPv4 tcp 80-443 from 192.0.2.0/24  (w.yaml:7)"
    );
    assert_eq!(
        about("policy/web/in/port4", None),
        "policy web ingress, one of 2 elements\n  \
         allow IPv4 tcp 80-443 from 10.0.0.0/8  (w.yaml:6)\n  \
         allow IPv4 tcp 80-443 from 192.0.2.0/24  (w.yaml:7)"
    );
    assert_eq!(
        about("group/web/v4", Some(1)),
        "members of group web\n  endpoint vm2  (w.yaml:15)"
    );
    let endpoint = "endpoint vm2 (tap2)\n  (w.yaml:15)";
    assert_eq!(about("source-ip4", Some(0)), endpoint);
    assert_eq!(about("endpoints", Some(1)), endpoint);
    assert_eq!(
        about("endpoints", None),
        "endpoints of this host, one of 2 elements"
    );
}
