//! The shape of the repository: what may use what, how long things grow, what stands where.

mod planted;
mod rules;
mod source;

use std::fs;
use std::path::Path;

use rules::violations;
use source::Source;

/// Everything that stands at the top of the repository.
const TOP: &[&str] = &[
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "benches",
    "clippy.toml",
    "deny.toml",
    "docs",
    "examples",
    "nft-templates",
    "packaging",
    "rustfmt.toml",
    "src",
    "tests",
];

#[test]
fn sources_are_tidy() {
    let sources: Vec<_> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|f| Source::below(root(), f))
        .collect();
    assert!(sources.len() > 20, "the sources were not found");
    assert_none(sources.iter().flat_map(violations).collect());
}

#[test]
fn rules_are_about_what_exists() {
    let exists = |path: &str| {
        let path = root().join(path);
        path.exists() || path.with_extension("rs").exists()
    };
    let missing = rules::paths().filter(|path| !exists(path));
    assert_none(
        missing
            .map(|path| format!("tests/it/tidy/rules.rs: there is no {path}"))
            .collect(),
    );
}

#[test]
fn every_dependency_is_used() {
    let sources: Vec<_> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|f| Source::below(root(), f))
        .collect();
    let listed = dependencies(&read("Cargo.toml"));
    assert!(listed.len() > 5, "the dependencies were not found");
    let is_used = |name: &str| {
        sources
            .iter()
            .any(|source| source.words().any(|word| word.text == name))
    };
    let unused = listed.iter().filter(|name| !is_used(name));
    let unlisted = rules::crates_behind_doors().filter(|name| !listed.iter().any(|l| l == name));
    let complaints = unused.map(|name| format!("Cargo.toml: nothing uses {name}"));
    assert_none(
        complaints
            .chain(unlisted.map(|name| format!("Cargo.toml: {name} has a door and is not there")))
            .collect(),
    );
}

/// The crates that a manifest depends on, as code calls them.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if let Some((name, _)) = line.split_once(" = ")
            && inside
        {
            found.push(name.replace('-', "_"));
        }
    }
    found
}

#[test]
fn every_folder_of_sources_says_what_it_is() {
    let sources = Source::below(root(), "src");
    let has = |path: &str| sources.iter().any(|s| s.path == path);
    let silent = sources.iter().filter_map(|source| {
        let (folder, _) = source.path.rsplit_once('/')?;
        let spoken = has(&format!("{folder}/mod.rs")) || has(&format!("{folder}.rs"));
        (folder != "src" && !spoken).then(|| format!("{folder}: no mod.rs"))
    });
    assert_none(silent.collect());
}

#[test]
fn the_top_of_the_repository_holds_what_is_agreed() {
    let unknown = entries(".").into_iter().filter(|name| {
        !TOP.contains(&name.as_str()) && ![".git", "target"].contains(&name.as_str())
    });
    assert_none(
        unknown
            .map(|name| format!("{name}: not in the list of tests/it/tidy.rs"))
            .collect(),
    );
}

#[test]
fn every_topic_is_named_in_main_with_a_comment() {
    let main = read("tests/it/main.rs");
    let lines: Vec<_> = main.lines().collect();
    let topics = entries("tests/it")
        .into_iter()
        .filter(|name| !["main.rs", "snapshots"].contains(&name.as_str()));
    let unnamed = topics.filter(|name| {
        let line = format!("mod {};", name.trim_end_matches(".rs"));
        let at = lines.iter().position(|l| *l == line);
        !at.is_some_and(|at| at > 0 && lines[at - 1].starts_with("//"))
    });
    assert_none(
        unnamed
            .map(|name| format!("tests/it/{name}: no comment and `mod` in main.rs"))
            .collect(),
    );
}

#[test]
fn documents_name_what_exists() {
    let makefile = read("Makefile");
    let mut missing = Vec::new();
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "nft-templates/README.md",
    ] {
        let text = fs::read_to_string(root().join(page)).unwrap_or_default();
        for word in text.split('`').skip(1).step_by(2) {
            let place = [
                "src/",
                "tests/",
                "docs/",
                "benches/",
                "examples/",
                "nft-templates/",
                ".ci/",
            ];
            let path = word.split(['*', '<', ' ']).next().unwrap_or_default();
            if place.iter().any(|p| path.starts_with(p)) && !root().join(path).exists() {
                missing.push(format!("{page}: `{word}` does not exist"));
            }
            if word.ends_with(".nft") && !root().join("nft-templates").join(word).exists() {
                missing.push(format!("{page}: there is no template `{word}`"));
            }
        }
        for line in text.lines().map(|l| l.trim_start_matches([' ', '$', '`'])) {
            let target = line
                .strip_prefix("make ")
                .and_then(|l| l.split([' ', '`']).next());
            if target.is_some_and(|t| !makefile.contains(&format!("\n{t}:"))) {
                missing.push(format!("{page}: `{line}` is no target of the Makefile"));
            }
        }
    }
    assert_none(missing);
}

#[test]
fn promises_name_tests_that_exist() {
    let sources: Vec<_> = ["src", "tests"]
        .iter()
        .flat_map(|f| Source::below(root(), f))
        .collect();
    let mut missing = Vec::new();
    for page in ["SECURITY.md", "docs/etcd.md", "docs/faults.md"] {
        let promises = read(page);
        let named = promises.split('`').skip(1).step_by(2).filter(|word| {
            word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        });
        let absent = named.filter(|test| {
            let declared = format!("fn {test}(");
            !sources.iter().any(|source| source.code.contains(&declared))
        });
        missing.extend(absent.map(|test| format!("{page}: there is no test {test}")));
    }
    assert_none(missing);
}

#[test]
fn templates_use_only_slots_that_are_declared_and_are_listed() {
    let (listed, slots) = (
        read("nft-templates/README.md"),
        read("nft-templates/slots.nft"),
    );
    let mut missing = Vec::new();
    for file in entries("nft-templates")
        .into_iter()
        .filter(|f| f.ends_with(".nft"))
    {
        if !listed.contains(&format!("`{file}`")) {
            missing.push(format!(
                "nft-templates/README.md: `{file}` is not in the table"
            ));
        }
        for slot in read(&format!("nft-templates/{file}")).split('@').skip(1) {
            let end = slot
                .find(|c: char| !c.is_alphanumeric() && c != '-')
                .unwrap_or(slot.len());
            let declares = |kind: &str| slots.contains(&format!("{kind} {} {{", &slot[..end]));
            if !declares("set") && !declares("map") {
                missing.push(format!("{file}: @{} is no slot of slots.nft", &slot[..end]));
            }
        }
    }
    assert_none(missing);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn entries(folder: &str) -> Vec<String> {
    let read = fs::read_dir(root().join(folder)).unwrap();
    let mut names: Vec<_> = read
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
