//! Whether packets in flight see the order of commits that Margay relies on.
//!
//! The loopback of a throw-away namespace carries packets that two rulesets both drop, while the one is
//! put in the place of the other and back. By our steps none may pass. Squashed into one transaction
//! some should (`docs/commit-safety.md`): that is how it is known that the attempt can see anything.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Check;
use crate::backend::Backend;
use crate::backend::nft::{NftBackend, Ownership};
use crate::compile::skeleton::table_key;
use crate::ruleset::diff::between;
use crate::ruleset::transaction::{Commit, Phase, Step, Wait};
use crate::ruleset::{Table, parse};

const NAME: &str = "packets in flight";
/// How long our own order is tried, and how long the control may take to show something.
const TRIED: Duration = Duration::from_millis(1_000);
/// Ranges of each set: the more, the longer the moment in which one transaction is half done.
const RANGES: u32 = 1_000;

/// What became of packets while rulesets took turns.
#[derive(Debug, Clone, Copy)]
struct Seen {
    updates: u64,
    packets: u64,
    passed: u64,
}

/// How a ruleset is put in the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the steps of `ruleset::diff`.
    Steps,
    /// In one transaction.
    Squashed,
}

pub(super) fn check() -> Check {
    let tried = attempt(Way::Steps).and_then(|ours| Ok((ours, attempt(Way::Squashed)?)));
    let (ours, control) = match tried {
        Ok(seen) => seen,
        Err(why) => return untried(&why),
    };
    let told = format!(
        "{} of {} packets passed in {} updates by our steps, {} of {} in {} updates by one transaction",
        ours.passed, ours.packets, ours.updates, control.passed, control.packets, control.updates
    );
    match (ours.passed, control.passed) {
        (1.., _) => Check::failure(
            NAME,
            format!("{told}: packets saw half an update"),
            "do not rely on updates without a gap here, and report this kernel",
        ),
        (0, 1..) => Check::fine(NAME, told),
        (0, 0) => Check::warning(
            NAME,
            format!("{told}: nothing was seen half done, so this says little"),
            "run it again on an idle machine with two processors",
        ),
    }
}

pub(super) fn untried(why: &str) -> Check {
    Check::warning(
        NAME,
        format!("not tried: {why}"),
        "see the other checks first",
    )
}

fn attempt(way: Way) -> Result<Seen, String> {
    let tables = [table(0)?, table(1)?];
    let told = |error: &dyn std::error::Error| error.to_string();
    let mut backend = NftBackend::new(Ownership::None).map_err(|error| told(&error))?;
    let first = backend
        .observe(&table_key())
        .map_err(|error| told(&error))?;
    let commit = between(first.as_ref(), &tables[0], &table_key());
    backend.commit(&commit).map_err(|error| told(&error))?;
    let (stop, packets, passed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let prober = scope.spawn(|| probe(&stop, &packets, &passed));
        let updates = take_turns(&mut backend, tables, way, &passed);
        stop.store(true, Ordering::Relaxed);
        let probed = prober
            .join()
            .map_err(|_| "the prober ended early".to_owned())?;
        probed.map_err(|error| error.to_string())?;
        Ok(Seen {
            updates: updates?,
            packets: packets.load(Ordering::Relaxed),
            passed: passed.load(Ordering::Relaxed),
        })
    })
}

/// Puts the tables in each other's place for a while; squashed, until that was seen.
fn take_turns(
    backend: &mut NftBackend,
    tables: [Table; 2],
    way: Way,
    passed: &AtomicU64,
) -> Result<u64, String> {
    let begun = Instant::now();
    let [mut one, mut other] = tables;
    let mut updates = 0;
    while begun.elapsed() < TRIED {
        if way == Way::Squashed && passed.load(Ordering::Relaxed) > 0 {
            break;
        }
        let commit = between(Some(&one), &other, &table_key());
        let commit = match way {
            Way::Steps => commit,
            Way::Squashed => squashed(commit),
        };
        backend.commit(&commit).map_err(|error| error.to_string())?;
        std::mem::swap(&mut one, &mut other);
        updates += 1;
    }
    Ok(updates)
}

fn squashed(commit: Commit) -> Commit {
    let steps = commit.steps.into_iter();
    Commit {
        steps: vec![Step {
            phase: Phase::Switch,
            wait: Wait::None,
            operations: steps.flat_map(|step| step.operations).collect(),
        }],
        table: commit.table,
    }
}

/// Sends packets to itself, and counts those that arrive: on the loopback a packet has its verdict when
/// it was sent.
fn probe(stop: &AtomicBool, packets: &AtomicU64, passed: &AtomicU64) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_nonblocking(true)?;
    let mut buffer = [0; 8];
    while !stop.load(Ordering::Relaxed) {
        // The verdict is in what arrives; a refusal to send is none.
        let _sent = socket.send(&[0]);
        packets.fetch_add(1, Ordering::Relaxed);
        if socket.recv(&mut buffer).is_ok() {
            passed.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// A table that drops what comes from the loopback, by a set of its own.
fn table(number: u32) -> Result<Table, String> {
    let ranges = (0..RANGES).map(|at| {
        let start = 0x0a00_0000 + at * 0x100 + number;
        let [start, end] = [start, start + 9].map(Ipv4Addr::from);
        format!("{start}-{end}")
    });
    let ranges: Vec<_> = ranges.collect();
    let text = format!(
        "table inet margay {{\n\
         set s{number} {{ type ipv4_addr; flags interval; elements = {{ 127.0.0.1, {} }}; }}\n\
         chain input {{\n\
         type filter hook input priority filter - 5; policy accept;\n\
         ip saddr @s{number} drop\n\
         }}\n}}\n",
        ranges.join(", ")
    );
    let mut ruleset = parse(NAME, &text).map_err(|error| error.to_string())?;
    Ok(ruleset.tables.remove(&table_key()).unwrap_or_default())
}
