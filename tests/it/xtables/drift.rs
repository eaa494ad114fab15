//! What others change of our rules and sets is found and put back, and theirs stays.

use std::process::Command;

use margay::backend::reconcile::removal;
use margay::backend::xtables::Variant;
use margay::backend::{Backend, ObserveError};
use margay::codec;
use margay::compile::skeleton::table_key;
use margay::scenario::place::HOST;

use crate::apply::{WORLD, World};
use crate::support::netns::in_netns;
use crate::support::programs::Programs;

/// What a program says to arguments.
pub(super) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command on a backend over a world.
#[track_caller]
pub(super) fn by(world: &World, command: &str, backend: &[&str], code: i32) -> (String, String) {
    let run_dir = world.run_dir();
    let own: &[&str] = match command {
        "apply" => &[],
        _ => &["--run-dir", &run_dir],
    };
    world.run(command, &[backend, own].concat(), code)
}

pub(super) const LEGACY: [&str; 4] = ["--backend", "xtables", "--iptables-backend", "legacy"];
const NFT: [&str; 4] = ["--backend", "xtables", "--iptables-backend", "nft"];

#[test]
fn what_is_applied_is_found_again_and_taken_away() {
    for (variant, restore) in [(LEGACY, "iptables-legacy"), (NFT, "iptables-nft")] {
        in_netns("what_is_applied_is_found_again_and_taken_away", || {
            let world = World::new(WORLD);
            let (told, _) = by(&world, "plan", &variant, 2);
            assert!(
                told.contains("\n# ipset restore -exist\ncreate mgy4-"),
                "{told}"
            );
            assert!(
                told.contains("\n# iptables-restore --noflush\n*raw\n"),
                "{told}"
            );
            by(&world, "apply", &variant, 0);
            assert!(said(restore, &["-S", "FORWARD"]).contains("-j mgy-forward"));
            let (told, _) = by(&world, "plan", &variant, 0);
            assert_eq!(told, "nothing to change\n");
            let (told, _) = by(&world, "apply", &variant, 0);
            assert_eq!(told, "nothing to change\n");
            let cleanup = ["cleanup", "--run-dir", &world.run_dir()];
            let (told, _) = crate::apply::exits(crate::apply::margay(&cleanup), 0);
            assert!(
                told.starts_with(&format!("removing rules of {restore}: ")),
                "{told}"
            );
            assert!(
                told.ends_with(&format!("removed rules of {restore}\n")),
                "{told}"
            );
            assert!(!said(restore, &["-S"]).contains("mgy"));
            assert_eq!(said("ipset", &["list", "-n"]), "");
            let (told, _) = crate::apply::exits(crate::apply::margay(&cleanup), 0);
            assert_eq!(told, "nothing to remove\n");
        });
    }
}

#[test]
fn what_others_change_is_put_back_and_theirs_stays() {
    in_netns("what_others_change_is_put_back_and_theirs_stays", || {
        let world = World::new(WORLD);
        said(
            "iptables-legacy",
            &["-A", "FORWARD", "-s", "192.0.2.7", "-j", "DROP"],
        );
        said("ipset", &["create", "theirs", "hash:ip"]);
        by(&world, "apply", &LEGACY, 0);
        let whole = state();
        let set = "mgy4-group/web/v4";
        let edits: [&[&str]; 7] = [
            &["iptables-legacy", "-F", "mgy-forward"],
            &["iptables-legacy", "-I", "FORWARD", "-j", "ACCEPT"],
            &["iptables-legacy", "-I", "mgy-refused", "-j", "ACCEPT"],
            &["iptables-legacy", "-t", "raw", "-F", "PREROUTING"],
            &["iptables-legacy", "-N", "mgy-stray"],
            &["ipset", "add", set, "203.0.113.9"],
            &["ipset", "del", set, "10.65.0.2"],
        ];
        for edit in edits {
            said(edit[0], &edit[1..]);
            by(&world, "plan", &LEGACY, 2);
            let (_, warning) = by(&world, "apply", &LEGACY, 0);
            assert!(
                warning.contains("holds something foreign: "),
                "{edit:?}: {warning}"
            );
            by(&world, "plan", &LEGACY, 0);
            if edit[1..3] == ["-I", "FORWARD"] {
                // Theirs: behind ours, and there.
                said("iptables-legacy", &["-D", "FORWARD", "-j", "ACCEPT"]);
            }
            let now = state();
            let other = now.iter().zip(&whole).find(|(now, before)| now != before);
            assert_eq!((other, now.len()), (None, whole.len()), "after {edit:?}");
        }
    });
}

/// Replaces the last rule of a chain that ends with some words by one that ends with others: in its place,
/// and with its comment.
fn replaced(program: &str, chain: &str, [from, to]: [&str; 2]) {
    let listed = said(program, &["-S", chain]);
    let rules = listed.lines().filter(|line| line.starts_with("-A"));
    let mut rules: Vec<_> = rules.enumerate().collect();
    rules.retain(|(_, rule)| rule.ends_with(from) && rule.contains("mgy:"));
    let (at, rule) = rules.pop().unwrap_or_else(|| panic!("{from}: {listed}"));
    let rule = rule.replace('"', "").replace(from, to);
    let at = (at + 1).to_string();
    let words: Vec<&str> = rule.split(' ').skip(2).collect();
    said(program, &[&["-R", chain, &at], &words[..]].concat());
}

