//! Who saw what: the maps of the watching table, and the counters of rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::watch::TABLE;
use crate::migrate::iptables::Dump;
use crate::net::Family;

/// What packets had become where, from `nft -j list maps`: the place, the identification, and each view with its value.
pub(super) fn arrivals(listed: &str) -> BTreeSet<String> {
    let listed: Value = serde_json::from_str(listed).unwrap_or_default();
    let objects = listed["nftables"].as_array().cloned().unwrap_or_default();
    let maps = objects.iter().map(|object| &object["map"]);
    let mut seen: BTreeMap<(String, u64), String> = BTreeMap::new();
    for map in maps.filter(|map| map["table"] == TABLE) {
        let name = map["name"].as_str().and_then(|name| name.split_once('-'));
        let Some((place, view)) = name else { continue };
        for element in map["elem"].as_array().into_iter().flatten() {
            let inner = element.get("elem").map_or(element, |elem| &elem["val"]);
            let Some(identification) = inner[0].as_u64() else {
                continue;
            };
            let value = match inner[1].as_str() {
                Some(text) => text.to_owned(),
                None => inner[1].to_string(),
            };
            let text = seen.entry((place.to_owned(), identification)).or_default();
            text.push_str(&format!(" {view} {value}"));
        }
    }
    let described = seen.into_iter();
    described
        .map(|((place, id), seen)| format!("{place} {id}{seen}"))
        .collect()
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

/// Packets by line, from the comments of a faithful translation: `12: -A INPUT ...`. Both families count lines from 1.
pub(super) fn of_nft(family: Family, listed: &str) -> BTreeMap<usize, u64> {
    let other = match family {
        Family::V4 => "ip6",
        Family::V6 => "ip",
    };
    let listed: Value = serde_json::from_str(listed).unwrap_or_default();
    let objects = listed["nftables"].as_array().cloned().unwrap_or_default();
    let mut counters = BTreeMap::new();
    let rules = objects.iter().filter_map(|object| object.get("rule"));
    for rule in rules.filter(|rule| rule["family"] != other) {
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
