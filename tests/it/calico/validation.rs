//! What is valid of each field and what is not: the rows of `validation.txt`.

use std::fs;
use std::path::Path;

use margay::codec::{self, Severity};

use super::{resource, shown};

/// A resource into which lines are put.
struct Section<'t> {
    parts: [&'t str; 3],
    valid: Vec<&'t str>,
    invalid: Vec<[&'t str; 3]>,
}

impl Section<'_> {
    fn with(&self, line: &str) -> String {
        let [kind, metadata, spec] = self.parts.map(|part| part.replace('@', &expanded(line)));
        resource(&kind, &metadata, &spec)
    }
}

/// `<3*x>` as `x, x, x`, and `<3#x>` as `xxx`.
fn expanded(line: &str) -> String {
    let Some((before, rest)) = line.split_once('<') else {
        return line.to_owned();
    };
    let (inside, after) = rest.split_once('>').unwrap();
    let (sign, separator) = match inside.contains('*') {
        true => ('*', ", "),
        false => ('#', ""),
    };
    let (count, item) = inside.split_once(sign).unwrap();
    let items = vec![item; count.parse().unwrap()];
    format!("{before}{}{after}", items.join(separator))
}

/// The columns of a line.
fn columns<const N: usize>(line: &str) -> [&str; N] {
    let columns: Vec<_> = line.split('~').map(str::trim).collect();
    columns
        .try_into()
        .unwrap_or_else(|_| panic!("not {N} columns: {line}"))
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(parts) = line.strip_prefix("==") {
            sections.push(Section {
                parts: columns(parts),
                valid: Vec::new(),
                invalid: Vec::new(),
            });
            continue;
        }
        let section = sections.last_mut().unwrap();
        match line.split_at(3) {
            ("ok " | "ok", text) => section.valid.push(text.trim()),
            ("bad", text) => section.invalid.push(columns(text)),
            _ => panic!("neither ok nor bad: {line}"),
        }
    }
    sections
}

#[test]
fn each_rule_has_a_valid_and_an_invalid_case() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/calico/validation.txt");
    let text = fs::read_to_string(path).unwrap().replace("ok\n", "ok \n");
    let sections = sections(&text);
    let mut rows = 0;
    for section in &sections {
        assert_eq!(
            section.valid.len(),
            section.invalid.len(),
            "{:?}",
            section.parts
        );
        rows += section.valid.len();
        for line in &section.valid {
            let loaded = codec::parse("a.yaml", &section.with(line));
            let errors = loaded.count(Severity::Error);
            assert_eq!(errors, 0, "{line}: {}", shown(&loaded));
        }
        for [line, field, said] in &section.invalid {
            let loaded = codec::parse("a.yaml", &section.with(line));
            let text = shown(&loaded);
            assert_eq!(loaded.count(Severity::Error), 1, "{line}: {text}");
            let found = text.contains(&format!("error: {field}: ")) && text.contains(said);
            assert!(found, "{line}: {field}, {said}: {text}");
            assert_eq!(loaded.state, codec::parse("a.yaml", "").state, "{line}");
        }
    }
    assert!(rows > 100, "{rows} rows are not all of them");
}