#[test]
fn a_rule_that_is_changed_and_keeps_its_comment_is_put_back() {
    for (variant, program) in [(LEGACY, "iptables-legacy"), (NFT, "iptables-nft")] {
        in_netns(
            "a_rule_that_is_changed_and_keeps_its_comment_is_put_back",
            || {
                let world = World::new(WORLD);
                by(&world, "apply", &variant, 0);
                let rules = || said(program, &["-S"]);
                let whole = rules();
                for (chain, words) in [
                    ("mgy-refused", ["-j DROP", "-j ACCEPT"]),
                    ("FORWARD", ["-j mgy-forward", "-j ACCEPT"]),
                ] {
                    replaced(program, chain, words);
                    assert_ne!(rules(), whole);
                    by(&world, "plan", &variant, 2);
                    let (_, warning) = by(&world, "apply", &variant, 0);
                    assert!(warning.contains(chain), "{warning}");
                    assert_eq!(rules(), whole);
                    by(&world, "plan", &variant, 0);
                }
            },
        );
    }
}

/// An agent looks now and then, and writes in between.
#[test]
fn what_is_changed_while_another_chain_is_written_is_found() {
    in_netns(
        "what_is_changed_while_another_chain_is_written_is_found",
        || {
            let world = |text: &str| codec::parse("world.yaml", text).state;
            let before = WORLD.replace("host: n1", &format!("host: {HOST}"));
            let after = before.replace("tcp 22 from", "tcp 23 from");
            for (chain, words) in [
                ("mgy-refused", ["-j DROP", "-j ACCEPT"]),
                ("FORWARD", ["-j mgy-forward", "-j ACCEPT"]),
            ] {
                let mut programs = Programs::new(Variant::Legacy);
                let [before, after] = [&before, &after].map(|text| programs.compiled(&world(text)));
                programs.update(&before);
                let rules = || said("iptables-legacy", &["-S", "mgy-policy/web/in"]);
                let own = rules();
                replaced("iptables-legacy", chain, words);
                programs.update(&after);
                assert_ne!(rules(), own);
                let found = programs.backend.observe(&table_key());
                assert!(
                    matches!(found, Err(ObserveError::Foreign { .. })),
                    "{chain}: {found:?}"
                );
                programs.backend.commit(&removal(&table_key())).unwrap();
            }
        },
    );
}

#[test]
fn what_others_refer_to_stays_and_is_no_drift() {
    in_netns("what_others_refer_to_stays_and_is_no_drift", || {
        let world = World::new(WORLD);
        by(&world, "apply", &LEGACY, 0);
        let iptables = |arguments: &str| {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            said("iptables-legacy", &arguments)
        };
        iptables("-N mgy-stray");
        iptables("-A mgy-stray -j ACCEPT");
        iptables("-A FORWARD -j mgy-stray");
        by(&world, "plan", &LEGACY, 2);
        by(&world, "apply", &LEGACY, 0);
        assert_eq!(iptables("-S mgy-stray"), "-N mgy-stray\n");
        said("ipset", &["create", "mgy4-old", "hash:ip"]);
        iptables("-A FORWARD -m set --match-set mgy4-old src -j DROP");
        by(&world, "plan", &LEGACY, 0);
        let cleanup = ["cleanup", "--run-dir", &world.run_dir()];
        crate::apply::exits(crate::apply::margay(&cleanup), 0);
        assert_eq!(said("ipset", &["list", "-n"]), "mgy4-old\n");
        let left = iptables("-S");
        let ours: Vec<_> = left.lines().filter(|line| line.starts_with("-N")).collect();
        assert_eq!(ours, ["-N mgy-stray"], "{left}");
    });
}

/// All rules and sets, also those of others. What an ipset is hashed by differs from set to set.
pub(super) fn state() -> Vec<String> {
    let texts = [
        said("iptables-legacy-save", &[]),
        said("ip6tables-legacy-save", &[]),
        said("ipset", &["save", "-sorted"]),
    ];
    let lines = texts.iter().flat_map(|text| text.lines());
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(" bucketsize").next().unwrap().to_owned())
        .collect()
}

#[test]
fn appended_jumps_stay_behind_those_of_others() {
    in_netns("appended_jumps_stay_behind_those_of_others", || {
        let world = World::new(WORLD);
        said(
            "iptables-legacy",
            &["-A", "FORWARD", "-s", "192.0.2.7", "-j", "DROP"],
        );
        let append = [&LEGACY[..], &["--chain-insert-mode", "append"]].concat();
        by(&world, "apply", &append, 0);
        let forward = || said("iptables-legacy", &["-S", "FORWARD"]);
        let ends_with_ours = forward().trim_end().ends_with("-j mgy-forward");
        assert!(ends_with_ours, "{}", forward());
        said(
            "iptables-legacy",
            &["-A", "FORWARD", "-s", "192.0.2.8", "-j", "DROP"],
        );
        // Others may come behind: whoever appends leaves the order to them.
        by(&world, "plan", &append, 0);
        by(&world, "plan", &LEGACY, 2);
        by(&world, "apply", &LEGACY, 0);
        let second = forward().lines().nth(1).unwrap().to_owned();
        assert!(second.ends_with("-j mgy-forward"), "{}", forward());
    });
}
