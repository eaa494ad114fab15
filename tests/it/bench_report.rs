//! A small run in all its forms, as golden files beside this one; two runs compared by the program.
//!
//! `UPDATE_GOLDEN=1` rewrites the files.

mod browser;
mod sample;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use margay::bench::folder::LINES;
use margay::bench::jsonl;
use margay::bench::measurement::Run;
use serde_json::Value;
use tempfile::TempDir;

use sample::{at_pace, run};

/// Every file of a run.
const FILES: [&str; 4] = [LINES, "results.csv", "results.md", "report.html"];

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bench_report")
}

fn written(run: &Run) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let paths = margay::bench::write(run, folder.path()).unwrap();
    assert_eq!(paths, FILES.map(|name| folder.path().join(name)));
    folder
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

#[track_caller]
fn margay(arguments: &[&str], exit: i32) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    let output: Output = command.arg("bench").args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(exit), "{out}{err}");
    (out, err)
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn a_run_becomes_the_golden_files() {
    let folder = written(&run());
    for name in FILES {
        let made = text(folder.path(), name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(golden().join(name), &made).unwrap();
        }
        assert!(
            made == text(&golden(), name),
            "tests/it/bench_report/{name} differs: `make golden` and look"
        );
    }
}

#[test]
fn a_report_is_made_again_from_the_lines() {
    let run = written(&run());
    let folder = tempfile::tempdir().unwrap();
    fs::copy(run.path().join(LINES), folder.path().join(LINES)).unwrap();
    let (told, _) = margay(&["report", path(&folder)], 0);
    assert_eq!(told.lines().count(), 3, "{told}");
    let elsewhere = tempfile::tempdir().unwrap();
    let lines = folder.path().join(LINES);
    let out = elsewhere.path().join("a/b");
    margay(
        &[
            "report",
            lines.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ],
        0,
    );
    for name in &FILES[1..] {
        let expected = text(run.path(), name);
        assert!(expected == text(folder.path(), name), "{name} differs");
        assert!(expected == text(&out, name), "{name} differs elsewhere");
    }
    assert!(!out.join(LINES).exists());
}

#[test]
fn a_faulty_line_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let lines = jsonl::write(&run()).replacen("\"unit\":\"ns\"", "\"unit\":\"days\"", 1);
    let at = lines
        .lines()
        .position(|line| line.contains("days"))
        .unwrap()
        + 1;
    fs::write(folder.path().join(LINES), lines).unwrap();
    let (told, error) = margay(&["report", path(&folder)], 1);
    let place = format!("results.jsonl:{at}: field \"unit\": not \"days\"; allowed: \"ns\", ");
    assert!(told.is_empty() && error.contains(&place), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let (_, error) = margay(&["report", "/nowhere"], 1);
    assert!(
        error.contains("cannot read /nowhere: No such file"),
        "{error}"
    );
}

#[test]
fn compare_ends_with_1_only_where_something_is_worse() {
    let before = written(&run());
    let slower = written(&at_pace(&run(), "nft", 1.5));
    let (text, _) = margay(&["compare", path(&before), path(&before)], 0);
    assert!(
        text.ends_with("; threshold 10 %\n") && !text.contains(" worse\n"),
        "{text}"
    );
    let (text, _) = margay(&["compare", path(&before), path(&slower)], 1);
    let worse = text.lines().filter(|line| line.ends_with("worse"));
    let worse: Vec<_> = worse.collect();
    assert!(
        !worse.is_empty() && worse.iter().all(|line| line.contains(" nft ")),
        "{text}"
    );
    margay(&["compare", path(&slower), path(&before)], 0);
    margay(
        &[
            "compare",
            path(&before),
            path(&slower),
            "--threshold",
            "60%",
        ],
        0,
    );
    let (_, error) = margay(
        &["compare", path(&before), path(&slower), "--threshold", "-5"],
        64,
    );
    assert!(!error.is_empty());
    margay(&["compare", path(&before)], 64);
    margay(&["compare", path(&before), "/nowhere"], 1);
}

#[test]
fn a_comparison_is_a_document() {
    let (before, after) = (written(&run()), tempfile::tempdir().unwrap());
    let mut changed = at_pace(&run(), "margay", 0.5);
    changed.measurements.retain(|m| m.peer != "replay");
    changed.facts[1].1 = "another".to_owned();
    fs::write(after.path().join(LINES), jsonl::write(&changed)).unwrap();
    let (text, _) = margay(&["compare", path(&before), path(&after), "-o", "json"], 0);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], "margay.bench.compare/1");
    assert_eq!(document["facts"][0]["after"], "another");
    assert_eq!(document["counts"]["worse"], 0);
    let all = document["measurements"].as_array().unwrap();
    assert_eq!(all.len(), run().measurements.len());
    let of = |peer: &'static str| all.iter().filter(move |m| m["peer"] == peer);
    assert!(of("replay").count() > 0 && of("replay").all(|m| m["outcome"] == "only before"));
    let own = of("margay").find(|m| m["phase"] == "one-member").unwrap();
    assert_eq!(
        (&own["outcome"], &own["ratio"]),
        (&"better".into(), &0.5.into())
    );
    assert!(own["ratio_low"].as_f64().unwrap() < 0.5 && own["p"].as_f64().unwrap() < 0.01);
}
