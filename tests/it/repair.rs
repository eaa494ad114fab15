//! What others change of our table is put back, and nothing else moves.

use std::net::UdpSocket;

use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::reconcile::reconcile;
use margay::backend::{Backend, CommitError};
use margay::compile::skeleton::table_key;
use margay::ruleset::diff::{between, normalised};
use margay::ruleset::parse::parse;
use margay::ruleset::{Ruleset, Table, Tracked};

use crate::golden;
use crate::support::netns::{in_netns, nft};

/// A table of ours with counters of every kind, that packets of this host pass.
const COUNTED: &str = "table inet margay {
	counter all {
	}
	set ports {
		type inet_service
		elements = { 9, 10 }
	}
	map action {
		type inet_service : verdict
		elements = { 11 : goto counted, 12 : drop }
	}
	chain counted {
		udp dport 9 counter
		udp dport 10 counter accept
	}
	chain other {
		udp sport 1 counter
	}
	chain output {
		type filter hook output priority filter; policy accept;
		counter name all
		udp dport @ports jump counted
		udp dport vmap @action
		jump other
	}
}";

fn only_table(ruleset: &Ruleset) -> &Table {
    ruleset.tables.get(&table_key()).unwrap()
}

/// Brings the kernel to the desired table; gives the number of transactions.
fn apply(backend: &mut NftBackend, desired: &Table) -> usize {
    let held = backend.observe(&table_key()).unwrap();
    let commit = between(held.as_ref(), desired, &table_key());
    backend.commit(&commit).unwrap();
    let held = backend.observe(&table_key()).unwrap().unwrap();
    assert!(
        normalised(&held) == normalised(desired),
        "the kernel holds something else"
    );
    commit.steps.len()
}

fn send(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // What the host's own rules drop comes back as an error, which is what some of these are for.
    drop(socket.send_to(b"x", ("127.0.0.1", port)));
}

/// The values of every counter, in listing order: `(line, packets)`.
fn counters() -> Vec<(String, u64)> {
    let listing = nft(&["list", "ruleset"], "");
    let mut counters = Vec::new();
    for line in listing.lines().filter(|line| line.contains("packets ")) {
        let (before, after) = line.split_once("packets ").unwrap();
        let value = after.split(' ').next().unwrap().parse().unwrap();
        counters.push((before.trim().to_owned(), value));
    }
    counters
}

#[test]
fn a_foreign_change_is_undone_and_counters_of_the_rest_are_kept() {
    in_netns(
        "repair::a_foreign_change_is_undone_and_counters_of_the_rest_are_kept",
        || {
            let ruleset = parse("counted.nft", COUNTED).unwrap();
            let desired = only_table(&ruleset);
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            apply(&mut backend, desired);
            for port in [9, 9, 9, 10, 11] {
                send(port);
            }
            let counted = counters();
            assert!(
                counted.iter().filter(|(_, packets)| *packets >= 3).count() >= 2,
                "{counted:?}"
            );
            let changes = [
                "delete element inet margay ports { 9 }",
                "add element inet margay ports { 99 }",
                "delete element inet margay action { 12 }",
                "delete element inet margay action { 11 }; add element inet margay action { 11 : drop }",
                "add rule inet margay other drop",
                "add chain inet margay foreign; add rule inet margay output jump foreign",
                "add set inet margay stray { type mark; }",
            ];
            for change in changes {
                nft(&["-f", "-"], change);
                assert!(
                    apply(&mut backend, desired) > 0,
                    "{change}: nothing was put back"
                );
                let seen = counters();
                let kept = |name: &str| {
                    seen.iter()
                        .filter(|(line, _)| line == name)
                        .collect::<Vec<_>>()
                };
                // Only the chain that was changed may start from zero.
                for (line, packets) in counted.iter().filter(|(line, _)| !line.contains("sport 1"))
                {
                    let values = kept(line);
                    let is_kept = values.iter().any(|(_, value)| value >= packets);
                    assert!(is_kept, "{change}: {line} was {packets}, is {values:?}");
                }
            }
        },
    );
}

