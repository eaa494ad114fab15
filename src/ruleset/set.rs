//! Sets and maps: a map is a set whose elements carry data.

use std::collections::BTreeMap;
use std::time::Duration;

use bitflags::bitflags;

use super::{Bytes, Datatype, Key, Name, Verdict};

bitflags! {
    /// The flags that an operator declares, `NFT_SET_*` (linux/netfilter/nf_tables.h).
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct SetFlags: u32 {
        /// Content never changes after creation.
        const CONSTANT = 0x2;
        /// Elements may be ranges and prefixes.
        const INTERVAL = 0x4;
        /// Elements may have a timeout.
        const TIMEOUT = 0x10;
        /// Elements may be added from the packet path.
        const DYNAMIC = 0x20;
    }
}

/// The elements of a set, in key order.
pub type Elements = BTreeMap<Key, Element>;

/// A named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The types of the key, more than one for a concatenation.
    pub key: Vec<Datatype>,
    /// What an element maps to; `None` for a set.
    pub data: Option<Data>,
    /// The declared flags.
    pub flags: SetFlags,
    /// The declared size: at most so many elements; `None` is unlimited.
    pub size: Option<u32>,
    /// The default timeout of elements.
    pub timeout: Option<Duration>,
    /// Whether every element counts packets (`counter` in the declaration).
    pub counted: bool,
    /// A comment.
    pub comment: Option<String>,
    /// The elements. Those of a dynamic set come from packets and are not compared.
    pub elements: Elements,
}

impl Set {
    /// An empty set of plain keys.
    pub fn of(key: &[Datatype]) -> Self {
        Self {
            key: key.to_vec(),
            data: None,
            flags: SetFlags::default(),
            size: None,
            timeout: None,
            counted: false,
            comment: None,
            elements: Elements::new(),
        }
    }

    /// An empty verdict map.
    pub fn verdict_map(key: &[Datatype]) -> Self {
        Self {
            data: Some(Data::Verdict),
            ..Self::of(key)
        }
    }

    /// Adds a plain key.
    pub fn insert(&mut self, key: Key) {
        self.elements.insert(key, Element::default());
    }

    /// Adds a key that maps to a verdict.
    pub fn insert_verdict(&mut self, key: Key, verdict: Verdict) {
        let data = ElementData::Verdict(verdict);
        self.elements.insert(
            key,
            Element {
                data,
                ..Element::default()
            },
        );
    }
}

/// What the elements of a map carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A verdict: `vmap` looks it up.
    Verdict,
    /// A value of these types: `map` looks it up.
    Value(Vec<Datatype>),
    /// The name of a stateful object.
    Object(ObjectKind),
}

/// Stateful objects that a map can name, `NFT_OBJECT_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A named counter.
    Counter,
    /// A named limit.
    Limit,
}

/// What belongs to one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// What the key maps to.
    pub data: ElementData,
    /// A timeout of its own.
    pub timeout: Option<Duration>,
    /// A comment.
    pub comment: Option<Box<str>>,
}

/// What a key maps to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ElementData {
    /// Nothing: an element of a set.
    #[default]
    None,
    /// A verdict.
    Verdict(Verdict),
    /// A value, in kernel bytes.
    Value(Bytes),
    /// The name of an object.
    Object(Name),
}
