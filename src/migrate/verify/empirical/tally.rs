//! Who saw what: the watching table, and the counters of rules.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::migrate::iptables::Dump;

/// The table that watches, behind all others.
pub(super) const TABLE: &str = "margay-watch";

/// Where it watches.
pub(super) const HOOKS: [&str; 3] = ["input", "forward", "postrouting"];

/// What it writes down of a packet, each in a map of its own: nft 1.0.6 ends when it lists an identification that stands
/// in a concatenation.
pub(super) const VIEWS: [(&str, &str); 7] = [
    ("mark", "meta mark"),
    ("source", "ip saddr"),
    ("destination", "ip daddr"),
    ("sport", "th sport"),
    ("dport", "th dport"),
    ("ttl", "ip ttl"),
    ("dscp", "ip dscp"),
];

/// What packets had become, by the hook and their identification.
pub(super) type Sightings = BTreeMap<(String, u64), String>;

/// Its text.
pub(super) fn watcher() -> String {
    let mut text = format!("table ip {TABLE} {{\n");
    for hook in HOOKS {
        for (view, field) in VIEWS {
            let map = format!("typeof ip id : {field}\n\t\tsize 65535\n\t\tflags dynamic");
            text.push_str(&format!("\tmap {hook}-{view} {{\n\t\t{map}\n\t}}\n"));
        }
        let base = format!("type filter hook {hook} priority 1000; policy accept;");
        text.push_str(&format!("\tchain {hook} {{\n\t\t{base}\n"));
        for (view, field) in VIEWS {
            // What the host itself answers is of a connection that is known.
            let new = "ct state new,untracked,invalid";
            let entry = format!("{{ ip id : {field} }}");
            text.push_str(&format!("\t\t{new} add @{hook}-{view} {entry}\n"));
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    text
}

/// Adds what stands in one of its maps.
pub(super) fn see(sightings: &mut Sightings, hook: &str, view: &str, listed: &str) {
    let listed: Value = serde_json::from_str(listed).unwrap_or_default();
    let objects = listed["nftables"].as_array().cloned().unwrap_or_default();
    let maps = objects
        .iter()
        .filter_map(|object| object["map"]["elem"].as_array());
    for element in maps.flatten() {
        let inner = element.get("elem").map_or(element, |elem| &elem["val"]);
        let Some(identification) = inner[0].as_u64() else {
            continue;
        };
        let value = match inner[1].as_str() {
            Some(text) => text.to_owned(),
            None => inner[1].to_string(),
        };
        let seen = sightings
            .entry((hook.to_owned(), identification))
            .or_default();
        seen.push_str(&format!(" {view} {value}"));
    }
}

/// Packets by line, from `iptables-save -c`: it has the rules of each chain in the order of the dump.
pub(super) fn of_iptables(dump: &Dump, saved: &str) -> BTreeMap<usize, u64> {
    let mut lines: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    let mut table = String::new();
    for line in saved.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_owned();
        }
        let counted = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] -A "));
        if let Some((counts, rule)) = counted {
            let chain = rule.split(' ').next().unwrap_or_default().to_owned();
            let packets = counts
                .split(':')
                .next()
                .and_then(|count| count.parse().ok());
            lines
                .entry((table.clone(), chain))
                .or_default()
                .push(packets.unwrap_or(0));
        }
    }
    let mut counters = BTreeMap::new();
    for table in &dump.tables {
        for chain in &table.chains {
            let key = (table.name.as_str().to_owned(), chain.name.clone());
            let counts = lines.get(&key).map(Vec::as_slice).unwrap_or_default();
            for (rule, count) in chain.rules.iter().zip(counts) {
                counters.insert(rule.line, *count);
            }
        }
    }
    counters
}

/// Packets by line, from the comments of a faithful translation: `12: -A INPUT ...`.
pub(super) fn of_nft(listed: &str) -> BTreeMap<usize, u64> {
    let listed: Value = serde_json::from_str(listed).unwrap_or_default();
    let objects = listed["nftables"].as_array().cloned().unwrap_or_default();
    let mut counters = BTreeMap::new();
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let comment = rule["comment"].as_str().unwrap_or_default();
        let line = comment
            .split_once(": ")
            .and_then(|(line, _)| line.parse().ok());
        let expressions = rule["expr"].as_array().cloned().unwrap_or_default();
        let mut counts = expressions
            .iter()
            .filter_map(|e| e["counter"]["packets"].as_u64());
        if let (Some(line), Some(count)) = (line, counts.next()) {
            *counters.entry(line).or_default() += count;
        }
    }
    counters
}
