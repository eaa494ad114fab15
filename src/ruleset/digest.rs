//! A digest of what a table should hold, so that a new agent can tell at a glance what is in force.
//!
//! It is a sum of one hash for every rule, element and declaration: a change of one element changes
//! it in constant time, and the order of changes is nothing to it. Generations and declared sizes take
//! no part, nor does the `state` chain that holds it.
//!
//! Against accidents 128 bits are plenty. Somebody who chooses a hundred elements can find two choices
//! with one sum; all that it gains them is that a change of their own policy, made while no agent ran,
//! goes unnoticed by the next until that compares the whole table.

use std::fmt;
use std::ops::{AddAssign, SubAssign};

use smallvec::SmallVec;

use super::{Chain, Element, ElementData, Key, Limit, Name, Rule, Set, Statement, Table, Verdict};

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

impl AddAssign for Digest {
    fn add_assign(&mut self, part: Self) {
        self.0 = self.0.wrapping_add(part.0);
    }
}

impl SubAssign for Digest {
    fn sub_assign(&mut self, part: Self) {
        self.0 = self.0.wrapping_sub(part.0);
    }
}

impl std::iter::Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

impl Digest {
    /// The digest of a whole table.
    pub fn of(table: &Table) -> Self {
        let sets = table.sets.iter().map(|(name, set)| Self::of_set(name, set));
        let chains = table.chains.iter();
        let chains = chains.map(|(name, chain)| Self::of_chain(name, chain));
        let counters = table.counters.iter();
        let counters = counters.map(|(name, comment)| Self::of_counter(name, comment.as_deref()));
        let limits = table.limits.iter();
        let limits = limits.map(|(name, limit)| Self::of_limit(name, limit));
        sets.chain(chains).chain(counters).chain(limits).sum()
    }

    /// The rule that says the digest. It has no verdict: writing it does not revalidate the table.
    pub(super) fn rule(self) -> Rule {
        Rule {
            statements: vec![Statement::Counter],
            comment: Some(self.to_string()),
        }
    }

    /// The part of a set and its elements.
    pub(super) fn of_set(name: &Name, set: &Set) -> Self {
        let declared = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            set.key, set.data, set.flags, set.timeout, set.counted, set.comment
        );
        let (owner, elements) = (owner(name), set.elements.iter());
        let mut sum: Self = elements
            .map(|(key, element)| of_owned(owner, key, element))
            .sum();
        sum += hash(&[b"set", name.logical().as_bytes(), declared.as_bytes()]);
        sum
    }

    /// The part of one element of a set.
    pub(super) fn of_element(set: &Name, key: &Key, element: &Element) -> Self {
        of_owned(owner(set), key, element)
    }

    /// The part of a chain and its rules.
    pub(super) fn of_chain(name: &Name, chain: &Chain) -> Self {
        if holds_the_digest(name) {
            return Self::default();
        }
        let declared = format!("{:?} {:?}", chain.hook, chain.comment);
        let rules = chain.rules.iter().enumerate();
        let mut sum: Self = rules
            .map(|(index, rule)| Self::of_rule(name, index, rule))
            .sum();
        sum += hash(&[name.logical().as_bytes(), b"chain", declared.as_bytes()]);
        sum
    }

    /// The part of one rule, at its place in the chain.
    pub(super) fn of_rule(chain: &Name, index: usize, rule: &Rule) -> Self {
        if holds_the_digest(chain) {
            return Self::default();
        }
        let (index, rule) = (index.to_be_bytes(), format!("{rule:?}"));
        let chain = chain.logical().as_bytes();
        hash(&[chain, b"rule", &index, rule.as_bytes()])
    }

    /// The part of a named counter.
    pub(super) fn of_counter(name: &Name, comment: Option<&str>) -> Self {
        let declared = format!("{comment:?}");
        hash(&[b"counter", name.logical().as_bytes(), declared.as_bytes()])
    }

    /// The part of a named limit.
    pub(super) fn of_limit(name: &Name, limit: &Limit) -> Self {
        let declared = format!("{limit:?}");
        hash(&[b"limit", name.logical().as_bytes(), declared.as_bytes()])
    }
}

/// What stands for a set in the parts of its elements.
///
/// A name would take up most of the 64 bytes that are hashed at once, and elements are many.
fn owner(set: &Name) -> Digest {
    hash(&[b"element", set.logical().as_bytes()])
}

/// The part of one element of a set.
fn of_owned(Digest(owner): Digest, key: &Key, element: &Element) -> Digest {
    let owner = owner.to_be_bytes();
    let end = key.end.as_deref().unwrap_or_default();
    let (kind, data): (&[u8], &[u8]) = match &element.data {
        ElementData::None => (b"", b""),
        ElementData::Value(bytes) => (b"value", bytes),
        ElementData::Object(name) => (b"object", name.logical().as_bytes()),
        ElementData::Verdict(verdict) => verdict_bytes(verdict),
    };
    let timeout = element.timeout.map(|timeout| timeout.as_nanos());
    let timeout = timeout.map(u128::to_be_bytes);
    hash(&[
        &owner,
        &key.start,
        end,
        kind,
        data,
        timeout.as_ref().map_or(&[], |bytes| &bytes[..]),
        element.comment.as_deref().unwrap_or_default().as_bytes(),
    ])
}

/// Whether it is the chain that has no part in the digest.
fn holds_the_digest(chain: &Name) -> bool {
    chain.as_str() == STATE_CHAIN
}

/// The hash of a list of byte strings, each with its length, so that no two lists are alike.
fn hash(parts: &[&[u8]]) -> Digest {
    // One call for all parts takes half the time of two for each.
    let mut all = SmallVec::<[u8; 256]>::new();
    for part in parts {
        match u8::try_from(part.len()) {
            Ok(short) if short < u8::MAX => all.push(short),
            Ok(_) | Err(_) => {
                all.push(u8::MAX);
                all.extend_from_slice(&part.len().to_be_bytes());
            }
        }
        // Most parts of most elements are empty, and to append nothing takes as long as a few bytes.
        if !part.is_empty() {
            all.extend_from_slice(part);
        }
    }
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(&all).as_bytes()[..16]);
    Digest(u128::from_be_bytes(half))
}

/// What a verdict does, and the chain that it leads to.
fn verdict_bytes(verdict: &Verdict) -> (&[u8], &[u8]) {
    match verdict {
        Verdict::Accept => (b"accept", b""),
        Verdict::Drop => (b"drop", b""),
        Verdict::Continue => (b"continue", b""),
        Verdict::Return => (b"return", b""),
        Verdict::Jump(chain) => (b"jump", chain.logical().as_bytes()),
        Verdict::Goto(chain) => (b"goto", chain.logical().as_bytes()),
    }
}
