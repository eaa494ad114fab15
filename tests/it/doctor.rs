//! Whether a host can run Margay, as the doctor says it.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::apply::{listed, margay};
use crate::support::netns::{again_in_namespaces, in_netns, nft};

/// What `margay doctor -o json` says, and how it ends.
fn doctor() -> (i32, Value) {
    let output = margay(&["doctor", "-o", "json"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "");
    let value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), value)
}

fn named<'v>(value: &'v Value, name: &str) -> &'v Value {
    let checks = value["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {value:#}"))
}

#[test]
fn foreign_chains_are_listed_with_hook_and_priority() {
    in_netns("foreign_chains_are_listed_with_hook_and_priority", || {
        let (_, alone) = doctor();
        assert_eq!(named(&alone, "foreign chains")["outcome"], "ok");
        nft(
            &["-f", "-"],
            "table ip other {\n\
             chain late {\ntype filter hook forward priority 10; policy drop;\n}\n\
             chain soon {\ntype filter hook input priority -150; policy accept;\n}\n\
             chain out {\ntype filter hook output priority 0; policy drop;\n}\n\
             chain regular {\n}\n}\n",
        );
        let before = listed();
        let (_, beside) = doctor();
        let late = named(&beside, "foreign chain ip other late");
        assert_eq!(late["outcome"], "warn");
        assert_eq!(
            late["what"],
            "hook forward, priority 10, after ours at -5, policy drop"
        );
        let soon = named(&beside, "foreign chain ip other soon");
        assert_eq!(
            (&soon["outcome"], &soon["what"]),
            (
                &"warn".into(),
                &"hook input, priority -150, before ours at -5, policy accept".into()
            )
        );
        let others = beside["checks"].as_array().unwrap().iter();
        let others = others.filter(|check| check["name"].as_str().unwrap().contains("foreign"));
        assert_eq!(others.count(), 2);
        assert_eq!(listed(), before, "the doctor changed something");
    });
}

/// What a kernel that runs these tests has.
const WORKING: [&str; 11] = [
    "kernel version",
    "rights",
    "sets and intervals",
    "concatenated intervals",
    "verdict maps",
    "connection tracking",
    "raw prerouting",
    "reject",
    "counters",
    "notrack",
    "skeleton",
];

/// What depends on more than the kernel.
const OTHERS: [&str; 6] = [
    "ownership",
    "packets in flight",
    "barrier",
    "host settings",
    "foreign chains",
    "legacy xtables",
];

#[test]
fn the_document_is_stable() {
    in_netns("the_document_is_stable", || {
        let (exit, told) = doctor();
        assert_eq!(told["schema"], "margay.doctor/1");
        let words = ["ok", "warn", "fail"];
        let checks = told["checks"].as_array().unwrap();
        for check in checks {
            let keys: Vec<_> = check.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["name", "outcome", "what", "remedy"]);
            let outcome = check["outcome"].as_str().unwrap();
            assert!(words.contains(&outcome), "{check}");
            assert_eq!(check["remedy"].is_null(), outcome == "ok", "{check}");
        }
        let names: BTreeSet<_> = checks
            .iter()
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        for name in WORKING.iter().chain(&OTHERS) {
            assert!(names.contains(name), "no {name} in {names:?}");
        }
        for name in WORKING {
            assert_eq!(named(&told, name)["outcome"], "ok", "{told:#}");
        }
        let flight = named(&told, "packets in flight");
        assert_ne!(flight["outcome"], "fail", "{flight}");
        assert!(
            !flight["what"].as_str().unwrap().starts_with("not tried"),
            "{flight}"
        );
        assert_eq!(
            told["outcome"],
            match exit {
                0 if told["outcome"] == "ok" => "ok",
                0 => "warn",
                _ => "fail",
            }
        );
        assert!([0, 3].contains(&exit), "{exit}");
    });
}

#[test]
fn each_check_is_a_line() {
    in_netns("each_check_is_a_line", || {
        let text = margay(&["doctor"]);
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(
            text.lines()
                .any(|line| line == "ok    rights: CAP_NET_ADMIN and CAP_NET_RAW"),
            "{text}"
        );
    });
}

#[test]
fn without_rights_it_says_so() {
    let test = "doctor::without_rights_it_says_so";
    again_in_namespaces("-Urn", test, || {
        let output = Command::new("setpriv")
            .args(["--bounding-set=-all", "--inh-caps=-all", "--"])
            .arg(env!("CARGO_BIN_EXE_margay"))
            .args(["doctor", "-o", "json"])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*stderr), (Some(3), ""));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["outcome"], "fail");
        let rights = named(&told, "rights");
        assert_eq!(rights["outcome"], "fail");
        assert_eq!(
            rights["what"],
            "this process lacks CAP_NET_ADMIN and CAP_NET_RAW"
        );
        assert_eq!(named(&told, "namespace")["outcome"], "fail");
    });
}
