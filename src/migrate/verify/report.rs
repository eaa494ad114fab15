//! A comparison in words and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::empirical::Replay;
use super::symbolic::{Difference, Outcome, Part, Report, Sighting};
use crate::net::Family;

/// What people read.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    for part in &report.parts {
        let name = name(part);
        let _ = match &part.outcome {
            Outcome::Equal => writeln!(out, "equal      {name}"),
            Outcome::Undecided(why) => writeln!(out, "undecided  {name}: {why}"),
            Outcome::Different(found) => writeln!(out, "different  {name}: {}", difference(found)),
        };
    }
    if !report.abstracted.is_empty() {
        let _ = writeln!(
            out,
            "\nNot looked into, and the same on both sides only where it is called the same:"
        );
    }
    for what in &report.abstracted {
        let _ = writeln!(out, "  {what}");
    }
    out
}

/// What programs read.
pub fn json(report: &Report) -> Value {
    let parts: Vec<_> = report.parts.iter().map(part).collect();
    json!({
        "schema": "margay.migrate.verify/1",
        "equal": report.is_equal(),
        "parts": parts,
        "abstracted": report.abstracted,
    })
}

/// What people read of the experiment of a family.
pub fn replay_text(family: Family, replay: &Replay) -> String {
    let Replay {
        packets,
        seen,
        counted: _,
        differences,
        left_out,
    } = replay;
    let rules_hit = replay.rules_hit();
    let mut out = format!(
        "\nSent {packets} packets of {family} through both; {seen} sightings behind them, {rules_hit} rules hit.\n"
    );
    for difference in differences {
        let _ = writeln!(out, "different  {difference}");
    }
    if differences.is_empty() {
        out.push_str("Every packet met the same.\n");
    }
    for what in left_out {
        let _ = writeln!(out, "not compared: {what}");
    }
    out
}

/// What programs read of the experiment of a family.
pub fn replay_json(family: Family, replay: &Replay) -> Value {
    json!({
        "family": family.to_string(),
        "packets": replay.packets,
        "seen": replay.seen,
        "rulesHit": replay.rules_hit(),
        "differences": replay.differences,
        "leftOut": replay.left_out,
    })
}

fn name(part: &Part) -> String {
    let hook = part.hook.chain().to_lowercase();
    format!("{} {} {hook}", part.family, part.table)
}

fn difference(found: &Difference) -> String {
    let packet = found
        .packet
        .iter()
        .map(|(name, value)| format!("{name} {value}"));
    let packet = packet.collect::<Vec<_>>().join(", ");
    format!(
        "{}\n  packet    {packet}\n  iptables  {}\n  nft       {}",
        found.what,
        sighting(&found.iptables),
        sighting(&found.nft)
    )
}

fn sighting(seen: &Sighting) -> String {
    match &seen.place {
        Some(place) if place.line > 0 => {
            format!("{} (line {}: {})", seen.end, place.line, place.text)
        }
        Some(_) | None => seen.end.clone(),
    }
}

fn part(part: &Part) -> Value {
    let outcome = match &part.outcome {
        Outcome::Equal => json!({ "outcome": "equal" }),
        Outcome::Undecided(why) => json!({ "outcome": "undecided", "reason": why }),
        Outcome::Different(found) => json!({
            "outcome": "different",
            "what": found.what,
            "packet": found.packet,
            "iptables": side(&found.iptables),
            "nft": side(&found.nft),
        }),
    };
    json!({
        "family": part.family.to_string(),
        "table": part.table.as_str(),
        "hook": part.hook.chain().to_lowercase(),
        "result": outcome,
    })
}

fn side(seen: &Sighting) -> Value {
    let place = seen.place.as_ref();
    json!({
        "end": seen.end,
        "line": place.map(|place| place.line),
        "rule": place.map(|place| place.text.clone()),
        "did": seen.did,
    })
}
