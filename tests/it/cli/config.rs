//! `margay config show`.

use std::process::Output;

use serde_json::Value;

use super::{command, exits, folder, path};

const FILE: &str = "\
[global]
# The ports of the health server.
healthport = 9000
EtcdUsername = felix
EtcdPassword = hunter2
Colour = red
";

const FELIX: &str = "\
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.n1}
spec: {healthPort: 1, healthEnabled: true, interfacePrefix: tap}
";

/// Runs the command with a file and nothing in the environment but what is said.
fn show(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(&["config", "show"]);
    command.env_clear().envs(environment.iter().copied());
    command.args(arguments).output().unwrap()
}

/// The columns of a setting's line.
#[track_caller]
fn columns(text: &str, name: &str) -> Vec<String> {
    let named = |line: &&str| line.split_whitespace().next() == Some(name);
    let line = text.lines().find(named).unwrap();
    let cells = line.split("  ").map(str::trim);
    cells
        .filter(|cell| !cell.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_setting_has_its_value_and_origin() {
    let files = folder(&[("felix.cfg", FILE)]);
    let file = format!("{}/felix.cfg", path(&files));
    let documents = folder(&[("felix.yaml", FELIX)]);
    let environment = [
        ("FELIX_InterfacePrefix", "veth"),
        ("FELIX_LOGFORMAT", "xml"),
    ];
    let arguments = [
        "--origin",
        "--config",
        &file,
        "--host",
        "n1",
        path(&documents),
    ];
    let (stdout, stderr) = exits(show(&environment, &arguments), 0);
    for (name, value, origin) in [
        ("HealthPort", "9000", format!("{file}:3")),
        (
            "HealthEnabled",
            "true",
            "FelixConfiguration node.n1".to_owned(),
        ),
        (
            "InterfacePrefix",
            "veth",
            "environment FELIX_InterfacePrefix".to_owned(),
        ),
        (
            "LogFormat",
            "felix",
            "environment FELIX_LOGFORMAT".to_owned(),
        ),
        ("EtcdPassword", "[redacted]", format!("{file}:5")),
        ("BatchDelay", "10ms", "default".to_owned()),
    ] {
        assert_eq!(columns(&stdout, name), [name, value, &origin]);
    }
    assert!(
        !stdout.contains("hunter2") && !stderr.contains("hunter2"),
        "{stdout}{stderr}"
    );
    assert_eq!(stdout.lines().count(), margay::config::SETTINGS.len());
    let expected = format!(
        "warning: LogFormat in environment FELIX_LOGFORMAT: \"xml\" is not allowed, and the default \
         counts: felix, json, journald or pretty\nwarning: Colour in {file}:6 is not known\n"
    );
    assert_eq!(stderr, expected);
}

#[test]
fn without_documents_and_files_defaults_hold() {
    let (stdout, stderr) = exits(show(&[], &["--config", "/nonexistent/felix.cfg"]), 0);
    assert_eq!(
        columns(&stdout, "DatastoreType"),
        ["DatastoreType", "folder"]
    );
    assert_eq!(stderr, "");
}

#[test]
fn json_says_where_values_stand() {
    let files = folder(&[("felix.cfg", FILE)]);
    let file = format!("{}/felix.cfg", path(&files));
    let (stdout, _) = exits(show(&[], &["-o", "json", "--config", &file]), 0);
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(shown["schema"], "margay.config/1");
    assert_eq!(shown["warnings"].as_array().unwrap().len(), 1);
    let settings = shown["settings"].as_array().unwrap();
    let health = settings
        .iter()
        .find(|setting| setting["name"] == "HealthPort")
        .unwrap();
    assert_eq!(health["value"], "9000");
    let origin = serde_json::json!({ "source": "file", "file": file, "line": 3 });
    assert_eq!(health["origin"], origin);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let files = folder(&[
        ("bad.cfg", "HealthPort\n"),
        ("die.cfg", "MetadataPort = x\n"),
    ]);
    for (name, said) in [
        (
            "bad.cfg",
            ":1: neither a section, a comment nor `name = value`",
        ),
        ("die.cfg", ":1: \"x\" is not allowed: 0-65535"),
        ("", "cannot read "),
    ] {
        let file = format!("{}/{name}", path(&files));
        let (stdout, stderr) = exits(show(&[], &["--config", &file]), 1);
        assert_eq!(stdout, "");
        assert!(stderr.contains(said), "{stderr}");
    }
    let documents = folder(&[("a.yaml", super::BAD)]);
    let (_, stderr) = exits(show(&[], &[path(&documents)]), 1);
    assert!(stderr.contains("colour"), "{stderr}");
}
