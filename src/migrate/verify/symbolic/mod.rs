//! The proof: both sides as functions over all packets, and the functions as one form that only equals share.
//!
//! Either side is brought into a [`Program`] of the same few steps, the nft side from the printed text. A program is run on
//! all packets at once: what happens to which of them are functions of bits, kept as decision diagrams. What has no
//! number (a socket, a route, a limit) is a bit of its own, called by what it is, and the same on both sides only where it
//! is called the same.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "what is not said by one list of matches, fields or statements is asked of the next"
)]

mod bdd;
mod compare;
mod condition;
mod fields;
mod iptables;
mod labels;
mod machine;
mod nft;
mod plain;
mod program;
mod report;
mod space;
mod words;

pub use condition::{Condition, Pattern, Variable};
pub use program::{BaseChain, Entry, Place, Program, Rule, Source, Step};
pub use report::{Difference, Outcome, Part, Report, Sighting};

use std::collections::BTreeSet;

use crate::migrate::ipset::Set;
use crate::migrate::iptables::{Dump, Missing, is_of_ports, reads_payload, sees_later_fragments};
use crate::migrate::nft::Parsed;
use crate::net::Family;

pub use nft::UnknownMeaning;

/// Compares dumps with the nft text that is to take their place. Where there is no dump of a family, the text must
/// leave its packets alone.
///
/// # Errors
/// A rule of the text has no meaning here.
pub fn verify(dumps: &[Dump], sets: &[Set], nft: &Parsed) -> Result<Report, UnknownMeaning> {
    let mut report = Report::default();
    for family in Family::ALL {
        let mut before = Program::default();
        for dump in dumps.iter().filter(|dump| dump.family == family) {
            before = iptables::program(dump, dumps, sets);
            report.abstracted.extend(unseen(dump, sets));
        }
        let after = nft::program(nft, family)?;
        report
            .parts
            .extend(compare::compare(family, &before, &after));
        report.abstracted.extend(abstracted(&before));
        report.abstracted.extend((after.own_mark != 0).then(|| {
            let bits = after.own_mark;
            format!("the bits {bits:#x} of the mark, of which nft tells ports of bridges")
        }));
    }
    report.abstracted.sort();
    report.abstracted.dedup();
    Ok(report)
}

/// What a dump does not say, and what nobody reads alike.
fn unseen(dump: &Dump, sets: &[Set]) -> Vec<String> {
    let unread = dump.missing.iter();
    let unread = unread.map(|missing| {
        let Missing { table, gap, .. } = missing;
        format!("table {table} of {}: {}", dump.family, gap.as_str())
    });
    let of_ports = |name: &str| sets.iter().any(|set| set.name == name && is_of_ports(set));
    let mut rules = dump.rules();
    let reads = sees_later_fragments(dump, &BTreeSet::new())
        && rules.any(|(_, _, rule)| reads_payload(rule, of_ports));
    let fragments = reads
        .then(|| "what stands in fragments of IPv6 that are not the first, for ports".to_owned());
    unread.chain(fragments).collect()
}

/// What has no number: it is the same on both sides where it is called the same.
fn abstracted(program: &Program) -> Vec<String> {
    let mut names = Vec::new();
    program.each_condition(&mut |condition| {
        condition.each_leaf(&mut |leaf| match leaf {
            Condition::Atom(name) => names.push(name.clone()),
            Condition::Within(variable, ..) if labels::is_learned(variable) => {
                names.push(variable.name.clone());
            }
            Condition::Always
            | Condition::Never
            | Condition::Within(..)
            | Condition::Masked(..)
            | Condition::Name(..)
            | Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_) => {}
        });
    });
    let rules = program.chains.values().flatten();
    for step in rules.flat_map(|rule| &rule.steps) {
        match step {
            Step::Ask { device, .. } => names.push(device.clone()),
            Step::Note(what) => names.push(what.clone()),
            _ => {}
        }
    }
    names
}

/// A prefix is put in the place of the one that the address has.
fn netmap(variable: &Variable, to: std::net::IpAddr, length: u8) -> Vec<Step> {
    let value = match to {
        std::net::IpAddr::V4(to) => u32::from(to).into(),
        std::net::IpAddr::V6(to) => u128::from(to),
    };
    let low = variable.bits.saturating_sub(length.into());
    let keep = variable.largest() & !u128::MAX.checked_shl(low).unwrap_or(0);
    let write = Step::Write {
        variable: variable.clone(),
        keep,
        source: Source::Constant(value & !keep),
    };
    vec![write, Step::End(labels::NETMAP.to_owned())]
}

/// An address is in a prefix; an address of the other family never is.
fn prefix(variable: &Variable, address: std::net::IpAddr, length: u8) -> Condition {
    let (width, value) = match address {
        std::net::IpAddr::V4(address) => (32, u32::from(address).into()),
        std::net::IpAddr::V6(address) => (128, u128::from(address)),
    };
    if variable.bits != width {
        return Condition::Never;
    }
    let low = width.saturating_sub(length.into());
    let mask = if low >= 128 {
        0
    } else {
        variable.largest() & (u128::MAX << low)
    };
    variable.masked(mask, value & mask)
}

#[cfg(test)]
mod tests;
