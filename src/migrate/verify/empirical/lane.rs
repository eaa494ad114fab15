//! One side: a network namespace with devices, rules, and a table that watches.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;

use super::plan::Plan;
use super::road::Road;
use super::{Original, ReplayError, tally, watch};
use crate::net::Family;
use crate::netlink::socket::enter_new_network;

/// What is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'a> {
    Iptables(&'a Original<'a>),
    Nft(&'a str),
}

/// What was seen on one side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The hook, the identification, and what the packet was there.
    pub(super) arrivals: BTreeSet<String>,
    /// Packets by the line of the rule in the dump.
    pub(super) counters: BTreeMap<usize, u64>,
}

/// Loads a side in a namespace of its own, and sends it all packets.
pub(super) fn run(plan: &Plan, side: Side<'_>) -> Result<Outcome, ReplayError> {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            enter_new_network().map_err(ReplayError::NoLane)?;
            stand(plan, side)
        });
        let ended = || Err(ReplayError::NoLane(io::ErrorKind::Interrupted.into()));
        inside.join().unwrap_or_else(|_| ended())
    })
}

fn stand(plan: &Plan, side: Side<'_>) -> Result<Outcome, ReplayError> {
    let mut road = Road::build(plan)?;
    load(side)?;
    feed("nft", &["-f", "-"], &watch::table(plan))?;
    // A translation begins with the counts that the dump has.
    let saved = counters(plan.family, side)?;
    for (at, probe) in plan.probes.iter().enumerate() {
        road.send(probe, u16::try_from(at + 1).unwrap_or(0))?;
    }
    let mut counters = counters(plan.family, side)?;
    for (line, count) in &mut counters {
        *count = count.saturating_sub(saved.get(line).copied().unwrap_or(0));
    }
    let arrivals = tally::arrivals(&feed("nft", &["-j", "list", "maps"], "")?);
    Ok(Outcome { arrivals, counters })
}

fn load(side: Side<'_>) -> Result<(), ReplayError> {
    match side {
        Side::Iptables(original) => {
            if let Some(sets) = original.sets {
                feed("ipset", &["restore"], sets)?;
            }
            let program = match original.dump.family {
                Family::V4 => "iptables-legacy-restore",
                Family::V6 => "ip6tables-legacy-restore",
            };
            feed(program, &[], original.text)?;
        }
        Side::Nft(text) => {
            feed("nft", &["-f", "-"], text)?;
        }
    }
    Ok(())
}

fn counters(family: Family, side: Side<'_>) -> Result<BTreeMap<usize, u64>, ReplayError> {
    Ok(match side {
        Side::Iptables(original) => {
            let program = match family {
                Family::V4 => "iptables-legacy-save",
                Family::V6 => "ip6tables-legacy-save",
            };
            tally::of_iptables(original.dump, &feed(program, &["-c"], "")?)
        }
        Side::Nft(_) => tally::of_nft(family, &feed("nft", &["-j", "list", "ruleset"], "")?),
    })
}

/// Runs a program, and gives what it prints.
pub(super) fn feed(program: &str, arguments: &[&str], input: &str) -> Result<String, ReplayError> {
    let refused = |message: String| ReplayError::Refused {
        program: program.to_owned(),
        message,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| refused(error.to_string()))?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // A program that ends early closes its end; what it says is its complaint.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|error| refused(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(refused(text(&output.stderr).trim().to_owned())),
    }
}
