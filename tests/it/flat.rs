//! What a packet costs does not grow with rules or endpoints: counted on the longest path.

use margay::compile::{compile, skeleton::Skeleton};
use margay::ruleset::cost::longest_path;
use margay::ruleset::trace::Cost;
use margay::scenario::place::HOST;
use margay::scenario::{Flat, flat};

/// What 100,000 rules cost above 10,000: addresses, prefixes and exact boxes leave the set of boxes for
/// sets of their own, three rules and three lookups.
const ABOVE_AT_100_000: usize = 6;

#[test]
fn the_longest_path_is_as_long_at_any_number_of_rules() {
    let [ten, thousand, many, most] = [10, 1_000, 10_000, 100_000].map(|rules| {
        cost(Flat {
            rules,
            ..Flat::default()
        })
    });
    println!("longest path at 10, 1,000, 10,000, 100,000 rules: {ten}; {thousand}; {many}; {most}");
    assert_eq!(thousand, many);
    assert!(many.total() <= ten.total(), "{many} is more than {ten}");
    assert!(
        most.total() <= many.total() + ABOVE_AT_100_000,
        "{most} is more than {many}"
    );
}

#[test]
fn the_longest_path_is_as_long_at_any_number_of_endpoints() {
    let costs =
        [(10, 10), (1_000, 50), (10_000, 50), (10_000, 5_000)].map(|(endpoints, bundles)| {
            cost(Flat {
                endpoints,
                bundles,
                ..Flat::default()
            })
        });
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
}

#[test]
fn the_longest_path_grows_with_the_groups_that_a_policy_names_and_no_faster() {
    let [one, twenty, all] = [1, 20, 500].map(|groups_named| {
        cost(Flat {
            groups_named,
            ..Flat::default()
        })
    });
    println!("longest path at 1, 20, 500 groups named: {one}; {twenty}; {all}");
    // Two policies are on the path; each asks a group once, and once for its services.
    assert!(twenty.total() - one.total() <= 2 * 3 * 19);
    assert!(all.total() - one.total() <= 2 * 3 * 499);
}

fn cost(size: Flat) -> Cost {
    let ruleset = compile(&flat(size, 1), HOST, &Skeleton::builtin().unwrap());
    longest_path(&ruleset).unwrap().cost
}
