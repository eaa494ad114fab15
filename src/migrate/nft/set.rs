//! Sets and maps.

use std::time::Duration;

use crate::ruleset::Name;

use super::{Item, Statement, Verdict};

/// A named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The name.
    pub name: Name,
    /// What it holds.
    pub kind: SetKind,
    /// `type ipv4_addr . inet_service`: nft's names of the types of a key.
    pub key: Vec<String>,
    /// Elements may be ranges and prefixes.
    pub interval: bool,
    /// Packets may add elements.
    pub dynamic: bool,
    /// Elements may go after a time; set too where `timeout` is.
    pub timeouts: bool,
    /// `auto-merge`.
    pub auto_merge: bool,
    /// How long an element stays that says nothing of its own.
    pub timeout: Option<Duration>,
    /// How often the kernel clears away what is no longer in the set; once a second where nothing says it.
    pub gc_interval: Option<Duration>,
    /// The most elements.
    pub size: Option<u32>,
    /// `counter`: what each element does when it is looked up.
    pub statements: Vec<Statement>,
    /// A text for people.
    pub comment: Option<String>,
    /// What is in it.
    pub elements: Vec<Element>,
}

/// What a set holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKind {
    /// Keys alone.
    Set,
    /// `map`: values of these types.
    Map(Vec<String>),
    /// `map` to `verdict`.
    VerdictMap,
}

/// A key in a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// One item for each type of the key.
    pub key: Vec<Item>,
    /// How long the element stays.
    pub timeout: Option<Duration>,
    /// How long it still has.
    pub expires: Option<Duration>,
    /// Packets and bytes counted so far.
    pub counter: Option<(u64, u64)>,
    /// A text for people.
    pub comment: Option<String>,
    /// What a map says for the key.
    pub data: Option<Data>,
}

/// What a map says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Data {
    /// A verdict.
    Verdict(Verdict),
    /// A value, or a concatenation of them.
    Items(Vec<Item>),
}

impl Set {
    /// An empty set without flags.
    pub fn new(name: Name, key: Vec<String>) -> Self {
        Self {
            name,
            kind: SetKind::Set,
            key,
            interval: false,
            dynamic: false,
            timeouts: false,
            auto_merge: false,
            timeout: None,
            gc_interval: None,
            size: None,
            statements: Vec::new(),
            comment: None,
            elements: Vec::new(),
        }
    }
}

impl Element {
    /// A key and nothing else.
    pub fn new(key: Vec<Item>) -> Self {
        Self {
            key,
            timeout: None,
            expires: None,
            counter: None,
            comment: None,
            data: None,
        }
    }
}
