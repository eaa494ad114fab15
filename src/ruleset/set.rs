//! Sets and maps: a map is a set whose elements carry data.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
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
        let element = Element::of(ElementData::Verdict(verdict));
        self.elements.insert(key, element);
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

/// What belongs to one key; it reads as its [`ElementBody`].
///
/// Of sets with nothing but keys a table may hold millions of elements, and whoever walks through
/// them waits for memory: so an element that has nothing takes no more than a word.
#[derive(Clone, Default)]
pub struct Element(Option<Box<ElementBody>>);

impl Element {
    /// An element that maps to something and has nothing else.
    pub fn of(data: ElementData) -> Self {
        ElementBody {
            data,
            ..ElementBody::default()
        }
        .into()
    }

    /// Whether there is nothing beside the key.
    pub fn is_bare(&self) -> bool {
        self.0.is_none()
    }
}

impl From<ElementBody> for Element {
    fn from(body: ElementBody) -> Self {
        Self((body != ElementBody::default()).then(|| Box::new(body)))
    }
}

impl Deref for Element {
    type Target = ElementBody;

    fn deref(&self) -> &ElementBody {
        static BARE: ElementBody = ElementBody {
            data: ElementData::None,
            timeout: None,
            comment: None,
        };
        self.0.as_deref().unwrap_or(&BARE)
    }
}

impl DerefMut for Element {
    fn deref_mut(&mut self) -> &mut ElementBody {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        (self.is_bare() && other.is_bare()) || **self == **other
    }
}

impl Eq for Element {}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// What an element may have beside its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElementBody {
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

impl ElementData {
    /// The verdict, if it is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Verdict(verdict) => Some(verdict),
            Self::None | Self::Value(_) | Self::Object(_) => None,
        }
    }
}
