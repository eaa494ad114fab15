//! Random rulesets: what we encode is what nft encodes, and what we read back is what we said.

use margay::ruleset::{Ruleset, SetFlags};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::equality::compare;
use super::program::program;
use super::raw;
use crate::support::netns::in_netns;
use crate::support::rulesets::arbitrary_ruleset;

/// nft, and so we, move a match of a field to that of its neighbour; a rule where something stands
/// between them reads back otherwise, but as one that encodes to the same.
#[test]
fn any_ruleset_is_read_back_as_it_was_said() {
    let test = "netlink::random::any_ruleset_is_read_back_as_it_was_said";
    in_netns(test, || read_back(test));
}

fn read_back(test: &str) {
    const CASES: usize = 300;
    let mut runner = TestRunner::deterministic();
    let rulesets = arbitrary_ruleset();
    let mut exact = 0;
    for _ in 0..CASES {
        let ruleset = rulesets.new_tree(&mut runner).unwrap().current();
        let mut first = (Ruleset::default(), Vec::new());
        in_netns(test, || first = (program(&ruleset), raw::everything()));
        if first.0 == ruleset {
            exact += 1;
            continue;
        }
        in_netns(test, || {
            assert_eq!(program(&first.0).to_string(), first.0.to_string());
            assert_eq!(raw::everything(), first.1);
        });
    }
    println!("{exact} of {CASES} rulesets are read back exactly");
    assert!(exact * 100 >= CASES * 95);
}

#[test]
fn any_ruleset_equals_nfts() {
    let test = "netlink::random::any_ruleset_equals_nfts";
    in_netns(test, || equal(test));
}

fn equal(test: &str) {
    let mut runner = TestRunner::deterministic();
    let rulesets = arbitrary_ruleset();
    for _ in 0..150 {
        compare(
            test,
            &sized(rulesets.new_tree(&mut runner).unwrap().current()),
        );
    }
}

/// nft declares for a constant set the size that it happens to have; here the text says it.
fn sized(mut ruleset: Ruleset) -> Ruleset {
    let tables = ruleset.tables.values_mut();
    for set in tables.flat_map(|table| table.sets.values_mut()) {
        if set.flags.contains(SetFlags::CONSTANT) && !set.elements.is_empty() {
            let ranges = set.flags.contains(SetFlags::INTERVAL) && set.key.len() == 1;
            let boundaries = if ranges {
                2 * set.elements.len() + 1
            } else {
                set.elements.len()
            };
            set.size = Some(u32::try_from(boundaries).unwrap());
        }
    }
    ruleset
}
