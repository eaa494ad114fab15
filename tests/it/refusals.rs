//! What the kernel refuses is printed with the policy and the line of the document that it is about.
//!
//! Each refusal is provoked: somebody changes the table after the commit was computed and before it
//! is sent.

mod batches;
mod named;

use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::reconcile::reconcile;
use margay::backend::{Backend, CommitError};
use margay::cli::refusal::told;
use margay::codec;
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::compile::words::blamed;
use margay::model::State;
use margay::ruleset::diff::{between, normalised};
use margay::ruleset::transaction::Operation;
use margay::ruleset::{Table, Tracked};

use crate::golden;
use crate::support::netns::{in_netns, nft};

/// Lines 6 and 7 make a set of three fields, 8 and 9 one of prefixes, 10 and 11 one of a peer's ports.
const WORLD: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 tcp 80-443 from 10.0.0.0/8
    - allow IPv4 tcp 80-443 from 192.0.2.0/24
    - allow IPv4 from 10.65.0.0/16
    - allow IPv4 from 10.67.0.0/16
    - allow IPv4 tcp 22-23 from group web
    - allow IPv4 udp 53-54 from group web
    # ingress
  egress:
    - allow IPv6 tcp 80-443 to fd00::/64
    - allow IPv6 tcp 80-443 to fd01::/64
    # egress
---
{apiVersion: margay/v1, kind: Endpoint, name: vm1, host: n1, interface: tap1,
 addresses: [10.65.0.2, fd00::2], groups: [web]}
# endpoint
---
{apiVersion: margay/v1, kind: Endpoint, name: vm2, host: n1, interface: tap2,
 addresses: [10.65.0.3], groups: [web]}
";

const VM3: &str = "---
{apiVersion: margay/v1, kind: Endpoint, name: vm3, host: n1, interface: tap3,
 addresses: [10.65.0.4], groups: [web]}
";

/// One refusal: the documents before and after, and what `nft` does to the table meanwhile.
struct Case<'a> {
    after: String,
    /// A set of the ingress policy that is declared otherwise before the commit is computed.
    redeclared: Option<(&'a str, &'a str)>,
    /// Between that and its sending.
    meanwhile: &'a str,
    /// What is refused: operation and phase.
    refused: &'a str,
    /// The error in words, and its number.
    reason: (&'a str, i32),
    /// Whom it is about.
    about: &'a str,
}

impl Case<'_> {
    /// Nothing of the refused transaction is in force, and the next attempt goes through.
    #[track_caller]
    fn holds(&self) {
        nft(&["flush", "ruleset"], "");
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        let (_, before) = compiled(WORLD);
        reconcile(&mut backend, &table_key(), &Tracked::from(before.clone())).unwrap();
        if let Some((set, declaration)) = self.redeclared {
            redeclare(set, declaration);
        }
        let held = backend.observe(&table_key()).unwrap();
        let (state, after) = compiled(&self.after);
        let commit = between(held.as_ref(), &after, &table_key());
        assert!(!commit.is_empty(), "nothing changes");
        nft(&["-f", "-"], self.meanwhile);
        let generation = backend.generation().unwrap();
        // One that looked at nothing does not see that it comes too late.
        let mut blind = NftBackend::new(Ownership::None).unwrap();
        let error = blind.commit(&commit).expect_err(self.meanwhile);
        let CommitError::Refused { phase, .. } = &error else {
            panic!("{error}");
        };
        let at = commit.steps.iter().position(|step| step.phase == *phase);
        let steps = u32::try_from(at.unwrap()).unwrap();
        assert_eq!(backend.generation().unwrap(), generation + steps, "{error}");
        self.is_printed(&told(&error.into(), &state, "n1"));
        reconcile(&mut backend, &table_key(), &Tracked::from(after.clone())).unwrap();
        let held = backend.observe(&table_key()).unwrap().unwrap();
        assert!(normalised(&held) == normalised(&after), "not repaired");
    }

    /// Between the reason and its number stands how many errors came after it.
    #[track_caller]
    fn is_printed(&self, printed: &str) {
        let (words, errno) = self.reason;
        let begin = format!("the kernel refused to {} step: {words}", self.refused);
        let end = format!(" (errno {errno})\nabout {}", self.about);
        let rest = printed.strip_prefix(&begin);
        let others = rest.and_then(|rest| rest.strip_suffix(&end));
        let is_counted = |others: &str| others.starts_with(", and ") && !others.contains('\n');
        assert!(
            others.is_some_and(|others| others.is_empty() || is_counted(others)),
            "{printed}\nis not\n{begin}{end}"
        );
    }
}

