//! The program as scripts see it: results, diagnostics, exit codes.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 tcp 80 from 10.0.0.0/8
    - allow IPv4 from group gone
";

const BAD: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
colour: red
rules:
  ingress:
    - allow IPv4 tcp 70000 from 10.0.0.0/8
";

fn margay(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

/// Asserts the exit code; gives what was written to the two streams.
#[track_caller]
fn exits(output: Output, code: i32) -> (String, String) {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let shown: String = stdout.chars().take(2_000).collect();
    assert_eq!(output.status.code(), Some(code), "{shown}\n{stderr}");
    (stdout, stderr)
}

#[test]
fn check_shows_every_problem_in_its_line() {
    let documents = folder(&[("b.yaml", BAD), ("a.yml", &GOOD.replace("web", "db"))]);
    let (stdout, stderr) = exits(margay(&["check", path(&documents)]), 1);
    let expected = r#"warning: rules.ingress[1]: group gone does not exist: it allows nothing
 --> F/a.yml:7:7
  |
7 |     - allow IPv4 from group gone
  |       ^

error: colour: unknown field "colour"
 --> F/b.yaml:4:1
  |
4 | colour: red
  | ^ allowed: apiVersion, kind, name, rules

error: rules.ingress[0]: invalid ports "70000"
 --> F/b.yaml:7:22
  |
7 |     - allow IPv4 tcp 70000 from 10.0.0.0/8
  |                      ^ allowed: one port or one range lo-hi, 0-65535

2 documents: 2 errors, 1 warning
"#;
    assert_eq!(stdout.replace(path(&documents), "F"), expected);
    assert_eq!(stderr, "");
}

#[test]
fn check_of_good_documents_exits_0_also_with_warnings() {
    let documents = folder(&[("a.yaml", GOOD), ("ignored.txt", BAD)]);
    let file = documents.path().join("a.yaml");
    for paths in [
        &[path(&documents)][..],
        &[path(&documents), file.to_str().unwrap()],
    ] {
        let (stdout, _) = exits(margay(&[&["check"], paths].concat()), 0);
        assert!(stdout.ends_with("1 document: 0 errors, 1 warning; 1 group, 0 endpoints\n"));
    }
}

#[test]
fn check_writes_json() {
    let documents = folder(&[("b.yaml", BAD)]);
    let (stdout, _) = exits(margay(&["check", "-o", "json", path(&documents)]), 1);
    let value: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(value["schema"], "margay.check/1");
    assert_eq!(
        (&value["errors"], &value["warnings"]),
        (&2.into(), &0.into())
    );
    let problem = &value["problems"][1];
    assert_eq!(problem["severity"], "error");
    assert_eq!(
        Path::new(problem["file"].as_str().unwrap()),
        documents.path().join("b.yaml")
    );
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&7.into(), &22.into())
    );
    assert_eq!(problem["field"], "rules.ingress[0]");
    assert_eq!(problem["message"], "invalid ports \"70000\"");
    assert_eq!(problem["allowed"], "one port or one range lo-hi, 0-65535");
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let documents = folder(&[("a.yaml", GOOD)]);
    fs::write(documents.path().join("b.yaml"), b"a: b\nc: \xff\n").unwrap();
    fs::create_dir(documents.path().join("c.yaml")).unwrap();
    let none = documents.path().join("none.yaml");
    let (stdout, _) = exits(
        margay(&[
            "check",
            path(&documents),
            none.to_str().unwrap(),
            "/dev/zero",
        ]),
        1,
    );
    for said in [
        "b.yaml:2:1\n",
        "not UTF-8: byte 0xff at byte 8",
        "none.yaml\n",
        "No such file or directory",
        "/dev/zero\n",
        "larger than 256 MiB",
        "1 document: 3 errors, 1 warning\n",
    ] {
        assert!(stdout.contains(said), "{said}: {stdout}");
    }
    let empty = folder(&[]);
    let (stdout, _) = exits(margay(&["check", path(&empty)]), 0);
    assert!(stdout.contains("no .yaml, .yml or .json file in this folder"));
}

#[test]
fn usage_errors_exit_64_and_help_exits_0() {
    for wrong in [
        &[][..],
        &["nonsense"],
        &["check"],
        &["check", "-o", "xml", "."],
    ] {
        let (stdout, stderr) = exits(margay(wrong), 64);
        assert_eq!(stdout, "", "{wrong:?}");
        assert!(
            stderr.contains("--help") || stderr.contains("Usage:"),
            "{wrong:?}: {stderr}"
        );
    }
    for asked in [
        &["--help"][..],
        &["help"],
        &["--version"],
        &["check", "--help"],
    ] {
        let (stdout, stderr) = exits(margay(asked), 0);
        assert!(stdout.contains("margay") && stderr.is_empty(), "{asked:?}");
    }
}

#[test]
fn completions_and_manual_pages_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (stdout, _) = exits(margay(&["completions", shell]), 0);
        assert!(stdout.contains("check"), "{shell}");
    }
    let (page, _) = exits(margay(&["man"]), 0);
    assert!(page.contains(".TH margay 1") && page.contains("check"));
    let (page, _) = exits(margay(&["man", "check"]), 0);
    assert!(page.contains(".TH margay-check 1"), "{page}");
    exits(margay(&["man", "nonsense"]), 64);
}

#[test]
fn no_colour_off_a_terminal() {
    let documents = folder(&[("b.yaml", BAD)]);
    let output = command(&["check", path(&documents)])
        .env("CLICOLOR_FORCE", "1")
        .output();
    assert!(!output.unwrap().stdout.contains(&0x1b));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let rules = "    - allow IPv4 tcp 70000 from 10.0.0.0/8\n".repeat(10_000);
    let documents = folder(&[("b.yaml", &format!("{BAD}{rules}"))]);
    let mut child = command(&["check", path(&documents)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), stderr.as_str()),
        (Some(1), "")
    );
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(&["man"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
}

#[test]
fn ten_megabytes_of_garbage_are_one_error() {
    let documents = folder(&[("a.yaml", &"\u{1}\t]{é".repeat(2_000_000))]);
    let (stdout, _) = exits(margay(&["check", path(&documents)]), 1);
    assert!(
        stdout.contains("1 document: 1 error, 0 warnings"),
        "{stdout}"
    );
    assert!(stdout.len() < 2_000);
}
