//! The program as scripts see it: results, diagnostics, exit codes.

mod calico;
mod config;
mod xtables;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::netns::{in_netns, nft};

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
fn check_refuses_unknown_fields_of_calico_resources_if_asked() {
    let policy = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\n\
                  spec:\n  colour: red\n";
    let documents = folder(&[("a.yaml", policy)]);
    let (stdout, _) = exits(margay(&["check", path(&documents)]), 0);
    assert!(
        stdout.ends_with("1 document: 0 errors, 1 warning; 0 groups, 0 endpoints, 1 policy\n"),
        "{stdout}"
    );
    let (stdout, _) = exits(margay(&["check", "--strict", path(&documents)]), 1);
    assert!(
        stdout.starts_with("error: spec.colour: unknown field \"colour\"\n"),
        "{stdout}"
    );
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

const WORLD: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 tcp 80-443 from 0.0.0.0/0
    - allow IPv4 tcp 22 from group web
    - allow IPv4 tcp 443 from group web
    - allow IPv6 icmp 128/0 from ::/0
  egress:
    - allow IPv4 to 0.0.0.0/0
---
{apiVersion: margay/v1, kind: Endpoint, name: vm1, host: n1, interface: tap1,
 mac: 02:00:00:00:00:01, addresses: [10.65.0.2, fd00::2], groups: [web]}
---
{apiVersion: margay/v1, kind: Endpoint, name: vm2, host: n1, interface: tap2,
 addresses: [10.65.0.3, fd00::3], groups: [web]}
---
{apiVersion: margay/v1, kind: Endpoint, name: vm3, host: n1, interface: tap2, addresses: []}
---
{apiVersion: margay/v1, kind: Endpoint, name: far, host: n2, interface: tap2,
 addresses: [10.65.9.3], groups: [web]}
";

fn traced(question: &str) -> Value {
    let documents = folder(&[("w.yaml", WORLD)]);
    let asked = ["trace", path(&documents), "--host", "n1", "-o", "json"];
    let question: Vec<_> = question.split_whitespace().collect();
    let (stdout, _) = exits(margay(&[&asked, &question[..]].concat()), 0);
    serde_json::from_str(&stdout).unwrap()
}

/// Groups, directions and lines of the rules that decided.
fn decided(trace: &Value) -> Vec<String> {
    let policies = trace["policies"].as_array().unwrap().iter();
    let told = policies.map(|policy| {
        let rules = policy["rules"].as_array().unwrap().iter();
        let lines: Vec<_> = rules.map(|rule| rule["line"].to_string()).collect();
        let (group, direction) = (policy["group"].as_str(), policy["direction"].as_str());
        format!(
            "{} {} {}",
            group.unwrap(),
            direction.unwrap(),
            lines.join(",")
        )
    });
    told.collect()
}

#[test]
fn trace_names_every_rule_that_decided() {
    let trace = traced("--from vm1 --to vm2 --proto tcp --dport 443");
    assert_eq!(trace["schema"], "margay.trace/1");
    assert_eq!(
        (&trace["verdict"], &trace["packet"]["mac"]),
        (&"accepted".into(), &"02:00:00:00:00:01".into())
    );
    assert_eq!(decided(&trace), ["web egress 11", "web ingress 6,8"]);
    let trace = traced("--from far --to 10.65.0.3 --proto tcp --dport 22");
    assert_eq!(trace["packet"]["iif"], "uplink");
    assert_eq!(decided(&trace), ["web ingress 7"]);
    let trace = traced("--from 198.51.100.1 --to vm1 --proto tcp --dport 22 --iif eth7");
    assert_eq!(
        (&trace["verdict"], &trace["packet"]["iif"]),
        (&"dropped".into(), &"eth7".into())
    );
    assert_eq!(decided(&trace), ["web ingress "]);
}

#[test]
fn trace_knows_families_hosts_and_states() {
    let ping = traced("--from fd00::9 --to vm1 --proto icmp");
    assert_eq!(
        (&ping["verdict"], &ping["packet"]["protocol"]),
        (&"accepted".into(), &"icmpv6".into())
    );
    assert_eq!(decided(&ping), ["web ingress 9"]);
    let dns = traced("--from vm2 --to host --proto udp --dport 53");
    assert_eq!(
        (&dns["verdict"], &dns["packet"]["oif"]),
        (&"accepted".into(), &Value::Null)
    );
    assert_eq!(dns["packet"]["destination"], "192.0.2.1");
    let answer = traced("--from 198.51.100.1 --to vm1 --proto udp --state established");
    assert_eq!(answer["verdict"], "accepted");
    assert_eq!(
        traced("--from vm2 --to host --proto tcp --dport 22")["verdict"],
        "dropped"
    );
}

#[test]
fn trace_in_words_points_at_the_document() {
    let documents = folder(&[("w.yaml", WORLD)]);
    let asked = ["trace", path(&documents), "--host", "n1", "--proto", "tcp"];
    let more = ["--from", "vm1", "--to", "vm2", "--dport", "443"];
    let (stdout, stderr) = exits(margay(&[&asked[..], &more].concat()), 0);
    let begin = "packet   tcp 10.65.0.2:40000 -> 10.65.0.3:443, new, tap1 -> tap2 from 02:00:00:00:00:01\n\
                 verdict  accepted\n\
                 policy   web egress: rule 1: allow IPv4 to 0.0.0.0/0  (F/w.yaml:11)\n\
                 policy   web ingress: rule 1: allow IPv4 tcp 80-443 from 0.0.0.0/0  (F/w.yaml:6)\n\
                 path     prerouting: iifname @endpoints goto source-check";
    assert!(
        stdout.replace(path(&documents), "F").starts_with(begin),
        "{stdout}"
    );
    assert!(
        stderr.contains("vm2, the first by name, has it"),
        "{stderr}"
    );
    for (wrong, said) in [
        (
            ["--from", "nobody", "--to", "vm1"],
            "there is no endpoint nobody",
        ),
        (
            ["--from", "vm3", "--to", "vm1"],
            "endpoint vm2 has its interface",
        ),
        (
            ["--from", "fd00::9", "--to", "far"],
            "no addresses of one family",
        ),
        (["--from", "host", "--to", "host"], "passes no policy"),
    ] {
        let (stdout, stderr) = exits(margay(&[&asked[..], &wrong].concat()), 1);
        assert!(
            stdout.is_empty() && stderr.contains(said),
            "{wrong:?}: {stderr}"
        );
    }
    exits(
        margay(&[&asked[..], &["--from", "v m", "--to", "vm1"]].concat()),
        64,
    );
}

#[test]
fn render_prints_what_nft_loads() {
    let documents = folder(&[("w.yaml", WORLD)]);
    let asked = ["render", path(&documents), "--host", "n1"];
    let (text, _) = exits(margay(&asked), 0);
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("# longest path: ") && last.ends_with(" lookups"),
        "{last}"
    );
    let (json, _) = exits(margay(&[&asked[..], &["--format", "json"]].concat()), 0);
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["schema"], "margay.render/1");
    assert!(
        value["longest_path"]["rules"].as_u64() > Some(10),
        "{}",
        value["longest_path"]
    );
    assert_eq!(
        exits(margay(&[&asked[..], &["-o", "json"]].concat()), 0).0,
        json
    );
    let (netlink, _) = exits(margay(&[&asked[..], &["--format", "netlink"]].concat()), 0);
    let to_policy = "inet margay to-policy\n  [ meta load oifname => reg 1 ]\n";
    assert!(netlink.contains(to_policy), "{netlink}");
    let mut listings = Vec::new();
    for (arguments, form) in [(&["-f", "-"][..], &text), (&["-j", "-f", "-"], &json)] {
        in_netns("render_prints_what_nft_loads", || {
            nft(arguments, form);
            listings.push(nft(&["list", "ruleset"], ""));
        });
    }
    if let [from_text, from_json] = &listings[..] {
        assert_eq!(from_text, from_json);
        assert!(from_text.contains("policy/web/in"));
    }
}

