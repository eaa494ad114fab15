//! The table of fields in the documentation is what the codec knows.

use std::collections::BTreeSet;
use std::path::Path;

use margay::codec::calico::fields;

/// The rows of a table: the first two columns and the third, code marks taken away.
fn rows(text: &str) -> BTreeSet<(String, String, String)> {
    let mut rows = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
    {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [object, names, treatment] = cells[..] else {
            panic!("a row that has not three columns: {line}")
        };
        for name in names.split(", ") {
            let name = name.trim_matches('`').to_owned();
            let new = rows.insert((object.to_owned(), name, treatment.to_owned()));
            assert!(new, "a field that is there twice: {line}");
        }
    }
    rows
}

#[test]
fn the_table_has_every_field_and_what_becomes_of_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/calico-fields.md");
    let written = rows(&std::fs::read_to_string(path).unwrap_or_default());
    let known: BTreeSet<_> = fields()
        .map(|f| {
            (
                f.object.to_owned(),
                f.name.to_owned(),
                f.treatment.to_string(),
            )
        })
        .collect();
    let missing: Vec<_> = known.difference(&written).collect();
    let stale: Vec<_> = written.difference(&known).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "missing: {missing:#?}\nstale: {stale:#?}"
    );
}
