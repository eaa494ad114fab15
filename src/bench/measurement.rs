//! What a run found: quantities measured once a round, peers that were left out, and claims judged.

use std::collections::BTreeMap;

use super::statistics::Interval;

/// Everything that one run found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Where and how it was made: date, processor, kernel, mitigations, versions, revision, command line. In
    /// the order in which a report lists them.
    pub facts: Vec<(String, String)>,
    /// What was measured, in the order of measuring.
    pub measurements: Vec<Measurement>,
    /// What was not, and why.
    pub skips: Vec<Skip>,
    /// What must hold, and whether it does.
    pub claims: Vec<Claim>,
}

/// One quantity of one peer in one phase of a scenario, measured once a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The scenario's name: `members`.
    pub scenario: String,
    /// How large the world was, by axis: `endpoints` is 10,000.
    pub scale: BTreeMap<String, u64>,
    /// What was done meanwhile: `cold-load`.
    pub phase: String,
    /// Who did it: `margay`, `nft`, `replay`.
    pub peer: String,
    /// The quantity: `wall`, `cpu`, `packet`.
    pub metric: String,
    /// What one of the values is.
    pub unit: Unit,
    /// One value a round, so that the rounds of two peers pair up: they were measured side by side.
    pub values: Vec<f64>,
}

/// The units of measured values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// How many: messages, packets, wrong verdicts.
    Count,
    /// How many a second.
    PerSecond,
}

/// A peer that a scenario was not measured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The scenario's name.
    pub scenario: String,
    /// The peer left out.
    pub peer: String,
    /// Why: what is missing, or what it cannot say.
    pub reason: String,
}

/// Something that must hold in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The scenario's name.
    pub scenario: String,
    /// What is compared, as a person would say it.
    pub what: String,
    /// What it is: the median over the rounds where it is measured.
    pub value: f64,
    /// How sure that is; nothing where there are fewer than five rounds, or it is no median.
    pub interval: Option<Interval>,
    /// What it may be.
    pub limit: Limit,
    /// Where it cannot be reached: the measured floor that prevents it.
    pub floor: Option<String>,
}

/// The bound of a claim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}
