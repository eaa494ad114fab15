//! Documents in, state and problems out: good ones, bad ones, hostile ones.

use std::fmt::Write;
use std::time::{Duration, Instant};

use margay::codec::{self, Loaded, Severity};
use margay::model::{GroupName, HostAction, Metadata, Settings};
use margay::net::MacAddress;

const GOOD: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 tcp 80-443 from 0.0.0.0/0
    - allow IPv6 tcp 22 from group bastion
    - allow IPv4 from group web
  egress:
    - allow IPv4 to 0.0.0.0/0
---
apiVersion: margay/v1
kind: Endpoint
name: vm1-eth0
host: node1
interface: tap1234
mac: 02:00:00:00:00:01
addresses: [10.65.0.2, fd00::2]
groups: [web]

---
apiVersion: margay/v1
kind: Settings
interfacePrefixes: [cali, tap]          # an interface with a prefix is a workload
defaultEndpointToHostAction: RETURN     # DROP | RETURN | ACCEPT
metadata: {address: 192.0.2.10, port: 8775}
";

fn group(name: &str, rule: &str) -> String {
    format!(
        "apiVersion: margay/v1\nkind: SecurityGroup\nname: {name}\nrules:\n  ingress:\n    - {rule}\n"
    )
}

fn endpoint(name: &str, interface: &str, address: &str) -> String {
    format!(
        "apiVersion: margay/v1\nkind: Endpoint\nname: {name}\nhost: h\ninterface: {interface}\n\
         addresses: [{address}]\ngroups: []\n"
    )
}

/// The problems of a text, one a line.
fn problems(text: &str) -> String {
    shown(&codec::parse("a.yaml", text))
}

fn shown(loaded: &Loaded) -> String {
    loaded
        .problems
        .iter()
        .fold(String::new(), |mut all, problem| {
            let _ = writeln!(all, "{problem}");
            all
        })
}

/// Asserts that a text has one error at a place, which says something.
#[track_caller]
fn refused(text: &str, place: &str, said: &str) {
    let loaded = codec::parse("a.yaml", text);
    let shown = shown(&loaded);
    assert_eq!(loaded.count(Severity::Error), 1, "{text}\n{shown}");
    let start = format!("a.yaml:{place}: error: ");
    assert!(
        shown.lines().any(|line| line.starts_with(&start)),
        "{place}: {shown}"
    );
    assert!(shown.contains(said), "{said}: {shown}");
}

#[test]
fn the_documents_of_the_contract_are_read() {
    let loaded = codec::parse("a.yaml", GOOD);
    assert_eq!(
        shown(&loaded),
        "a.yaml:7:7: warning: rules.ingress[1]: group bastion does not exist: it allows nothing\n"
    );
    assert_eq!(loaded.documents, 3);
    let web = loaded.state.groups.values().next().expect("a group");
    let rules = web.ingress.iter().chain(web.egress.iter());
    let rules: Vec<_> = rules.map(|r| format!("{}: {r}", r.origin)).collect();
    assert_eq!(
        rules,
        [
            "a.yaml:6: allow IPv4 tcp 80-443 0.0.0.0/0",
            "a.yaml:7: allow IPv6 tcp 22 group bastion",
            "a.yaml:8: allow IPv4 group web",
            "a.yaml:10: allow IPv4 0.0.0.0/0",
        ]
    );
    let vm1 = loaded.state.endpoints.values().next().expect("an endpoint");
    assert_eq!(vm1.origin.to_string(), "a.yaml:14");
    assert_eq!(
        (
            vm1.name.as_str(),
            vm1.host.as_str(),
            vm1.interface.as_str(),
            vm1.mac
        ),
        (
            "vm1-eth0",
            "node1",
            "tap1234",
            Some(MacAddress([2, 0, 0, 0, 0, 1]))
        )
    );
    let addresses: Vec<_> = vm1.addresses.iter().map(ToString::to_string).collect();
    let groups: Vec<_> = vm1.groups().iter().map(GroupName::as_str).collect();
    assert_eq!(
        (addresses, groups),
        (vec!["10.65.0.2".into(), "fd00::2".to_owned()], vec!["web"])
    );
    let metadata = Metadata {
        address: "192.0.2.10".parse().unwrap(),
        port: 8775,
    };
    let settings = Settings {
        endpoint_to_host: HostAction::Return,
        metadata: Some(metadata),
        ..Settings::default()
    };
    assert_eq!(loaded.state.settings, settings);
}

