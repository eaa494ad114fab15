//! What we encode is what nft encodes of the same text, attribute by attribute.

use margay::backend::nft::{NftBackend, Ownership};
use margay::ruleset::{Ruleset, parse};

use super::listing::{listable, listed, words};
use super::program::{commit, program};
use super::raw;
use crate::golden;
use crate::support::netns::{in_netns, nft};

const CONSTRUCTS: &str = include_str!("constructs.nft");
const SLOTS: &str = include_str!("../../../nft-templates/slots.nft");
const SOURCE: &str = include_str!("../../../nft-templates/source.nft");
const FILTER: &str = include_str!("../../../nft-templates/filter.nft");
/// Elements for the slots of the templates.
const FILLED: &str = include_str!("filled.nft");

/// Loads a ruleset with nft, and in another namespace with ours, and compares what is there.
pub(crate) fn compare(test: &str, ruleset: &Ruleset) {
    let text = ruleset.to_string();
    let (mut of_nft, mut of_ours) = (Vec::new(), Vec::new());
    let (mut list_of_nft, mut list_of_ours) = (String::new(), String::new());
    in_netns(test, || {
        nft(&["-f", "-"], &text);
        of_nft = raw::everything();
        list_of_nft = nft(&["list", "ruleset"], "");
    });
    in_netns(test, || {
        let observed = listable(program(ruleset));
        of_ours = raw::everything();
        list_of_ours = nft(&["list", "ruleset"], "");
        let listed = listed(&list_of_ours);
        assert_eq!(observed.to_string(), listed.to_string());
        assert_eq!(observed, listed);
    });
    let differing: Vec<String> = of_nft
        .iter()
        .zip(&of_ours)
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("nft  {a}\nours {b}\n"))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(of_nft.len(), of_ours.len());
    assert_eq!(words(&list_of_nft), words(&list_of_ours));
}

/// The templates with elements in their slots.
pub(super) fn templates() -> Ruleset {
    let text = [SLOTS, SOURCE, FILTER, FILLED].concat();
    parse("templates", &text).unwrap()
}

/// One of everything that rulesets can say.
pub(super) fn constructs() -> Ruleset {
    parse("constructs.nft", CONSTRUCTS).unwrap()
}

#[test]
fn the_templates_with_elements_equal_nfts() {
    let ruleset = templates();
    let test = "netlink::equality::the_templates_with_elements_equal_nfts";
    compare(test, &ruleset);
    in_netns(test, || assert_eq!(program(&ruleset), ruleset));
}

#[test]
fn every_golden_case_equals_nfts() {
    let test = "netlink::equality::every_golden_case_equals_nfts";
    for case in golden::cases() {
        println!("{}", case.display());
        compare(test, &golden::compiled(&case));
    }
}

#[test]
fn every_construct_equals_nfts() {
    compare(
        "netlink::equality::every_construct_equals_nfts",
        &constructs(),
    );
}

#[test]
fn what_nft_lists_otherwise_equals_nfts() {
    let test = "netlink::equality::what_nft_lists_otherwise_equals_nfts";
    let ruleset = parse("unlisted.nft", include_str!("unlisted.nft")).unwrap();
    let mut of_nft = Vec::new();
    in_netns(test, || {
        nft(&["-f", "-"], &ruleset.to_string());
        of_nft = raw::everything();
    });
    in_netns(test, || {
        commit(&mut NftBackend::new(Ownership::None).unwrap(), &ruleset);
        assert_eq!(raw::everything(), of_nft);
    });
}
