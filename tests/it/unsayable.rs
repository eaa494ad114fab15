//! What xtables cannot say is listed in `docs/xtables.md`, and each entry of the list is refused.

use std::fmt::Write as _;
use std::path::Path;

use margay::backend::xtables::lower::{Lowering, Refusals, Touched};
use margay::ruleset::{Ruleset, parse};

/// What the rules of the list look up.
const OBJECTS: &str = "
    limit slow { rate 10/second }
    counter first { }
    map counters { type ipv4_addr : counter; }
    map marks { type ipv4_addr : mark; }
    set seen { type ipv4_addr; flags dynamic,timeout; }
    set timed { type ipv4_addr; flags timeout; }
    set counted { type ipv4_addr; counter; }
    set pairs { type ipv4_addr . ipv4_addr; elements = { 10.0.0.1 . 10.0.0.2 } }
    set ports { type inet_service . inet_service; elements = { 1 . 2 } }
    set wild { type ifname . ipv4_addr; flags interval; elements = { \"tap*\" . 10.0.0.1 } }
";

/// The rules of the list.
fn listed() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/xtables.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, list) = text.split_once("## What xtables cannot say").unwrap();
    let rules = list.lines().filter_map(|line| line.strip_prefix("| `"));
    let rules: Vec<_> = rules
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect();
    assert!(rules.len() > 20, "{rules:?}");
    rules
}

fn table(rule: &str) -> Ruleset {
    let mut messages = String::new();
    for code in 0..100 {
        for kind in 0..8 {
            let comma = if messages.is_empty() { "" } else { ", " };
            // No two messages are of the same addresses.
            _ = write!(messages, "{comma}10.{kind}.{code}.0/24 . {kind} . {code}");
        }
    }
    let text = format!(
        "table inet margay {{
            {OBJECTS}
            set messages {{
                type ipv4_addr . icmp_type . icmp_code; flags interval; elements = {{ {messages} }}
            }}
            chain forward {{
                type filter hook forward priority filter; policy accept;
                {rule}
            }}
        }}"
    );
    parse("list", &text).unwrap_or_else(|error| panic!("{rule}: {error}"))
}

fn lowered(rule: &str) -> Result<String, Refusals> {
    let ruleset = table(rule);
    let table = ruleset.tables.values().next().unwrap();
    let document = Lowering::default().lower(table, &Touched::All)?;
    Ok(document.to_string())
}

#[test]
fn each_entry_of_the_list_is_refused_and_named() {
    for rule in listed() {
        let refusals = match lowered(&rule) {
            Ok(text) => panic!("{rule} is said: {text}"),
            Err(refusals) => refusals,
        };
        let text = refusals.first.to_string();
        let place = "rule 1 of chain \"forward\": xtables cannot say ";
        assert!(text.starts_with(place), "{rule}: {text}");
    }
}

#[test]
fn what_is_like_an_entry_and_can_be_said_is_not_refused() {
    let rules = [
        "ip saddr 10.0.0.0/8 drop",
        "iifname \"tap*\" drop",
        "icmp type 254 drop",
        "icmp type 3 icmp code 1 drop",
        "limit rate 10/second drop",
        "log prefix \"short\" group 1",
        "ct state established,related accept",
        "meta mark & 0x00001000 == 0x00001000 drop",
        "reject",
    ];
    for rule in rules {
        if let Err(refusals) = lowered(rule) {
            panic!("{rule}: {}", refusals.first);
        }
    }
}

#[test]
fn a_hook_that_no_table_of_iptables_has_is_refused() {
    let text = "table inet margay {
        chain early { type filter hook prerouting priority -500; policy accept; drop }
    }";
    let ruleset = parse("hook", text).unwrap();
    let table = ruleset.tables.values().next().unwrap();
    let refusals = Lowering::default().lower(table, &Touched::All).unwrap_err();
    let text = refusals.first.to_string();
    assert!(
        text.starts_with("chain \"early\": xtables cannot say"),
        "{text}"
    );
}