#[test]
fn json_says_the_same_as_yaml() {
    let json = r#"
{"apiVersion": "margay/v1", "kind": "SecurityGroup", "name": "web",
	"rules": {
		"ingress": ["allow IPv4 tcp 80-443 from 0.0.0.0/0", "allow IPv6 tcp 22 from group bastion",
			"allow IPv4 from group web"],
		"egress": ["allow IPv4 to 0.0.0.0\/0"]}}
{"apiVersion": "margay/v1", "kind": "Endpoint", "name": "vm1-eth0", "host": "node1",
 "interface": "tap1234", "mac": "02:00:00:00:00:01", "addresses": ["10.65.0.2", "fd00::2"],
 "groups": ["web"]} {"apiVersion": "margay/v1", "kind": "Settings",
 "defaultEndpointToHostAction": "RETURN", "metadata": {"address": "192.0.2.10", "port": 8775}}
"#;
    let loaded = codec::parse("a.json", json);
    assert_eq!(loaded.count(Severity::Error), 0, "{}", shown(&loaded));
    assert_eq!(loaded.state, codec::parse("a.yaml", GOOD).state);
    let web = loaded.state.groups.values().next().expect("a group");
    let third = web.ingress.iter().nth(2).expect("a rule");
    assert_eq!(third.origin.line, 5);
    assert_eq!(
        shown(&codec::parse(
            "a.json",
            "{\"apiVersion\": \"margay/v1\",\n \"kind\": NaN}"
        )),
        "a.json:2:10: error: not JSON: expected value\n"
    );
}

#[test]
fn every_field_is_checked() {
    refused("- a\n", "1:1", "a map with apiVersion and kind");
    refused("kind: SecurityGroup\n", "1:1", "margay/v1");
    refused(
        "apiVersion: v2\nkind: SecurityGroup\n",
        "1:13",
        "allowed: margay/v1",
    );
    refused(
        "apiVersion: margay/v1\nkind: Pod\n",
        "2:7",
        "allowed: SecurityGroup, Endpoint, Settings",
    );
    let good = endpoint("a", "tap1", "10.0.0.1");
    refused(
        &format!("{good}colour: red\n"),
        "8:1",
        "unknown field \"colour\"",
    );
    refused(&format!("{good}host: other\n"), "8:1", "twice");
    refused(
        &good.replace("name: a\n", ""),
        "1:1",
        "name: the field is missing",
    );
    refused(
        &good.replace("name: a\n", "name: [a]\n"),
        "3:7",
        "found a list",
    );
    refused(
        &good.replace("groups: []", "groups: a"),
        "7:9",
        "allowed: a list",
    );
    refused(
        &good.replace("tap1", "tap1234567890123"),
        "5:12",
        "1-15 printable",
    );
    refused(
        &good.replace("10.0.0.1", "10.0.0.1/8"),
        "6:13",
        "one unicast",
    );
    refused(&good.replace("10.0.0.1", "'::'"), "6:13", "one unicast");
    refused(&format!("{good}mac: 02:00\n"), "8:6", "six bytes");
    refused(
        &endpoint(&"x".repeat(300), "tap1", "10.0.0.1"),
        "3:7",
        "1-253 of",
    );
}

#[test]
fn settings_are_checked() {
    let settings = |text: &str| format!("apiVersion: margay/v1\nkind: Settings\n{text}\n");
    refused(
        &settings("defaultEndpointToHostAction: drop"),
        "3:30",
        "DROP, RETURN or ACCEPT",
    );
    refused(
        &settings("interfacePrefixes: [a, '']"),
        "3:24",
        "1-14 printable",
    );
    for port in ["70000", ".nan", "0", "-1", "1.0", "'80 '"] {
        let text = settings(&format!("metadata: {{address: 10.0.0.1, port: {port}}}"));
        refused(&text, "3:37", "1-65535");
    }
    refused(
        &settings("metadata: {address: 10.0.0.1}"),
        "3:11",
        "metadata.port",
    );
    let none = codec::parse("a.yaml", &settings("metadata: none"));
    assert_eq!(
        (shown(&none), none.state.settings.metadata),
        (String::new(), None)
    );
}

