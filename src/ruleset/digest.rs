//! A digest of what a table should hold, so that a new agent can tell at a glance what is in force.
//!
//! It is a sum of one hash for every rule, element and declaration: a change of one element changes
//! it in constant time. Generations and declared sizes take no part, nor does the `state` chain that
//! holds it.

use std::fmt;

use super::{Chain, Element, ElementData, Key, Name, Set, Table, Verdict};

/// The chain whose only rule has the digest as its comment.
pub const STATE_CHAIN: &str = "state";

/// A sum of hashes, modulo 2^128.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest(u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Digest {
    /// The digest of a whole table.
    pub fn of(table: &Table) -> Self {
        let mut digest = Self::default();
        for (name, set) in &table.sets {
            digest.add_set(name, set);
        }
        for (name, chain) in table
            .chains
            .iter()
            .filter(|(name, _)| name.as_str() != STATE_CHAIN)
        {
            digest.add_chain(name, chain);
        }
        for name in table.counters.keys().chain(table.limits.keys()) {
            digest.add(&[b"object", name.logical().as_bytes()]);
        }
        digest
    }

    fn add_set(&mut self, name: &Name, set: &Set) {
        let name = name.logical().as_bytes();
        let declared = format!(
            "{:?} {:?} {:?} {:?}",
            set.key, set.data, set.flags, set.timeout
        );
        self.add(&[b"set", name, declared.as_bytes()]);
        for (key, element) in &set.elements {
            self.add_element(name, key, element);
        }
    }

    fn add_element(&mut self, set: &[u8], key: &Key, element: &Element) {
        let end = key.end.as_deref().unwrap_or_default();
        let data: &[u8] = match &element.data {
            ElementData::None => &[],
            ElementData::Value(bytes) => bytes,
            ElementData::Object(name) => name.logical().as_bytes(),
            ElementData::Verdict(verdict) => verdict_bytes(verdict),
        };
        self.add(&[b"element", set, &key.start, end, data]);
    }

    fn add_chain(&mut self, name: &Name, chain: &Chain) {
        let name = name.logical().as_bytes();
        self.add(&[b"chain", name, format!("{:?}", chain.hook).as_bytes()]);
        for (index, rule) in chain.rules.iter().enumerate() {
            self.add(&[
                b"rule",
                name,
                &index.to_be_bytes(),
                format!("{rule:?}").as_bytes(),
            ]);
        }
    }

    /// Adds the hash of a list of byte strings, each with its length, so that no two lists are alike.
    fn add(&mut self, parts: &[&[u8]]) {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&part.len().to_be_bytes()).update(part);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        self.0 = self.0.wrapping_add(u128::from_be_bytes(half));
    }
}

fn verdict_bytes(verdict: &Verdict) -> &[u8] {
    match verdict {
        Verdict::Accept => b"accept",
        Verdict::Drop => b"drop",
        Verdict::Continue => b"continue",
        Verdict::Return => b"return",
        Verdict::Jump(chain) | Verdict::Goto(chain) => chain.as_str().as_bytes(),
    }
}
