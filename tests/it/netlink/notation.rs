//! Our notation of a ruleset is what `nft --debug=netlink` prints of the same text.

use std::collections::BTreeMap;

use margay::backend::nft::notation;
use margay::ruleset::{Ruleset, parse};

use super::equality::{constructs, templates};
use crate::golden;
use crate::support::netns::{in_netns, nft};

/// What a notation says: rules by chain and in order, named sets in any order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// Of each rule the anonymous sets before it, then its instructions.
    rules: BTreeMap<String, Vec<Vec<String>>>,
    /// The declaration and the elements.
    sets: BTreeMap<String, Vec<String>>,
}

impl Told {
    fn read(text: &str) -> Self {
        let (mut told, mut block) = (Self::default(), Block::None);
        let mut anonymous = Vec::new();
        for line in text.replace("\telement", "\nelement").lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let line = words.join(" ");
            match words[..] {
                // nft does not say whose chains and objects these are.
                [] | [_, _, _, "use", ..] | ["table", ..] => {}
                ["inet", ..] => {
                    let rules = told.rules.entry(line.clone()).or_default();
                    rules.push(std::mem::take(&mut anonymous));
                    block = Block::Rule(line);
                }
                ["[" | "userdata", ..] => told.last_rule(&block).push(line),
                ["element", ..] => match &block {
                    Block::Set(name) => told.sets.get_mut(name).unwrap().push(plain(&words)),
                    Block::Anonymous | Block::None | Block::Rule(_) => anonymous.push(line),
                },
                [name, ..] if name.starts_with("__") => {
                    anonymous.push(line);
                    block = Block::Anonymous;
                }
                [name, table, ..] => {
                    let name = format!("{table} {name}");
                    told.sets.entry(name.clone()).or_default().push(line);
                    block = Block::Set(name);
                }
                [_] => panic!("what is {line}?"),
            }
        }
        told.sets.values_mut().for_each(|lines| lines.sort());
        told
    }

    fn last_rule(&mut self, block: &Block) -> &mut Vec<String> {
        let Block::Rule(chain) = block else {
            panic!("an instruction outside of a rule: {block:?}");
        };
        self.rules.get_mut(chain).unwrap().last_mut().unwrap()
    }
}

/// What the lines to come belong to.
#[derive(Debug)]
enum Block {
    None,
    Rule(String),
    Set(String),
    Anonymous,
}

/// An element without what nft leaves out: its timeout and the object that it maps to.
fn plain(words: &[&str]) -> String {
    let mut words = words.to_vec();
    if let Some(at) = words.iter().position(|word| *word == "timeout") {
        words.drain(at..at + 2);
    }
    words.retain(|word| *word != "c1");
    words.join(" ")
}

/// Compares what we say of a ruleset with what nft says of its text.
fn compare(what: &str, ruleset: &Ruleset) -> usize {
    let of_nft = nft(&["--debug=netlink", "-c", "-f", "-"], &ruleset.to_string());
    let (of_nft, of_ours) = (Told::read(&of_nft), Told::read(&notation::of(ruleset)));
    for (chain, rules) in &of_nft.rules {
        assert_eq!(of_ours.rules.get(chain), Some(rules), "{what}: {chain}");
    }
    for (name, set) in &of_nft.sets {
        assert_eq!(of_ours.sets.get(name), Some(set), "{what}: {name}");
    }
    assert_eq!(of_ours, of_nft, "{what}");
    of_nft.rules.values().map(Vec::len).sum()
}

#[test]
fn the_notation_of_templates_and_golden_cases_is_nfts() {
    let test = "netlink::notation::the_notation_of_templates_and_golden_cases_is_nfts";
    in_netns(test, || {
        let mut rules = compare("templates", &templates());
        for case in golden::cases() {
            rules += compare(&case.display().to_string(), &golden::compiled(&case));
        }
        println!("{rules} rules in our notation and in nft's");
        assert!(rules > 500);
    });
}

#[test]
fn the_notation_of_every_construct_is_nfts() {
    let test = "netlink::notation::the_notation_of_every_construct_is_nfts";
    in_netns(test, || {
        let unlisted = parse("unlisted.nft", include_str!("unlisted.nft")).unwrap();
        compare("unlisted.nft", &unlisted);
        compare("constructs.nft", &constructs());
    });
}