#[test]
fn faults_of_rules_point_at_the_word() {
    refused(
        &group("a", "allow IPv4 443 from 10.0.0.0/8"),
        "6:18",
        "without a protocol",
    );
    refused(
        &group("a", "allow IPv4 from fd00::/8"),
        "6:23",
        "an IPv4 prefix in an IPv4 rule",
    );
    refused(
        &group("a", "'allow IPv4 tcp 70000 from 10.0.0.0/8'"),
        "6:23",
        "0-65535",
    );
    refused(
        &group("a", "allow IPv4 to 10.0.0.0/8"),
        "6:18",
        "from, in an ingress rule",
    );
    refused(&group("a", "{allow: IPv4}"), "6:7", "found a map");
}

#[test]
fn a_document_that_does_not_parse_costs_no_other() {
    let good = endpoint("a", "tap1", "10.0.0.1");
    let text =
        format!("broken: [1, 2\n---\n{good}---\n\ttab: 1\n---\n{{bad: *none}}\n---\n# empty\n");
    let loaded = codec::parse("a.yaml", &text);
    assert_eq!(loaded.state.endpoints.len(), 1);
    assert_eq!(loaded.count(Severity::Error), 3, "{}", shown(&loaded));
}

#[test]
fn marks_line_ends_and_reused_nodes_are_yaml() {
    let good = endpoint("a", "tap1", "10.0.0.1");
    let windows = format!("\u{feff}{}", good.replace('\n', "\r\n"));
    let loaded = codec::parse("a.yaml", &windows);
    assert_eq!(shown(&loaded), "");
    assert_eq!(loaded.state, codec::parse("a.yaml", &good).state);
    assert_eq!(
        loaded
            .state
            .endpoints
            .values()
            .next()
            .map(|e| e.origin.line),
        Some(3)
    );
    let anchors = "apiVersion: margay/v1\nkind: SecurityGroup\nname: a\nrules:\n  \
                   ingress: [&r allow IPv4 from 10.0.0.0/8, *r]\n";
    let loaded = codec::parse("a.yaml", anchors);
    assert_eq!(
        loaded
            .state
            .groups
            .values()
            .map(|g| g.ingress.len())
            .sum::<usize>(),
        2
    );
}

#[test]
fn the_same_name_twice_is_an_error_at_both_places() {
    let twice = [
        group("a", "allow IPv4 from 10.0.0.0/8"),
        group("a", "allow IPv4 from ::/0"),
    ];
    assert!(
        problems(&twice.join("---\n"))
            .contains("a.yaml:10:7: error: name: group a is there twice: first at a.yaml:3\n")
    );
    let good = endpoint("e", "tap1", "10.0.0.1");
    refused(
        &format!("{good}---\n{good}"),
        "11:7",
        "endpoint e is there twice: first at a.yaml:3",
    );
    let settings = "apiVersion: margay/v1\nkind: Settings\n";
    refused(
        &format!("{settings}---\n{settings}"),
        "4:1",
        "first at a.yaml:1",
    );
}

#[test]
fn what_endpoints_share_is_a_warning() {
    let text = [
        endpoint("b", "tap1", "10.0.0.1"),
        endpoint("a", "tap1", "10.0.0.1"),
        endpoint("c", "tap2", "10.0.0.2").replace("[]", "[gone]"),
    ];
    assert_eq!(
        problems(&text.join("---\n")),
        "a.yaml:3:7: warning: interface: endpoint b and endpoint a (a.yaml:11) both have interface \
         tap1 of host h: a, the first by name, has it\n\
         a.yaml:3:7: warning: addresses: endpoint b and endpoint a (a.yaml:11) both have address \
         10.0.0.1\n\
         a.yaml:23:10: warning: groups[0]: group gone does not exist: it allows nothing\n"
    );
}