fn compiled(text: &str) -> (State, Table) {
    let loaded = codec::parse("w.yaml", text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    let mut ruleset = compile(&loaded.state, "n1", &Skeleton::builtin().unwrap());
    let table = ruleset.tables.remove(&table_key()).unwrap();
    (loaded.state, table)
}

const EXISTS: (&str, i32) = ("File exists", 17);
const MISSING: (&str, i32) = ("No such file or directory", 2);
const FULL: (&str, i32) = ("the set is full", 23);

/// The world with more rules.
fn with(direction: &str, rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("    - {rule}\n")).collect();
    WORLD.replace(&format!("    # {direction}\n"), &rules)
}

#[test]
fn an_element_in_the_way_is_printed_with_its_rule() {
    let test = "refusals::an_element_in_the_way_is_printed_with_its_rule";
    in_netns(test, || {
        for (direction, line, rule, set, element) in [
            (
                "ingress",
                12,
                "allow IPv4 tcp 80 from 203.0.113.0/24",
                "policy/web/in/port4",
                "203.0.113.128/25 . tcp . 80",
            ),
            (
                "ingress",
                12,
                "allow IPv4 from 198.51.100.0/24",
                "policy/web/in/net4",
                "198.51.100.64/26",
            ),
            (
                "ingress",
                12,
                "allow IPv4 tcp 8000-8080 from group web",
                "policy/web/in/group/web/port4",
                "tcp . 8080-8090",
            ),
            (
                "egress",
                16,
                "allow IPv6 tcp 80-443 to fd02::/64",
                "policy/web/out/port6",
                "fd02::/96 . tcp . 80",
            ),
        ] {
            Case {
                after: with(direction, &[rule]),
                redeclared: None,
                meanwhile: &format!("add element inet margay {set} {{ {element} }}"),
                refused: &format!("add elements to set \"{set}\" in the loosen"),
                reason: EXISTS,
                about: &format!("policy web {direction}\n  {rule}  (w.yaml:{line})"),
            }
            .holds();
        }
    });
}

#[test]
fn an_object_in_the_way_is_printed_with_all_its_rules() {
    let test = "refusals::an_object_in_the_way_is_printed_with_all_its_rules";
    in_netns(test, || {
        let rules = ["allow IPv4 to 10.0.0.0/8", "allow IPv4 to 172.16.0.0/12"];
        Case {
            after: with("egress", &rules),
            redeclared: None,
            meanwhile: "add set inet margay policy/web/out/net4 { type mark; }",
            refused: "add set \"policy/web/out/net4\" in the populate",
            reason: EXISTS,
            about: "policy web egress\n  allow IPv4 to 10.0.0.0/8  (w.yaml:16)\n  \
                    allow IPv4 to 172.16.0.0/12  (w.yaml:17)",
        }
        .holds();
    });
}

/// Declares a set of the ingress policy anew, and its chain around it as it was.
fn redeclare(set: &str, declaration: &str) {
    let chain = nft(&["list", "chain", "inet", "margay", "policy/web/in"], "");
    let mut script = format!(
        "flush chain inet margay policy/web/in\ndelete set inet margay {set}\n\
         add set inet margay {set} {{ {declaration} }}\n"
    );
    for rule in chain.lines().filter(|line| line.contains(" goto ")) {
        script += &format!("add rule inet margay policy/web/in {}\n", rule.trim());
    }
    nft(&["-f", "-"], &script);
}

#[test]
fn a_set_that_is_full_is_printed_with_what_did_not_fit() {
    let test = "refusals::a_set_that_is_full_is_printed_with_what_did_not_fit";
    in_netns(test, || {
        for (after, set, declaration, meanwhile, about) in [
            (
                with("ingress", &["allow IPv4 tcp 80 from 203.0.113.0/24"]),
                "policy/web/in/port4",
                "type ipv4_addr . inet_proto . inet_service; flags interval; size 3;
                elements = { 10.0.0.0/8 . tcp . 80-443, 192.0.2.0/24 . tcp . 80-443 };",
                "1.1.1.1 . udp . 1-2",
                "policy web ingress\n  allow IPv4 tcp 80 from 203.0.113.0/24  (w.yaml:12)",
            ),
            (
                format!("{WORLD}{VM3}"),
                "group/web/v4",
                "type ipv4_addr; size 3; elements = { 10.65.0.2, 10.65.0.3 };",
                "1.1.1.1",
                "members of group web\n  endpoint vm3  (w.yaml:25)",
            ),
        ] {
            Case {
                after,
                redeclared: Some((set, declaration)),
                meanwhile: &format!("add element inet margay {set} {{ {meanwhile} }}"),
                refused: &format!("add elements to set \"{set}\" in the loosen"),
                reason: FULL,
                about,
            }
            .holds();
        }
    });
}

