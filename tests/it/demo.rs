//! `margay demo`, run as a user runs it: a world of namespaces, real packets, a matrix.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::netns::skip;

/// A flow of the matrix that is allowed, so that its packet is seen.
const ALLOWED: &str = "blue-app1 -> blue-app2 tcp 7000 v4";

/// Runs the demo; nothing where the machine has no namespaces for it.
fn demo(test: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    let output = command.arg("demo").args(arguments).output().unwrap();
    let said = text(&output.stderr);
    if said.contains("namespaces are refused here") {
        skip(test, said.trim());
        return None;
    }
    Some(output)
}

/// The matrix of the demo, changed, in a file that is removed with what is returned.
fn changed(from: &str, to: &str) -> tempfile::NamedTempFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo/expected.txt");
    let expected = fs::read_to_string(path).unwrap();
    assert_eq!(expected.matches(from).count(), 1, "{from}");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), expected.replace(from, to)).unwrap();
    file
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_flow_of_the_demo_fares_as_expected() {
    let Some(output) = demo("every_flow_of_the_demo_fares_as_expected", &[]) else {
        return;
    };
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    let last = stdout.lines().last().unwrap();
    let numbers: Vec<usize> = last
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();
    let [flows, right] = numbers[..] else {
        panic!("{last}")
    };
    assert!(flows == right && flows >= 80, "{last}");
    assert!(stdout.contains(&format!("without a table: {flows} of {flows} flows pass\n")));
    assert!(stdout.contains(&format!(
        "any policy: {flows} of {flows} flows are denied\n"
    )));
    assert!(
        !stdout.contains("WRONG") && !stdout.contains('\u{1b}'),
        "{stdout}"
    );
}

#[test]
fn a_wrong_expectation_is_found() {
    let file = changed(&format!("{ALLOWED} : allow"), &format!("{ALLOWED} : deny"));
    let arguments = ["--expected", file.path().to_str().unwrap(), "-o", "json"];
    let Some(output) = demo("a_wrong_expectation_is_found", &arguments) else {
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "margay.demo/1");
    assert_eq!(report["equal"], false);
    let matrix = report["matrix"].as_array().unwrap();
    let wrong: Vec<_> = matrix.iter().filter(|row| row["ok"] == false).collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0]["flow"], ALLOWED);
    assert_eq!(
        (&wrong[0]["expected"], &wrong[0]["seen"]),
        (&"deny".into(), &"allow".into())
    );
}

#[test]
fn an_expectation_that_cannot_be_is_refused_with_its_line() {
    for (line, complaint) in [
        (format!("{ALLOWED} : perhaps"), "verdict"),
        (
            format!("nobody{} : allow", &ALLOWED["blue-app1".len()..]),
            "\"nobody\" is no endpoint",
        ),
    ] {
        let file = changed(&format!("{ALLOWED} : allow"), &line);
        let expected = fs::read_to_string(file.path()).unwrap();
        let number = 1 + expected.lines().position(|l| l.starts_with(&line)).unwrap();
        let arguments = ["--expected", file.path().to_str().unwrap()];
        let test = "an_expectation_that_cannot_be_is_refused_with_its_line";
        let Some(output) = demo(test, &arguments) else {
            return;
        };
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(
            said.contains(&format!("line {number}: ")) && said.contains(complaint),
            "{said}"
        );
    }
}
