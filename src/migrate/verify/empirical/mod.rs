//! The experiment: the same packets through both sides, each in a network namespace of its own.
//!
//! Each side has a device for every interface that the dump names. Packets are made for every rule, with values
//! inside and just outside of what it asks, and marked in their header: by the identification and the reserved flag of
//! IPv4, by the flow label of IPv6. A table that only watches, behind everything else, says which of them came how far, what they had
//! become, and what the host answered.

mod chunk;
mod element;
mod flight;
mod inside;
mod lane;
mod outside;
mod packet;
mod plan;
mod probe;
mod road;
mod tally;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::thread;

use plan::Plan;

use crate::migrate::ipset;
use crate::migrate::iptables::Dump;

/// What is replayed.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// What `iptables-save` printed.
    pub text: &'a str,
    /// The same, read.
    pub dump: &'a Dump,
    /// What `ipset save` printed.
    pub sets: Option<&'a str>,
}

/// What an experiment found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// How many packets went through each side.
    pub packets: usize,
    /// How many of them were seen behind a hook of the original.
    pub seen: usize,
    /// How many packets each rule counted in the original, by its line in the dump.
    pub counted: BTreeMap<usize, u64>,
    /// What differs, in words.
    pub differences: Vec<String>,
    /// What could not be compared.
    pub left_out: Vec<String>,
}

impl Replay {
    /// How many rules were hit, by the counters of the original.
    pub fn rules_hit(&self) -> usize {
        self.counted.values().filter(|count| **count > 0).count()
    }
}

/// Why there was no experiment.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The kernel gives no namespace or no device.
    #[error("no network namespace or TUN device: {0}; run it as root")]
    NoLane(#[source] io::Error),
    /// A program is not there, or says no.
    #[error("{program}: {message}")]
    Refused {
        /// The program.
        program: String,
        /// What it says.
        message: String,
    },
}

/// Sends packets through both sides.
///
/// # Errors
/// The kernel or a program of the original refuses.
pub fn replay(original: &Original<'_>, nft: &str) -> Result<Replay, ReplayError> {
    let sets = ipset::read(original.sets.unwrap_or_default()).unwrap_or_default();
    let plan = plan::plan(original.dump, &sets);
    let mut replay = compared(&plan, original, nft)?;
    if plan.timed && !replay.differences.is_empty() {
        // What the clock did once it does not do twice.
        let again: BTreeSet<_> = compared(&plan, original, nft)?
            .differences
            .into_iter()
            .collect();
        replay.differences.retain(|found| again.contains(found));
    }
    Ok(replay)
}

fn compared(plan: &Plan, original: &Original<'_>, nft: &str) -> Result<Replay, ReplayError> {
    let (before, after) = thread::scope(|scope| {
        let before = scope.spawn(|| lane::run(plan, lane::Side::Iptables(original)));
        let after = lane::run(plan, lane::Side::Nft(nft));
        let ended = || Err(ReplayError::NoLane(io::ErrorKind::Interrupted.into()));
        (before.join().unwrap_or_else(|_| ended()), after)
    });
    let (before, after) = (before?, after?);
    let mut replay = Replay {
        packets: plan.probes.len(),
        seen: before.arrivals.len(),
        counted: BTreeMap::new(),
        differences: Vec::new(),
        left_out: plan.left_out.clone(),
    };
    let all: BTreeSet<_> = before.arrivals.union(&after.arrivals).collect();
    for arrival in all {
        let sides = [&before, &after].map(|side| side.arrivals.contains(arrival));
        if sides[0] != sides[1] {
            let side = if sides[0] { "iptables" } else { "nft" };
            let packet = plan.describe(arrival);
            let what = format!("only {side} lets it come there: {arrival}{packet}");
            replay.differences.push(what);
        }
    }
    for (line, count) in &before.counters {
        let ours = after.counters.get(line).copied().unwrap_or(0);
        if ours != *count {
            let what =
                format!("rule of line {line} counted {count} packets in iptables, {ours} in nft");
            replay.differences.push(what);
        }
    }
    replay.counted = before.counters;
    Ok(replay)
}
