//! Bytes to begin with: the examples, the templates and the golden cases of this repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use margay::backend::nft::{Catalog, Ownership, encode};
use margay::compile::skeleton::table_key;
use margay::host::Flow;
use margay::ruleset::diff::rebuilt;
use margay::ruleset::{Tracked, parse};

/// The folders of which each holds golden cases, policies or templates.
const FOLDERS: [&str; 4] = [
    "examples/demo",
    "nft-templates",
    "tests/golden",
    "tests/it/netlink",
];

/// Documents in YAML.
pub(crate) fn documents(root: &Path) -> Vec<Vec<u8>> {
    bytes(texts(root, "yaml"))
}

/// The same documents in JSON.
pub(crate) fn json(root: &Path) -> Vec<Vec<u8>> {
    let values = |text: &String| {
        let values = serde_saphyr::from_multiple::<serde_json::Value>(text).unwrap();
        let printed: Vec<_> = values.iter().map(|value| format!("{value:#}")).collect();
        printed.join("\n")
    };
    bytes(texts(root, "yaml").iter().map(values).collect())
}

/// A value of each kind of classic key.
pub(crate) fn classic() -> Vec<Vec<u8>> {
    let values = [
        "true",
        "tap,cali",
        r#"{"state":"active","name":"tap1","mac":"02:00:00:00:00:01","profile_ids":["p"],"ipv4_nets":["10.65.0.2/32"],"ipv6_nets":["fd00::2"],"ipv4_nat":[],"labels":{"a":"b"}}"#,
        r#"{"name":"eth0","expected_ipv4_addrs":["172.18.0.1"]}"#,
        r#"{"inbound_rules":[{"ip_version":4,"protocol":"tcp","dst_ports":[22,"8000:8080"],"!src_net":"10.0.0.0/8"},{"action":"deny","src_tag":"a","log_prefix":"x"}],"outbound_rules":[{"protocol":"icmp","icmp_type":8,"icmp_code":0},{"action":"next-tier"}]}"#,
        r#"["a","b"]"#,
        r#"{"order":"default"}"#,
        r#"{"selector":"a == 'b' && has(c)","order":1e3,"untracked":true,"inbound_rules":[{"!dst_selector":"all()"}]}"#,
    ];
    bytes(values.map(str::to_owned).to_vec())
}

/// The rules of all documents.
pub(crate) fn rules(root: &Path) -> Vec<Vec<u8>> {
    let texts = texts(root, "yaml");
    let lines = texts.iter().flat_map(|text| text.lines());
    let rules = lines.filter_map(|line| line.trim().strip_prefix("- allow"));
    let unique: BTreeSet<String> = rules.map(|rule| format!("allow{rule}")).collect();
    bytes(unique.into_iter().collect())
}

/// nft text.
pub(crate) fn rulesets(root: &Path) -> Vec<Vec<u8>> {
    bytes(texts(root, "nft"))
}

/// The messages that make each of their tables, as one of ours.
pub(crate) fn messages(root: &Path) -> Vec<Vec<u8>> {
    let rulesets = texts(root, "nft");
    let tables = rulesets
        .iter()
        .flat_map(|text| parse("seed", text).unwrap().tables);
    let ours = tables.filter(|(key, _)| key.family == table_key().family);
    let steps = ours.flat_map(|(_, table)| rebuilt(&Tracked::from(table), &table_key()).steps);
    let batches = steps.map(|step| {
        let mut catalog = Catalog::default();
        encode(
            &table_key(),
            Ownership::None,
            &mut catalog,
            &step.operations,
        )
        .unwrap()
    });
    batches.map(|batch| batch.bytes().to_vec()).collect()
}

/// The matrix of the demo.
pub(crate) fn expected(root: &Path) -> Vec<Vec<u8>> {
    bytes(vec![read(&root.join("examples/demo/expected.txt"))])
}

/// A file of the agent.
pub(crate) fn configuration() -> Vec<Vec<u8>> {
    let text = "[global]\n# who we are\nFelixHostname = node-1\nEtcdEndpoints=http://a:1,http://b:2\n\
                EtcdUsername = u\nEtcdPassword = p\nHealthPort = 9099\nHealthHost = none\n\
                NftablesRefreshInterval = 1m30s\nLogSeverityScreen=Debug\nInterfacePrefix = cali,tap\n\
                HealthTimeoutOverrides = FelixStartup=5s\nUsageReportingEnabled = false\n";
    bytes(vec![text.to_owned()])
}

