//! Golden folders: a policy, the ruleset that it becomes, and what packets meet there.
//!
//! `UPDATE_GOLDEN=1` rewrites each `ruleset.nft` and `ruleset.xtables`; `packets.txt` is written by hand, and describes
//! itself: `PROTOCOL SOURCE -> DESTINATION in INTERFACE out INTERFACE|host [mac MAC] [STATE] : VERDICT`.

use std::fs;
use std::path::{Path, PathBuf};

use margay::backend::xtables::lower::lower;
use margay::codec::Strictness;
use margay::compile::{compile, skeleton::Skeleton};
use margay::model::State;
use margay::net::Protocol;
use margay::ruleset::packet::{Packet, Transport};
use margay::ruleset::trace::{Fate, trace};
use margay::ruleset::{CtState, Ruleset};

/// The folders, in order.
pub(crate) fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 10, "golden cases are missing: {cases:?}");
    cases
}

/// What the documents of a case say.
pub(crate) fn state(case: &Path) -> State {
    let loaded = margay::codec::read(&[case.join("policy.yaml")], Strictness::Strict);
    assert!(
        !loaded.has_errors(),
        "{}: {:?}",
        case.display(),
        loaded.problems
    );
    loaded.state
}

/// What a case compiles to for host `node1`.
pub(crate) fn compiled(case: &Path) -> Ruleset {
    compile(&state(case), "node1", &Skeleton::builtin().unwrap())
}

#[test]
fn policies_become_the_rulesets_written_down() {
    for case in cases() {
        let (path, ruleset) = (case.join("ruleset.nft"), compiled(&case).to_string());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &ruleset).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == ruleset,
            "{} differs: `make golden` and look",
            path.display()
        );
    }
}

#[test]
fn the_same_in_xtables_terms_is_written_down_too() {
    for case in cases() {
        let path = case.join("ruleset.xtables");
        let table = compiled(&case).tables.into_values().next().unwrap();
        let document = lower(&table).unwrap().to_string();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &document).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == document,
            "{} differs: `make golden` and look",
            path.display()
        );
    }
}

#[test]
fn packets_meet_the_verdicts_written_down() {
    let mut count = 0;
    for case in cases() {
        let ruleset = compiled(&case);
        let text = fs::read_to_string(case.join("packets.txt")).unwrap();
        for line in text
            .lines()
            .map(without_comment)
            .filter(|line| !line.is_empty())
        {
            let (packet, expected) = parse(line);
            let trace = trace(&ruleset, &packet);
            let seen = match trace.fate {
                Fate::Accepted => "accept",
                Fate::Dropped | Fate::Rejected(_) => "drop",
            };
            assert_eq!(seen, expected, "{}: {line}\n{trace:#?}", case.display());
            count += 1;
        }
    }
    println!("{count} packets of golden cases traced");
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// Reads one line of `packets.txt`.
fn parse(line: &str) -> (Packet, &str) {
    let (flow, verdict) = line.rsplit_once(" : ").unwrap();
    let mut words = flow.split_whitespace();
    let protocol: Protocol = words.next().unwrap().parse().unwrap();
    let left: Vec<&str> = words.by_ref().take_while(|word| *word != "->").collect();
    let right = words.next().unwrap();
    let (source, destination, transport) = if protocol.has_ports() {
        let ((source, sport), (destination, dport)) = (with_port(left[0]), with_port(right));
        (
            source,
            destination,
            Transport::Ports {
                source: sport,
                destination: dport,
            },
        )
    } else if let [source, message] = left[..] {
        let (kind, code) = message.split_once('/').unwrap();
        let message = Transport::Icmp {
            kind: kind.parse().unwrap(),
            code: code.parse().unwrap(),
        };
        (source, right, message)
    } else {
        (left[0], right, Transport::Other)
    };
    let mut packet = Packet {
        iif: None,
        oif: None,
        ether_saddr: None,
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        protocol,
        transport,
        ct_state: CtState::NEW,
        mark: 0,
    };
    while let Some(word) = words.next() {
        match word {
            "in" => packet.iif = Some(words.next().unwrap().parse().unwrap()),
            "out" => {
                let name = words.next().unwrap();
                packet.oif = (name != "host").then(|| name.parse().unwrap());
            }
            "mac" => packet.ether_saddr = Some(words.next().unwrap().parse().unwrap()),
            "established" => packet.ct_state = CtState::ESTABLISHED,
            "invalid" => packet.ct_state = CtState::INVALID,
            "untracked" => packet.ct_state = CtState::UNTRACKED,
            other => panic!("{line}: what is {other}?"),
        }
    }
    (packet, verdict)
}

fn with_port(text: &str) -> (&str, u16) {
    let (address, port) = text.rsplit_once(':').unwrap();
    (address, port.parse().unwrap())
}
