//! The nft text of rulesets: what we print nft loads, and what nft prints we read.

use margay::ruleset::render::script;
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{
    Chain, Datatype, Elements, Key, Name, Ruleset, Set, Table, TableFamily, TableKey, parse,
};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::support::netns::{in_netns, nft};
use crate::support::rulesets::arbitrary_ruleset;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_ruleset_round_trips(ruleset in arbitrary_ruleset()) {
        let text = ruleset.to_string();
        let read = parse("rendered", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(&read, &ruleset, "{}", text);
    }
}

/// A text with some of it cut out, doubled, moved or replaced.
fn mutated(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for &(at, length, other) in edits {
        let at = at % (characters.len() + 1);
        let end = (at + length).min(characters.len());
        let cut: Vec<char> = characters.drain(at..end).collect();
        let to = other % (characters.len() + 1);
        match other % 4 {
            0 => {}
            1 => drop(characters.splice(to..to, cut)),
            2 => drop(characters.splice(at..at, [cut.clone(), cut].concat())),
            _ => characters.insert(at, HOSTILE[length % HOSTILE.len()]),
        }
    }
    characters.into_iter().collect()
}

const HOSTILE: [char; 22] = [
    '{', '}', '"', '\n', ';', ',', '.', ':', '-', '/', '@', '*', '!', '=', '&', '|', '^', '9',
    '\0', 'é', '\\', '#',
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is still read is also still printed so that it can be read.
    #[test]
    fn no_mutation_of_the_templates_panics(
        file in 0..TEMPLATES.len(),
        edits in prop::collection::vec((any::<usize>(), 0..12_usize, any::<usize>()), 1..6),
    ) {
        let text = mutated(TEMPLATES[file].1, &edits);
        match parse("mutated", &text) {
            Ok(ruleset) => prop_assert_eq!(parse("again", &ruleset.to_string()), Ok(ruleset)),
            Err(error) => {
                prop_assert!(error.line <= text.lines().count() + 1, "{}", error);
                prop_assert!(!error.message.is_empty());
            }
        }
    }

    #[test]
    fn no_mutation_of_any_ruleset_panics(
        ruleset in arbitrary_ruleset(),
        edits in prop::collection::vec((any::<usize>(), 0..12_usize, any::<usize>()), 1..4),
    ) {
        let text = mutated(&ruleset.to_string(), &edits);
        if let Ok(ruleset) = parse("mutated", &text) {
            prop_assert_eq!(parse("again", &ruleset.to_string()), Ok(ruleset));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        drop(parse("random", &text));
    }
}

#[test]
fn nft_loads_and_lists_any_ruleset() {
    in_netns("text::nft_loads_and_lists_any_ruleset", || {
        for ruleset in sampled(150) {
            nft(&["flush", "ruleset"], "");
            assert_eq!(through_nft(&ruleset).to_string(), ruleset.to_string());
        }
    });
}

/// What the rulesets of the generator must contain among them, beside every type, key and field.
const CONSTRUCTS: [&str; 62] = [
    "table ip ",
    "table ip6 ",
    "table arp ",
    "table inet ",
    "counter hits",
    "limit rate",
    "rate over ",
    "/second",
    "/minute",
    "/hour",
    "/day",
    " burst 1 packets",
    "size 1000",
    "flags constant",
    "flags interval",
    "flags timeout",
    "flags dynamic\n",
    "flags dynamic,timeout",
    "\t\tcounter\n",
    "timeout 1d1h1m2s",
    " timeout 1d1s",
    "\t\tcomment \"",
    " comment \"why\"",
    " : verdict",
    " : mark",
    " : counter",
    " : limit",
    " : ipv4_addr . inet_service",
    "hook prerouting",
    "hook input",
    "hook forward",
    "hook output",
    "hook postrouting",
    "priority raw",
    "priority mangle + ",
    "priority dstnat - ",
    "priority filter",
    "policy drop;",
    "policy accept;",
    " & ",
    " == ",
    " != ",
    " ! ",
    "*\"",
    " @set",
    " vmap @",
    " vmap {",
    "jump leaf",
    "goto leaf",
    "continue",
    "return",
    "counter name \"",
    "counter name i",
    "limit name \"",
    "log prefix ",
    "log group ",
    "reject with icmpx port-unreachable",
    "reject with icmpx admin-prohibited",
    "reject with tcp reset",
    "notrack",
    "meta mark set meta mark ",
    " map @",
];

#[test]
fn the_generator_makes_every_construct() {
    let texts: String = sampled(400).iter().map(ToString::to_string).collect();
    let types = Datatype::ALL.map(|datatype| format!("type {}", datatype.keyword()));
    let dynamic = ["add @set", "update @set", " timeout 2h1s limit rate "].map(str::to_owned);
    let constructs = CONSTRUCTS
        .into_iter()
        .map(str::to_owned)
        .chain(types)
        .chain(dynamic);
    let missing: Vec<String> = constructs
        .filter(|wanted| !texts.contains(wanted))
        .collect();
    assert!(missing.is_empty(), "never made: {missing:?}");
}

/// Always the same rulesets.
fn sampled(count: usize) -> Vec<Ruleset> {
    let mut runner = TestRunner::deterministic();
    let strategy = arbitrary_ruleset();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Everything of a ruleset as operations, in the order in which the kernel can take it.
fn creation(key: &TableKey, table: &Table) -> Commit {
    let mut operations = vec![Operation::AddTable];
    let counters = table.counters.iter();
    operations
        .extend(counters.map(|(n, comment)| Operation::AddCounter(n.clone(), comment.clone())));
    operations.extend(
        table
            .limits
            .iter()
            .map(|(n, limit)| Operation::AddLimit(n.clone(), *limit)),
    );
    let chains = table.chains.iter().map(|(name, chain)| {
        Operation::AddChain(
            name.clone(),
            Chain {
                rules: Vec::new(),
                ..chain.clone()
            },
        )
    });
    operations.extend(chains);
    for (name, set) in &table.sets {
        let header = Set {
            elements: Elements::new(),
            ..set.clone()
        };
        operations.push(Operation::AddSet(name.clone(), Box::new(header)));
        if !set.elements.is_empty() {
            operations.push(Operation::AddElements(name.clone(), set.elements.clone()));
        }
    }
    for (name, chain) in &table.chains {
        let rules = chain.rules.iter();
        operations.extend(rules.map(|rule| Operation::AddRule(name.clone(), rule.clone())));
    }
    let step = Step {
        phase: Phase::Populate,
        wait: Wait::None,
        operations,
    };
    Commit {
        table: key.clone(),
        steps: vec![step],
    }
}

#[test]
fn the_script_of_a_commit_does_what_the_commit_says() {
    in_netns(
        "text::the_script_of_a_commit_does_what_the_commit_says",
        || {
            for ruleset in sampled(60) {
                nft(&["flush", "ruleset"], "");
                for (key, table) in &ruleset.tables {
                    nft(&["-f", "-"], &script(&creation(key, table), &[]));
                }
                let listed = parse("nft list ruleset", &nft(&["list", "ruleset"], "")).unwrap();
                assert_eq!(listed.to_string(), ruleset.to_string());
            }
        },
    );
}

#[test]
fn a_script_names_its_phases_and_deletes_by_type() {
    let set = Name::new("group/web/v4").unwrap();
    let chain = Name::new("policy/web/in").unwrap();
    let mut table = Table::default();
    table
        .sets
        .insert(set.clone(), Set::of(&[Datatype::Ipv4Addr]));
    let keys = vec![Key::value(&[10, 0, 0, 1]), Key::value(&[10, 0, 0, 2])];
    let steps = vec![
        Step {
            phase: Phase::Tighten,
            wait: Wait::None,
            operations: vec![Operation::DeleteElements(set.clone(), keys)],
        },
        Step {
            phase: Phase::Collect,
            wait: Wait::Grace,
            operations: vec![
                Operation::FlushChain(chain.clone()),
                Operation::DeleteChain(chain),
                Operation::DeleteSet(set),
            ],
        },
    ];
    let table_key = TableKey {
        family: TableFamily::Inet,
        name: Name::new("margay").unwrap(),
    };
    let commit = Commit {
        table: table_key,
        steps,
    };
    let expected = "\
# tighten
delete element inet margay group/web/v4 { 10.0.0.1, 10.0.0.2 }
# collect, after a grace period
flush chain inet margay policy/web/in
delete chain inet margay policy/web/in
delete set inet margay group/web/v4
";
    assert_eq!(script(&commit, &[&table]), expected);
}