/// A connection of each family, as ctnetlink tells it.
pub(crate) fn connections() -> Vec<Vec<u8>> {
    let attribute = |kind: u16, value: &[u8]| {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let nested = |kind: u16, parts: &[Vec<u8>]| attribute(kind | 0x8000, &parts.concat());
    // The numbers are those of linux/netfilter/nfnetlink_conntrack.h.
    let tuple = |kind, [source, destination]: [u16; 2], ends: [&[u8]; 2], ports: [u16; 2]| {
        let addresses = [attribute(source, ends[0]), attribute(destination, ends[1])];
        let [from, to] = ports.map(u16::to_be_bytes);
        let ports = [attribute(1, &[6]), attribute(2, &from), attribute(3, &to)];
        nested(kind, &[nested(1, &addresses), nested(2, &ports)])
    };
    let flow = |family: u8, kinds, [one, other]: [&[u8]; 2]| {
        let parts = [
            vec![family, 0, 0, 0],
            tuple(1, kinds, [one, other], [40_000, 80]),
            tuple(2, kinds, [other, one], [80, 40_000]),
            attribute(3, &0x18e_u32.to_be_bytes()),
            attribute(8, &1_u32.to_be_bytes()),
            attribute(12, &7_u32.to_be_bytes()),
        ];
        parts.concat()
    };
    let flows = vec![
        flow(2, [1, 2], [&[10, 0, 0, 1], &[10, 0, 0, 2]]),
        flow(10, [3, 4], [&[0xfd; 16], &[0xfe; 16]]),
    ];
    assert!(flows.iter().all(|flow| Flow::read(flow).is_some()));
    flows
}

/// Lines of a small run, one of each kind.
pub(crate) fn results(root: &Path) -> Vec<Vec<u8>> {
    let text = read(&root.join("tests/it/bench_report/results.jsonl"));
    let kinds = ["fact", "sample", "skip", "claim"];
    let lines = kinds.map(|kind| {
        let field = format!("\"kind\":\"{kind}\"");
        text.lines().find(|line| line.contains(&field)).unwrap()
    });
    bytes(vec![lines.join("\n")])
}

/// A scenario with every field.
pub(crate) fn scenarios() -> Vec<Vec<u8>> {
    let text = "\
apiVersion: margay/v1
kind: Scenario
name: tiny
about: as little as can be
seed: 7
axes: {endpoints: 4, rules: [10, 20], groups: 1, members: 5, family: [4, 6], frame: 64, rate: 0}
phases: [packet-new, delta-member, cold-load]
peers: [margay, replay]
";
    bytes(vec![text.to_owned()])
}

/// The words of everything else.
pub(crate) fn words(root: &Path) -> Vec<Vec<u8>> {
    let texts: String = ["yaml", "nft", "txt"]
        .iter()
        .flat_map(|ending| texts(root, ending))
        .collect();
    let words: BTreeSet<String> = texts
        .split(|c: char| c.is_whitespace() || ",;[]{}\"".contains(c))
        .map(str::to_owned)
        .collect();
    bytes(words.into_iter().collect())
}

/// A dump for each form of a rule.
pub(crate) fn dumps(root: &Path) -> Vec<Vec<u8>> {
    let forms = read(&root.join("tests/it/migrate/forms.rules"));
    let form = |line: &str| {
        let parts: Vec<_> = line.splitn(5, ' ').collect();
        let [_, table, chain, _, rule] = parts[..] else {
            return None;
        };
        Some(format!(
            "*{table}\n:{chain} DROP [1:60]\n[3:180] -A {chain} {rule}\nCOMMIT\n"
        ))
    };
    let lines = forms.lines().filter(|line| !line.starts_with('#'));
    bytes(lines.filter_map(form).collect())
}

/// The sets of the tests, all together and each alone.
pub(crate) fn sets(root: &Path) -> Vec<Vec<u8>> {
    let all = read(&root.join("tests/it/migrate/sets.ipset"));
    let mut each: Vec<String> = Vec::new();
    for line in all.lines() {
        match each.last_mut() {
            Some(last) if line.starts_with("add ") => last.push_str(line),
            Some(_) | None => each.push(line.to_owned()),
        }
        each.iter_mut()
            .rev()
            .take(1)
            .for_each(|last| last.push('\n'));
    }
    each.push(all);
    bytes(each)
}

/// Every form of the text.
pub(crate) fn translations(root: &Path) -> Vec<Vec<u8>> {
    bytes(vec![read(&root.join("src/migrate/nft/parse/forms.nft"))])
}

/// The texts of all files with an ending, in the order of their paths.
fn texts(root: &Path, ending: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders: Vec<_> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                texts.push(read(&path));
            }
        }
    }
    assert!(!texts.is_empty(), "no .{ending} below {FOLDERS:?}");
    texts
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn bytes(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}
