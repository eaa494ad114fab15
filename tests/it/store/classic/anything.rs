//! Any value is taken; the table of the documentation is what the codec knows.

use std::collections::BTreeSet;
use std::path::Path;

use margay::codec::{Change, Keys, classic};
use proptest::prelude::*;

/// Keys of every form.
const KEYS: &[&str] = &[
    "Ready",
    "config/InterfacePrefix",
    "config/MetadataPort",
    "host/h/workload/o/w/endpoint/e",
    "host/h/endpoint/e",
    "policy/profile/p/rules",
    "policy/profile/p/tags",
    "policy/profile/p/labels",
    "policy/tier/t/metadata",
    "policy/tier/t/policy/p",
];

/// Any JSON, with fields that mean something among it.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let words: Vec<&'static str> = classic::fields()
        .map(|field| field.name)
        .chain([
            "active",
            "tcp",
            "10.0.0.0/8",
            "deny",
            "all()",
            "1:2",
            "!",
            "-1",
            "1e400",
        ])
        .collect();
    let word = prop_oneof![prop::sample::select(words).prop_map(str::to_owned), ".*"];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(word.clone(), inner, 0..8)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_taken(value in any_json(), text in ".*", raw in prop::collection::vec(any::<u8>(), 0..64)) {
        for key in KEYS {
            let key = format!("/calico/v1/{key}");
            let value = value.to_string();
            for bytes in [value.as_bytes(), text.as_bytes(), &raw] {
                let Change { events, problems } = Keys::Classic.read(&[(&key, bytes)]);
                prop_assert!(problems.iter().all(|problem| !problem.message.is_empty()));
                let errors = Change { events: Vec::new(), problems }.has_errors();
                prop_assert!(!errors || events.is_empty());
            }
        }
    }

    #[test]
    fn any_key_is_taken(key in "(/calico/v1/)?[a-z/%-]*") {
        let document = Keys::Classic.document(&key);
        prop_assert!(document.is_none_or(|document| key.starts_with(document)));
    }
}

/// The rows of a table: the first two columns and the third, code marks taken away.
fn rows(text: &str) -> BTreeSet<(String, String, String)> {
    let mut rows = BTreeSet::new();
    let treated = |line: &&str| line.contains("| enforced |") || line.contains("| accepted and");
    for line in text.lines().filter(treated) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [object, names, treatment] = cells[..] else {
            panic!("a row that has not three columns: {line}")
        };
        for name in names.split(", ") {
            let name = name.trim_matches('`').to_owned();
            rows.insert((object.to_owned(), name, treatment.to_owned()));
        }
    }
    rows
}

#[test]
fn the_table_of_the_documentation_has_every_field() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/classic-keys.md");
    let written = rows(&std::fs::read_to_string(path).unwrap_or_default());
    let known: BTreeSet<_> = classic::fields()
        .map(|field| {
            let treatment = field.treatment.to_string();
            (field.object.to_owned(), field.name.to_owned(), treatment)
        })
        .collect();
    assert_eq!(known, written);
}
