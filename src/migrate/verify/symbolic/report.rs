//! What a comparison found.

use std::collections::BTreeMap;

use super::Place;
use crate::migrate::iptables::{Hook, TableName};
use crate::net::Family;

/// What a whole comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was compared, one by one.
    pub parts: Vec<Part>,
    /// What was simplified: what the proof does not see.
    pub abstracted: Vec<String>,
}

/// A family, a hook and a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose packets.
    pub family: Family,
    /// The hook.
    pub hook: Hook,
    /// The table of iptables.
    pub table: TableName,
    /// What was found.
    pub outcome: Outcome,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every packet meets the same.
    Equal,
    /// This one does not.
    Different(Box<Difference>),
    /// Nothing was proven, and why.
    Undecided(String),
}

/// A packet that the two sides treat differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In what they differ.
    pub what: String,
    /// What the packet is; whatever is not named does not matter.
    pub packet: BTreeMap<String, String>,
    /// What iptables does with it.
    pub iptables: Sighting,
    /// What nft does with it.
    pub nft: Sighting,
}

/// What one side does with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What becomes of it.
    pub end: String,
    /// The rule that does what the sides differ in.
    pub place: Option<Place>,
    /// All that happens to it, in order.
    pub did: Vec<String>,
}

impl Report {
    /// Whether everything is equal.
    pub fn is_equal(&self) -> bool {
        self.parts.iter().all(|part| part.outcome == Outcome::Equal)
    }
}
