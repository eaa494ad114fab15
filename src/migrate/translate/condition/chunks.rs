//! Chunks of SCTP.

use std::iter::once;

use super::super::case::{Cases, Outcome, compared, ordered};
use super::super::class::Obstacle;
use super::header::presence;
use crate::migrate::iptables::{ChunkMode, Sense};
use crate::migrate::nft::{Expression, Field, Operator, Statement, Value};

/// `--chunk-types`.
pub(super) fn cases(sense: Sense, mode: ChunkMode, list: &str) -> Outcome<Cases> {
    let names: Vec<_> = list
        .split(',')
        .map(chunk)
        .collect::<Option<_>>()
        .ok_or_else(|| {
            Obstacle::new(
                format!(
                    "chunks of SCTP with flags, or of a type that nft has no word for ({list})"
                ),
                "compare the types alone",
            )
        })?;
    let test = |name: &String, sense| {
        let chunk = Expression::SctpChunk(name.clone());
        Statement::from(compared(Sense::Is, chunk, presence(sense)))
    };
    let opposite = |sense| match sense {
        Sense::Is => Sense::IsNot,
        Sense::IsNot => Sense::Is,
    };
    // All that are there, or all that are missing, is one rule; else the first that is otherwise decides.
    let (one_rule, wanted) = match (mode, sense) {
        (ChunkMode::All, Sense::Is) => (true, Sense::Is),
        (ChunkMode::Any, Sense::IsNot) => (true, Sense::IsNot),
        (ChunkMode::All, Sense::IsNot) => (false, Sense::IsNot),
        (ChunkMode::Any, Sense::Is) => (false, Sense::Is),
        (ChunkMode::Only, _) => {
            return Err(Obstacle::new(
                "that a packet has no other chunks of SCTP: nft has no words for all types that there are",
                "say which chunks must be missing, with --chunk-types any and `!`",
            ));
        }
    };
    // A later fragment has no chunks, and what stands in their place is not asked.
    let header = || {
        let port = Expression::from(Field::SctpSport);
        Statement::from(ordered(port, Operator::GreaterOrEqual, Value::Number(0)))
    };
    if one_rule {
        let tests = names.iter().map(|name| test(name, wanted));
        return Ok(vec![once(header()).chain(tests).collect()]);
    }
    let case = |at: usize| {
        let before = names[..at].iter().map(|name| test(name, opposite(wanted)));
        let tests = before.chain([test(&names[at], wanted)]);
        once(header()).chain(tests).collect()
    };
    Ok((0..names.len()).map(case).collect())
}

/// nft's word for a type of chunk.
fn chunk(name: &str) -> Option<String> {
    const OTHERS: [(&str, &str); 2] = [("ECN_ECNE", "ecne"), ("ECN_CWR", "cwr")];
    const SAME: [&str; 15] = [
        "DATA",
        "INIT",
        "INIT_ACK",
        "SACK",
        "HEARTBEAT",
        "HEARTBEAT_ACK",
        "ABORT",
        "SHUTDOWN",
        "SHUTDOWN_ACK",
        "ERROR",
        "COOKIE_ECHO",
        "COOKIE_ACK",
        "SHUTDOWN_COMPLETE",
        "ASCONF",
        "ASCONF_ACK",
    ];
    let other = OTHERS.iter().find(|(known, _)| *known == name);
    let same = || {
        SAME.contains(&name)
            .then(|| name.to_ascii_lowercase().replace('_', "-"))
    };
    other.map(|(_, word)| (*word).to_owned()).or_else(same)
}
