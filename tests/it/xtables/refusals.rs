//! What is not taken is told with whom it is about, and nothing else is lost.

use margay::backend::xtables::Variant;
use margay::backend::{Backend, CommitError};
use margay::compile::skeleton::table_key;
use margay::ruleset::diff::diff;
use margay::ruleset::{Tracked, parse};

use super::drift::{LEGACY, by, said};
use crate::apply::{WORLD, World};
use crate::support::netns::in_netns;
use crate::support::programs::Programs;

fn table(slow: &str) -> Tracked {
    let text = format!(
        "table inet margay {{
    chain fine {{ ip saddr 10.0.0.1 drop; }}
    chain slow {{ ip saddr 10.0.0.2 drop; {slow}; }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        jump fine
        jump slow
    }}
}}"
    );
    let mut ruleset = parse("refusals", &text.replace(';', "\n")).unwrap();
    Tracked::from(ruleset.tables.remove(&table_key()).unwrap())
}

/// What a backend says to a rule.
fn refused(variant: Variant, rule: &str) -> (String, Option<String>) {
    let mut programs = Programs::new(variant);
    let commit = diff(None, &table(rule), &table_key());
    let error = programs.backend.commit(&commit).unwrap_err();
    let about = error.culprit().and_then(|culprit| {
        let subject = culprit.operation.subject();
        subject.map(ToString::to_string)
    });
    assert!(matches!(error, CommitError::Declined { .. }), "{error:?}");
    let begins = format!("{}-restore", variant);
    let told = error.to_string().replace(&begins, "restore");
    (told, about)
}

#[test]
fn one_bad_rule_is_found_among_good_ones() {
    in_netns("one_bad_rule_is_found_among_good_ones", || {
        // iptables reads it, and the kernel says no to the table as a whole.
        let overflow = "ip saddr 10.0.0.3 limit rate 1/day burst 10 packets drop";
        // iptables itself says no, in a line.
        let fast = "ip saddr 10.0.0.3 limit rate 20000/second drop";
        for (rule, begins) in [
            (
                overflow,
                "iptables-legacy does not take rule 2 of chain mgy-slow in the ",
            ),
            (
                fast,
                "iptables-legacy does not take rule 2 of chain mgy-slow in the ",
            ),
        ] {
            let (told, about) = refused(Variant::Legacy, rule);
            assert!(told.starts_with(begins), "{told}");
            assert_eq!(about.as_deref(), Some("slow"), "{told}");
            // Nothing stays of where it was tried.
            assert!(!said("iptables-legacy", &["-S"]).contains("mgy"), "{told}");
        }
    });
}

#[test]
fn what_is_known_of_the_table_outlives_a_refusal() {
    in_netns("what_is_known_of_the_table_outlives_a_refusal", || {
        let mut programs = Programs::new(Variant::Legacy);
        programs.bring(&mut table("ip saddr 10.0.0.3 drop"));
        let mut fast = table("ip saddr 10.0.0.3 limit rate 20000/second drop");
        programs.try_to_bring(&mut fast).unwrap_err();
        // Nobody looks at what is in force in between: the next change is one of what is known.
        let mut next = table("ip saddr 10.0.0.4 drop");
        programs.bring(&mut next);
        assert!(programs.holds(next.table()));
    });
}

#[test]
fn what_a_refused_step_left_is_taken_back_also_where_the_next_commit_is_refused() {
    let name = "what_a_refused_step_left_is_taken_back_also_where_the_next_commit_is_refused";
    in_netns(name, || {
        let mut programs = Programs::new(Variant::Legacy);
        let mut before = table("ip saddr 10.0.0.3 drop");
        programs.bring(&mut before);
        // The rules of IPv4 are written first.
        let mut half =
            table("ip saddr 10.0.0.4 drop; ip6 saddr fd00::1 limit rate 20000/second drop");
        programs.try_to_bring(&mut half).unwrap_err();
        let is_half = || said("iptables-legacy", &["-S"]).contains("10.0.0.4");
        assert!(is_half(), "nothing to take back");
        programs.backend.observe(&table_key()).unwrap();
        let mut unsayable = table("ip saddr 10.0.0.3 tcp dport 25 reject with tcp reset");
        programs.try_to_bring(&mut unsayable).unwrap_err();
        assert!(!is_half());
        assert!(programs.holds(before.table()));
    });
}

#[test]
fn what_has_no_words_is_refused_before_anything_is_written() {
    in_netns(
        "what_has_no_words_is_refused_before_anything_is_written",
        || {
            let (told, about) = refused(
                Variant::Legacy,
                "ip saddr 10.0.0.3 tcp dport 25 reject with tcp reset",
            );
            assert_eq!(
                told,
                "xtables does not take rule 2 of chain \"slow\" in the switch step: it has no words \
             for `reject with tcp reset`"
            );
            assert_eq!(about.as_deref(), Some("slow"));
            assert!(!said("iptables-legacy", &["-S"]).contains("mgy"));
            assert_eq!(said("ipset", &["list", "-n"]), "");
        },
    );
}

#[test]
fn a_change_of_backend_cannot_wait_to_be_confirmed() {
    in_netns("a_change_of_backend_cannot_wait_to_be_confirmed", || {
        let world = World::new(WORLD);
        by(&world, "apply", &["--backend", "nft"], 0);
        let (_, told) = by(
            &world,
            "apply",
            &[&LEGACY[..], &["--confirm-within", "5"]].concat(),
            64,
        );
        assert_eq!(
            told,
            "error: --confirm-within cannot go back to another backend: apply without it, and by nft \
             again to go back\n"
        );
        assert!(!said("iptables-legacy", &["-S"]).contains("mgy"));
    });
}

#[test]
fn an_apply_by_iptables_is_undone_like_any_other() {
    in_netns("an_apply_by_iptables_is_undone_like_any_other", || {
        let world = World::new(WORLD);
        by(&world, "apply", &LEGACY, 0);
        let before = said("iptables-legacy-save", &["-t", "filter"]);
        let set = || said("ipset", &["save", "mgy4-group/web/v4"]);
        assert!(!set().contains("10.65.0.9"));
        world.write(&WORLD.replace(
            "addresses: [10.65.0.3]",
            "addresses: [10.65.0.3, 10.65.0.9]",
        ));
        by(
            &world,
            "apply",
            &[&LEGACY[..], &["--confirm-within", "60"]].concat(),
            0,
        );
        assert!(set().contains("10.65.0.9"));
        let run_dir = world.run_dir();
        let rollback = ["rollback", "--run-dir", &run_dir];
        let (told, _) = crate::apply::exits(crate::apply::margay(&rollback), 0);
        assert!(told.starts_with("rolled back, as asked: "), "{told}");
        assert!(!set().contains("10.65.0.9"));
        let rules = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("-A"));
            lines.map(str::to_owned).collect()
        };
        let after = said("iptables-legacy-save", &["-t", "filter"]);
        assert_eq!(rules(&after), rules(&before));
    });
}
