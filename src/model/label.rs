//! Labels: what selectors read of a thing, its own and what it inherits.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;

use super::name::{Namespace, ResourceName};
use crate::net::InvalidValue;

/// Longest key of a label, in bytes.
pub const LABEL_KEY_BYTES_MAX: usize = 512;

/// The key of a label: `[A-Za-z0-9_./-]{1,512}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelKey(Box<str>);

impl LabelKey {
    /// The namespace that a thing is in.
    pub fn of_namespace() -> Self {
        Self("projectcalico.org/namespace".into())
    }

    /// The service account that a workload runs as.
    pub fn of_service_account() -> Self {
        Self("projectcalico.org/serviceaccount".into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key with a word before it.
    pub(super) fn prefixed(&self, prefix: &str) -> Self {
        Self(format!("{prefix}{}", self.0).into())
    }

    /// Whether a byte may stand in a key.
    pub(super) fn has(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || b"_./-".contains(&byte)
    }
}

impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for LabelKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if (1..=LABEL_KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(Self::has) {
            return Ok(Self(text.into()));
        }
        Err(InvalidValue::new(
            "label",
            text,
            "1-512 of A-Z a-z 0-9 _ . / -",
        ))
    }
}

/// The value of a label: any text that a selector can quote, which has no escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValue(Box<str>);

impl LabelValue {
    /// The value as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for LabelValue {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelValue {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.contains('"') && text.contains('\'') {
            let allowed = "a text without one of the quotes ' and \"";
            return Err(InvalidValue::new("value of a label", text, allowed));
        }
        Ok(Self(text.into()))
    }
}

impl From<&Namespace> for LabelValue {
    /// A name has no quotes in it.
    fn from(namespace: &Namespace) -> Self {
        Self(namespace.as_str().into())
    }
}

impl From<&ResourceName> for LabelValue {
    /// A name has no quotes in it.
    fn from(name: &ResourceName) -> Self {
        Self(name.as_str().into())
    }
}

/// Something that selectors can read labels of.
pub trait LabelView {
    /// The value of a label, if there is one.
    fn value(&self, key: &LabelKey) -> Option<&LabelValue>;
}

/// Labels by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<LabelKey, LabelValue>);

impl Labels {
    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&LabelKey, &LabelValue)> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a label, over what it was.
    pub fn insert(&mut self, key: LabelKey, value: LabelValue) {
        self.0.insert(key, value);
    }

    /// Takes a label away.
    pub fn remove(&mut self, key: &LabelKey) -> Option<LabelValue> {
        self.0.remove(key)
    }
}

impl FromIterator<(LabelKey, LabelValue)> for Labels {
    fn from_iter<T: IntoIterator<Item = (LabelKey, LabelValue)>>(labels: T) -> Self {
        Self(labels.into_iter().collect())
    }
}

impl LabelView for Labels {
    fn value(&self, key: &LabelKey) -> Option<&LabelValue> {
        self.0.get(key)
    }
}

/// Labels of a thing over those of its parents: the own one wins, then that of the first parent.
#[derive(Debug, Clone)]
pub struct Inherited<'a> {
    own: &'a Labels,
    parents: SmallVec<[&'a Labels; 2]>,
}

impl<'a> Inherited<'a> {
    /// A thing's labels over those of its parents, in their order.
    pub fn new(own: &'a Labels, parents: impl IntoIterator<Item = &'a Labels>) -> Self {
        Self {
            own,
            parents: parents.into_iter().collect(),
        }
    }

    /// All of them, those that are hidden left out.
    pub fn all(&self) -> Labels {
        let mut all = Labels::default();
        let layers = self.parents.iter().rev().chain([&self.own]);
        for (key, value) in layers.flat_map(|layer| layer.iter()) {
            all.insert(key.clone(), value.clone());
        }
        all
    }
}

impl LabelView for Inherited<'_> {
    fn value(&self, key: &LabelKey) -> Option<&LabelValue> {
        let layers = std::iter::once(self.own).chain(self.parents.iter().copied());
        layers.into_iter().find_map(|layer| layer.value(key))
    }
}