#[test]
fn a_group_with_faulty_rules_is_not_missing_as_well() {
    let text = [
        group("a", "allow nothing"),
        group("b", "allow IPv4 from group a"),
    ];
    refused(&text.join("---\n"), "6:13", "IPv4 or IPv6");
}

#[test]
fn ten_thousand_errors_are_all_listed() {
    let mut text =
        "apiVersion: margay/v1\nkind: SecurityGroup\nname: a\nrules:\n  egress:\n".to_owned();
    for port in 70_000..80_000 {
        let _ = writeln!(text, "    - allow IPv4 tcp {port} to 10.0.0.0/8");
    }
    let loaded = quick(&text);
    assert_eq!(loaded.count(Severity::Error), 10_000);
    assert_eq!(loaded.problems[9_999].line, 10_005);
}

#[test]
fn a_hundred_thousand_good_documents_are_read() {
    let mut text = String::new();
    for n in 0..100_000 {
        let (a, b, c) = (n >> 16, n >> 8 & 255, n & 255);
        text += &endpoint(
            &format!("e{n}"),
            &format!("tap{n}"),
            &format!("10.{a}.{b}.{c}"),
        );
        text += "---\n";
    }
    let loaded = quick(&text);
    assert_eq!(shown(&loaded), "");
    assert_eq!(
        (loaded.documents, loaded.state.endpoints.len()),
        (100_000, 100_000)
    );
}

#[test]
fn hostile_texts_are_refused_quickly() {
    let mut laughs = "a0: &a0 ha\n".to_owned();
    for n in 1..60 {
        let p = n - 1;
        let _ = writeln!(
            laughs,
            "a{n}: &a{n} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}]"
        );
    }
    let million = 1_000_000;
    let hostile = [
        laughs,
        "&a [*a]".to_owned(),
        "[".repeat(million),
        "{a: ".repeat(million),
        "- ".repeat(million),
        "? ".repeat(million),
        "a: b: ".repeat(million),
        (0..3000).fold(String::new(), |all, n| {
            format!("{all}{}a:\n", " ".repeat(n))
        }),
        "\"".to_owned() + &"\\n".repeat(million),
        "key: |\n".to_owned() + &"  \n".repeat(million),
        "\0".repeat(10 * million),
        "a\0b: c".to_owned(),
        "%YAML 9.9\n".repeat(million),
        "!!binary AA==".to_owned(),
        "--- ! ".repeat(million),
        "&a ".repeat(million),
        "*a ".repeat(million),
        "# \n".repeat(million) + "]",
        noise(10 * million),
    ];
    for text in hostile {
        let loaded = quick(&text);
        let start: String = text.chars().take(20).collect();
        assert!(loaded.has_errors(), "{start:?} was accepted");
        assert!(loaded.state.endpoints.is_empty() && loaded.state.groups.is_empty());
        quick_as("a.json", &text);
    }
}

#[test]
fn many_faults_in_one_long_line_cost_no_square() {
    let rules = vec!["\"allow IPv4 tcp 70000 from 10.0.0.0/8\""; 100_000].join(",");
    let text = format!(
        "{{\"apiVersion\":\"margay/v1\",\"kind\":\"SecurityGroup\",\"name\":\"a\",\
         \"rules\":{{\"ingress\":[{rules}]}}}}"
    );
    let loaded = quick_as("a.json", &text);
    assert_eq!(
        loaded.count(Severity::Error),
        100_000,
        "{}",
        loaded.problems[0]
    );
}

/// Printable and unprintable characters without a pattern, from a fixed seed.
fn noise(bytes: usize) -> String {
    let mut seed = 88_172_645_463_325_252_u64;
    let mut text = String::new();
    while text.len() < bytes {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        text.push(char::from((seed % 128) as u8));
    }
    text
}

#[track_caller]
fn quick(text: &str) -> Loaded {
    quick_as("a.yaml", text)
}

#[track_caller]
fn quick_as(name: &str, text: &str) -> Loaded {
    let begin = Instant::now();
    let loaded = codec::parse(name, text);
    let took = begin.elapsed();
    let start: String = text.chars().take(20).collect();
    assert!(took < Duration::from_secs(20), "{start:?} took {took:?}");
    loaded
}
