//! What we encode is what nft encodes of the same text, attribute by attribute.

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::ruleset::{Ruleset, parse};

use super::program::{commit_of, operations};
use super::raw;
use crate::support::netns::{in_netns, nft};

const CONSTRUCTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/netlink/constructs.nft"
);
const SLOTS: &str = include_str!("../../../nft-templates/slots.nft");
const SOURCE: &str = include_str!("../../../nft-templates/source.nft");
const FILTER: &str = include_str!("../../../nft-templates/filter.nft");
/// Elements for the slots of the templates.
const FILLED: &str = include_str!("filled.nft");

/// Loads a ruleset with nft, and in another namespace with ours, and compares what is there.
fn compare(test: &str, ruleset: &Ruleset) {
    let text = ruleset.to_string();
    let (mut of_nft, mut of_ours) = (Vec::new(), Vec::new());
    let (mut list_of_nft, mut list_of_ours) = (String::new(), String::new());
    in_netns(test, || {
        nft(&["-f", "-"], &text);
        of_nft = raw::everything();
        list_of_nft = nft(&["list", "ruleset"], "");
    });
    in_netns(test, || {
        let observed = program(ruleset);
        of_ours = raw::everything();
        list_of_ours = nft(&["list", "ruleset"], "");
        let listed = parse("nft list ruleset", &list_of_ours).unwrap();
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
    assert_eq!(sorted(&list_of_nft), sorted(&list_of_ours));
}

/// A listing with the elements of sets in order, and without the time that they have left.
fn sorted(listing: &str) -> String {
    let mut parts = listing.split("elements = {");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (elements, rest) = part.split_once('}').unwrap();
        let mut elements: Vec<String> = elements
            .split(',')
            .map(|element| match element.split_once(" expires ") {
                Some((kept, _)) => kept.trim().to_owned(),
                None => element.trim().to_owned(),
            })
            .collect();
        elements.sort();
        text.push_str(&format!("elements = {{ {} }}{rest}", elements.join(", ")));
    }
    text
}

fn commit(backend: &mut NftBackend, ruleset: &Ruleset) {
    for (key, table) in &ruleset.tables {
        let commit = commit_of(key, operations(table));
        backend
            .commit(&commit)
            .unwrap_or_else(|error| panic!("{error}: {error:?}"));
    }
}

/// Programs a ruleset and reads it back.
fn program(ruleset: &Ruleset) -> Ruleset {
    let mut backend = NftBackend::new(Ownership::None).unwrap();
    commit(&mut backend, ruleset);
    let mut observed = Ruleset::default();
    for key in ruleset.tables.keys() {
        let table = backend
            .observe(key)
            .unwrap_or_else(|error| panic!("{error}"));
        observed.tables.insert(key.clone(), table.unwrap());
    }
    observed
}

#[test]
fn the_templates_with_elements_equal_nfts() {
    let text = [SLOTS, SOURCE, FILTER, FILLED].concat();
    let ruleset = parse("templates", &text).unwrap();
    let test = "netlink::equality::the_templates_with_elements_equal_nfts";
    compare(test, &ruleset);
    in_netns(test, || assert_eq!(program(&ruleset), ruleset));
}

#[test]
fn every_construct_equals_nfts() {
    let text = std::fs::read_to_string(CONSTRUCTS).unwrap();
    let ruleset = parse("constructs.nft", &text).unwrap();
    compare("netlink::equality::every_construct_equals_nfts", &ruleset);
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
