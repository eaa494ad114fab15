//! The nft text of rulesets: what we print nft loads, and what nft prints we read.

use margay::ruleset::{Ruleset, parse};

use crate::support::netns::{in_netns, nft};

/// The templates, in the order in which they are read.
const TEMPLATES: [(&str, &str); 3] = [
    ("slots.nft", include_str!("../../nft-templates/slots.nft")),
    ("source.nft", include_str!("../../nft-templates/source.nft")),
    ("filter.nft", include_str!("../../nft-templates/filter.nft")),
];

fn templates() -> Ruleset {
    let text: String = TEMPLATES.iter().map(|(_, text)| *text).collect();
    parse("templates", &text).unwrap()
}

/// Loads a ruleset with nft, and reads what nft lists.
fn through_nft(ruleset: &Ruleset) -> Ruleset {
    nft(&["-f", "-"], &ruleset.to_string());
    let listed = nft(&["list", "ruleset"], "");
    parse("nft list ruleset", &listed).unwrap_or_else(|error| panic!("{error}\n{listed}"))
}

#[test]
fn templates_round_trip() {
    let templates = templates();
    let text = templates.to_string();
    assert_eq!(parse("rendered", &text).unwrap(), templates, "{text}");
}

#[test]
fn nft_loads_and_lists_the_rendered_templates() {
    in_netns("text::nft_loads_and_lists_the_rendered_templates", || {
        let templates = templates();
        assert_eq!(through_nft(&templates).to_string(), templates.to_string());
    });
}