#[test]
fn the_second_apply_moves_nothing() {
    in_netns("repair::the_second_apply_moves_nothing", || {
        for case in golden::cases() {
            let ruleset = golden::compiled(&case);
            let mut backend = NftBackend::new(Ownership::Persist).unwrap();
            apply(&mut backend, only_table(&ruleset));
            let generation = backend.generation().unwrap();
            assert_eq!(
                apply(&mut backend, only_table(&ruleset)),
                0,
                "{}",
                case.display()
            );
            assert_eq!(
                backend.generation().unwrap(),
                generation,
                "{}",
                case.display()
            );
        }
    });
}

#[test]
fn every_golden_table_is_put_back_after_it_was_deleted_or_damaged() {
    in_netns(
        "repair::every_golden_table_is_put_back_after_it_was_deleted_or_damaged",
        || {
            for case in golden::cases() {
                let ruleset = golden::compiled(&case);
                nft(&["flush", "ruleset"], "");
                let mut backend = NftBackend::new(Ownership::None).unwrap();
                apply(&mut backend, only_table(&ruleset));
                for damage in [
                    "delete table inet margay",
                    "flush chain inet margay forward",
                    "flush set inet margay workloads",
                    "flush ruleset",
                    "add element inet margay endpoints { eth0 }",
                    "insert rule inet margay forward accept",
                ] {
                    nft(&["-f", "-"], damage);
                    let steps = apply(&mut backend, only_table(&ruleset));
                    assert!(steps > 0, "{}: {damage}", case.display());
                }
            }
        },
    );
}

#[test]
fn what_we_never_write_is_replaced_with_the_whole_table() {
    in_netns(
        "repair::what_we_never_write_is_replaced_with_the_whole_table",
        || {
            let case = golden::cases()
                .into_iter()
                .find(|case| case.ends_with("one-group"))
                .unwrap();
            let ruleset = golden::compiled(&case);
            let desired = only_table(&ruleset);
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            apply(&mut backend, desired);
            let listing = nft(&["list", "ruleset"], "");
            for damage in [
                "add table inet margay { flags dormant; }",
                "add quota inet margay q { over 1 mbytes }",
                "insert rule inet margay forward numgen inc mod 2 0 accept",
                "add element inet margay to { * : accept }",
                "add chain inet margay r { type route hook output priority 0; }",
                "add chain inet margay forward { policy drop; }",
                "replace rule inet margay allowed handle 0 drop",
                "add chain inet margay more { type filter hook forward priority -10; accept; }",
            ] {
                let script = match damage.contains("handle 0") {
                    true => damage.replace("handle 0", &format!("handle {}", handle_of_accept())),
                    false => damage.to_owned(),
                };
                nft(&["-f", "-"], &script);
                let commit =
                    reconcile(&mut backend, &table_key(), &Tracked::from(desired.clone())).unwrap();
                assert!(!commit.is_empty(), "{damage}: nothing was put back");
                assert_eq!(
                    words(&nft(&["list", "ruleset"], "")),
                    words(&listing),
                    "{damage}"
                );
            }
        },
    );
}

/// The handle of the rule in the chain `allowed`.
fn handle_of_accept() -> String {
    let listing = nft(&["-a", "list", "chain", "inet", "margay", "allowed"], "");
    let line = listing
        .lines()
        .find(|line| line.contains(" accept #"))
        .unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

/// The words of a listing without their order, which is the order of creation.
fn words(listing: &str) -> Vec<&str> {
    let mut words: Vec<&str> = listing.split_whitespace().collect();
    words.sort_unstable();
    words
}

#[test]
fn what_changed_since_it_was_looked_at_is_looked_at_again() {
    in_netns(
        "repair::what_changed_since_it_was_looked_at_is_looked_at_again",
        || {
            let case = golden::cases()
                .into_iter()
                .find(|case| case.ends_with("one-group"))
                .unwrap();
            let ruleset = golden::compiled(&case);
            let desired = only_table(&ruleset);
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            let held = backend.observe(&table_key()).unwrap();
            let commit = between(held.as_ref(), desired, &table_key());
            nft(&["-f", "-"], "add table inet another");
            let outcome = backend.commit(&commit);
            assert!(
                matches!(outcome, Err(CommitError::Contended)),
                "{outcome:?}"
            );
            assert_eq!(nft(&["list", "tables"], ""), "table inet another\n");
            reconcile(&mut backend, &table_key(), &Tracked::from(desired.clone())).unwrap();
            assert!(
                between(
                    backend.observe(&table_key()).unwrap().as_ref(),
                    desired,
                    &table_key()
                )
                .is_empty()
            );
        },
    );
}