#[test]
fn a_set_that_was_deleted_is_printed_with_its_rules() {
    let test = "refusals::a_set_that_was_deleted_is_printed_with_its_rules";
    in_netns(test, || {
        let (one, other) = (
            "allow IPv4 tcp 80 from 203.0.113.0/24",
            "allow IPv4 udp 53 from 203.0.113.0/24",
        );
        for (after, set, about) in [
            (
                with("ingress", &[one]),
                "policy/web/in/port4",
                format!("policy web ingress\n  {one}  (w.yaml:12)"),
            ),
            (
                with("ingress", &[one, other]),
                "policy/web/in/port4",
                format!(
                    "policy web ingress, one of 2 elements\n  \
                     allow IPv4 tcp 80-443 from 10.0.0.0/8  (w.yaml:6)\n  \
                     allow IPv4 tcp 80-443 from 192.0.2.0/24  (w.yaml:7)\n  \
                     {one}  (w.yaml:12)\n  {other}  (w.yaml:13)"
                ),
            ),
            (
                format!("{WORLD}{VM3}"),
                "group/web/v4",
                "members of group web\n  endpoint vm3  (w.yaml:25)".to_owned(),
            ),
        ] {
            Case {
                after,
                redeclared: None,
                meanwhile: &format!(
                    "flush chain inet margay policy/web/in\ndelete set inet margay {set}"
                ),
                refused: &format!("add elements to set \"{set}\" in the loosen"),
                reason: MISSING,
                about: &about,
            }
            .holds();
        }
    });
}

#[test]
fn an_element_or_chain_that_was_deleted_is_printed_with_its_policy() {
    let test = "refusals::an_element_or_chain_that_was_deleted_is_printed_with_its_policy";
    in_netns(test, || {
        // What no document says any more has no line.
        Case {
            after: WORLD.replace("10.65.0.3", "10.65.0.9"),
            redeclared: None,
            meanwhile: "delete element inet margay group/web/v4 { 10.65.0.3 }",
            refused: "delete elements from set \"group/web/v4\" in the tighten",
            reason: MISSING,
            about: "members of group web",
        }
        .holds();
        Case {
            after: with("egress", &["allow IPv4 to 0.0.0.0/0"]),
            redeclared: None,
            meanwhile: "flush map inet margay from\ndelete chain inet margay policy/web/out",
            refused: "flush chain \"policy/web/out\" in the switch",
            reason: MISSING,
            about: "policy web egress\n  \
                    allow IPv6 tcp 80-443 to fd00::/64  (w.yaml:14)\n  \
                    allow IPv6 tcp 80-443 to fd01::/64  (w.yaml:15)\n  \
                    allow IPv4 to 0.0.0.0/0  (w.yaml:16)",
        }
        .holds();
    });
}

/// Of elements that contain one another the kernel refuses some only. What it took is put right.
#[test]
fn an_overlap_that_the_kernel_takes_is_put_right_by_the_next_apply() {
    let test = "refusals::an_overlap_that_the_kernel_takes_is_put_right_by_the_next_apply";
    in_netns(test, || {
        for (direction, rule, element) in [
            (
                "egress",
                "allow IPv6 tcp 80-443 to fd02::/64",
                "policy/web/out/port6 { fd02::/96 . tcp . 443 }",
            ),
            (
                "ingress",
                "allow IPv4 from 198.51.100.0/24",
                "policy/web/in/net4 { 198.51.100.128/25 }",
            ),
        ] {
            nft(&["flush", "ruleset"], "");
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            let (before, after) = (compiled(WORLD).1, compiled(&with(direction, &[rule])).1);
            reconcile(&mut backend, &table_key(), &Tracked::from(before.clone())).unwrap();
            let commit = between(Some(&before), &after, &table_key());
            nft(&["-f", "-"], &format!("add element inet margay {element}"));
            // One that looked at nothing does not see that it comes too late.
            let mut blind = NftBackend::new(Ownership::None).unwrap();
            blind.commit(&commit).unwrap();
            reconcile(&mut backend, &table_key(), &Tracked::from(after.clone())).unwrap();
            let held = backend.observe(&table_key()).unwrap().unwrap();
            assert!(normalised(&held) == normalised(&after), "{element} is left");
        }
    });
}

/// Without a kernel: whatever element of a policy may be refused, rules are named, and of its family.
#[test]
fn every_element_of_every_golden_policy_is_traced_to_rules() {
    let mut traced = 0;
    for case in golden::cases() {
        let (state, ruleset) = (golden::state(&case), golden::compiled(&case));
        let sets = &ruleset.tables[&table_key()].sets;
        for (name, set) in sets {
            if !name.logical().starts_with("policy/") {
                continue;
            }
            let family = if name.logical().ends_with('4') {
                "\n  allow IPv4"
            } else {
                "\n  allow IPv6"
            };
            let operation = Operation::AddElements(name.clone(), set.elements.clone());
            for element in 0..set.elements.len() {
                let about = blamed(&operation, Some(element), &state, "node1").unwrap();
                let rules = about.lines().count() - 1;
                let is_of_family = about.matches(family).count() == rules;
                assert!(
                    rules > 0 && is_of_family,
                    "{}: {name}: {about}",
                    case.display()
                );
                traced += 1;
            }
        }
    }
    assert!(traced >= 25, "only {traced} elements were traced");
}
