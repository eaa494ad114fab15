//! A packet walked through a ruleset as nf_tables does it: verdict, path and cost.

mod read;
mod shortcuts;
mod view;
mod walk;

use std::fmt;

use super::packet::Packet;
use super::render::KeyText;
use super::{ChainPolicy, Datatype, Key, Name, RejectKind, Ruleset, Table, TableKey, Verdict};

pub(super) use read::{implied_family, implied_protocol};
pub use shortcuts::Shortcuts;
pub(super) use view::covers;
pub use view::{Instant, Intervals};
pub(super) use walk::sees;

/// What became of a packet, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What became of it.
    pub fate: Fate,
    /// Every rule evaluated, in order, and every policy that decided.
    pub steps: Vec<TraceStep>,
    /// What it cost.
    pub cost: Cost,
    /// The mark at the end.
    pub mark: u32,
    /// How often the packet read something that a transaction can change: the rules, once per base
    /// chain, and named sets and maps, once per lookup.
    pub reads: usize,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// No base chain dropped it.
    Accepted,
    /// Dropped in silence.
    Dropped,
    /// Dropped, and the sender is told.
    Rejected(RejectKind),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Dropped => "dropped",
            Self::Rejected(_) => "rejected",
        })
    }
}

/// One rule evaluated, or the end of a base chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// The table.
    pub table: TableKey,
    /// The chain.
    pub chain: Name,
    /// The index of the rule; `None` is the end of a base chain.
    pub rule: Option<usize>,
    /// What was looked up on the way.
    pub lookups: Vec<Lookup>,
    /// What came of it.
    pub outcome: Outcome,
}

/// One key looked up in one set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The set or map; `None` is an anonymous one.
    pub set: Option<Name>,
    /// What the packet showed.
    pub key: Key,
    /// The types of its fields.
    pub types: Vec<Datatype>,
    /// The element that it hit.
    pub found: Option<Key>,
}

impl fmt::Display for Lookup {
    /// In words: `10.0.0.1 . 80 in @web: found 10.0.0.0/8 . 80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |key| KeyText {
            key,
            types: &self.types,
        };
        write!(f, "{} in ", text(&self.key))?;
        match &self.set {
            Some(set) => write!(f, "@{set}")?,
            None => f.write_str("an anonymous set")?,
        }
        match &self.found {
            Some(found) if *found == self.key => f.write_str(": found"),
            Some(found) => write!(f, ": found {}", text(found)),
            None => f.write_str(": not found"),
        }
    }
}

/// What came of evaluating a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A test did not hold, or what it reads is not there.
    NoMatch,
    /// It matched to its end without a verdict.
    Matched,
    /// It gave a verdict.
    Verdict(Verdict),
    /// It refused the packet.
    Reject(RejectKind),
    /// The base chain ended and its policy decided.
    Policy(ChainPolicy),
    /// It leads deeper than the kernel goes ([`CHAIN_DEPTH_MAX`]), which drops the packet.
    TooDeep(Name),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch => f.write_str("no match"),
            Self::Matched => f.write_str("matched"),
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Reject(_) => f.write_str("reject"),
            Self::Policy(ChainPolicy::Accept) => f.write_str("policy accept"),
            Self::Policy(ChainPolicy::Drop) => f.write_str("policy drop"),
            Self::TooDeep(chain) => write!(f, "too deep to enter {chain}, dropped"),
        }
    }
}

/// How deep chains may lead, the base chain included (`NFT_JUMP_STACK_SIZE`, net/netfilter/nf_tables.h).
pub const CHAIN_DEPTH_MAX: usize = 16;

/// What a packet costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Rules evaluated, matching or not.
    pub rules: usize,
    /// Lookups in sets and maps, anonymous ones included.
    pub lookups: usize,
}

impl Cost {
    /// Rules and lookups together: the measure by which paths are compared.
    pub fn total(self) -> usize {
        self.rules + self.lookups
    }

    /// The cost of both, one after the other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            rules: self.rules + other.rules,
            lookups: self.lookups + other.lookups,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rules, {} lookups", self.rules, self.lookups)
    }
}

/// Walks a packet through the base chains of a ruleset.
///
/// Limits are taken as not exceeded. At equal priority base chains run in the order of their names.
pub fn trace(ruleset: &Ruleset, packet: &Packet) -> Trace {
    undisturbed(&view::Tables::of(ruleset), packet)
}

/// The same through one table that is alone.
pub fn trace_through(key: &TableKey, table: &Table, packet: &Packet) -> Trace {
    undisturbed(&view::Tables::one(key, table), packet)
}

/// What becomes of a packet in one table that is alone, and not how. The shortcuts are those of the
/// table as it is.
pub fn fate_in(key: &TableKey, table: &Table, packet: &Packet, shortcuts: &Shortcuts) -> Fate {
    let tables = view::Tables::one(key, table);
    let view = view::View::new(tables.clone(), tables, AFTER);
    walk::Walk::short(view.with(shortcuts), packet).run().fate
}

/// The instant after a transaction.
const AFTER: Instant = Instant {
    cut: 0,
    intervals: Intervals::Prompt,
};

fn undisturbed(tables: &view::Tables<'_>, packet: &Packet) -> Trace {
    let view = view::View::new(tables.clone(), tables.clone(), AFTER);
    walk::Walk::new(view, packet).run()
}

/// Walks a packet while one transaction leads from `old` to `new`: reads before the cut see the old
/// ruleset, those after it the new one.
pub fn trace_between(old: &Ruleset, new: &Ruleset, packet: &Packet, instant: Instant) -> Trace {
    let [old, new] = [old, new].map(view::Tables::of);
    walk::Walk::new(view::View::new(old, new, instant), packet).run()
}

/// Every way in which a packet can pass while one transaction leads from `old` to `new`: one trace
/// per instant at which the transaction can fall between two reads, interval sets prompt and late.
pub fn traces_between(old: &Ruleset, new: &Ruleset, packet: &Packet) -> Vec<Trace> {
    let mut traces = Vec::new();
    for intervals in [Intervals::Prompt, Intervals::Late] {
        for cut in 0.. {
            let trace = trace_between(old, new, packet, Instant { cut, intervals });
            let all_old = trace.reads <= cut;
            traces.push(trace);
            if all_old {
                break;
            }
        }
    }
    traces
}

#[cfg(test)]
mod hazards;
#[cfg(test)]
mod tests;