#[test]
fn a_host_without_endpoints_has_the_skeleton() {
    let documents = folder(&[("w.yaml", WORLD)]);
    let (text, _) = exits(margay(&["render", path(&documents), "--host", "n9"]), 0);
    assert!(
        text.contains("chain forward") && !text.contains("policy/"),
        "{text}"
    );
    let bad = folder(&[("b.yaml", BAD)]);
    let (stdout, stderr) = exits(margay(&["render", path(&bad), "--host", "n1"]), 1);
    assert!(
        stdout.is_empty() && stderr.contains("unknown field"),
        "{stderr}"
    );
}

#[test]
fn by_the_name_of_felix_it_is_the_daemon() {
    let folder = folder(&[("felix.cfg", "OpenstackRegion = A B\n")]);
    let felix = folder.path().join("calico-felix");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_margay"), &felix).unwrap();
    let file = folder.path().join("felix.cfg");
    for option in ["--config-file", "-c", "--config"] {
        let output = Command::new(&felix).arg(option).arg(&file).output();
        let (_, errors) = exits(output.unwrap(), 1);
        assert!(errors.contains("OpenstackRegion"), "{errors}");
    }
    let version = Command::new(&felix).arg("--version").output().unwrap();
    let (text, _) = exits(version, 0);
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
}
