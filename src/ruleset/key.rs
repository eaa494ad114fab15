//! Keys of set elements, in the bytes that the kernel compares.

use smallvec::SmallVec;

use super::Datatype;

/// A short run of bytes; an address or a port needs no allocation.
pub type Bytes = SmallVec<[u8; 16]>;

/// One key, or an inclusive range of keys.
///
/// The bytes are what the kernel holds: a single field has its own width, a concatenation has every
/// field padded with zeros to whole 32-bit registers. In a concatenation with intervals each field
/// ranges on its own (a box), from its bytes in `start` to its bytes in `end`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The value, or the first value of a range.
    pub start: Bytes,
    /// The last value of a range, inclusive; `None` is a single value, and `Some` always differs from `start`.
    pub end: Option<Bytes>,
}

impl Key {
    /// A single value.
    pub fn value(bytes: &[u8]) -> Self {
        Self {
            start: Bytes::from_slice(bytes),
            end: None,
        }
    }

    /// An inclusive range; a range of one value is that value.
    pub fn range(first: &[u8], last: &[u8]) -> Self {
        let end = (first != last).then(|| Bytes::from_slice(last));
        Self {
            start: Bytes::from_slice(first),
            end,
        }
    }

    /// The last value.
    pub fn last(&self) -> &Bytes {
        self.end.as_ref().unwrap_or(&self.start)
    }

    /// The fields of the key one by one: first bytes, last bytes, without padding.
    pub fn fields<'a>(
        &'a self,
        types: &'a [Datatype],
    ) -> impl Iterator<Item = (Datatype, &'a [u8], &'a [u8])> {
        let concatenated = types.len() > 1;
        types.iter().scan(0, move |offset, &datatype| {
            let at = *offset..*offset + datatype.bytes();
            *offset += if concatenated {
                datatype.padded_bytes()
            } else {
                datatype.bytes()
            };
            Some((datatype, self.start.get(at.clone())?, self.last().get(at)?))
        })
    }

    /// Whether a value, in the same form, lies inside every field's range.
    pub fn contains(&self, types: &[Datatype], value: &[u8]) -> bool {
        if self.end.is_none() {
            return self.start.as_slice() == value;
        }
        let probe = Self::value(value);
        self.fields(types)
            .zip(probe.fields(types))
            .all(|((_, first, last), (_, value, _))| first <= value && value <= last)
    }
}

impl Clone for Key {
    /// At once, where what is derived would take byte after byte.
    fn clone(&self) -> Self {
        Self {
            start: Bytes::from_slice(&self.start),
            end: self.end.as_deref().map(Bytes::from_slice),
        }
    }
}

/// Builds a key field by field, padding as a concatenation of these types needs.
#[derive(Debug, Default)]
pub struct KeyBuilder {
    start: Wide,
    end: Wide,
}

/// Room for a key of many fields: only the finished one, if it is long, needs an allocation.
type Wide = SmallVec<[u8; 36]>;

impl KeyBuilder {
    /// Appends one exact field of a concatenation.
    #[must_use]
    pub fn exact(self, value: &[u8]) -> Self {
        self.range(value, value)
    }

    /// Appends one ranging field of a concatenation.
    #[must_use]
    pub fn range(mut self, first: &[u8], last: &[u8]) -> Self {
        for (bytes, value) in [(&mut self.start, first), (&mut self.end, last)] {
            bytes.extend_from_slice(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        self
    }

    /// The finished key.
    pub fn build(self) -> Key {
        Key::range(&self.start, &self.end)
    }
}

/// An interface name as the kernel compares it: 16 bytes, zeros after the name.
pub fn interface_bytes(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let length = name.len().min(15);
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    bytes
}

/// The keys of a set without a name as nft lists them: in order, each once, ranges that touch made one.
pub fn listed(mut keys: Vec<Key>, types: &[Datatype]) -> Vec<Key> {
    keys.sort();
    keys.dedup();
    // Joined names would have no text.
    let joins = types.len() == 1 && types != [Datatype::IfName];
    let ranges = joins && keys.iter().any(|key| key.end.is_some());
    if ranges { joined(keys) } else { keys }
}

/// Ranges with those that touch made one, as nft does and the kernel then holds them.
fn joined(sorted: Vec<Key>) -> Vec<Key> {
    let mut joined: Vec<Key> = Vec::with_capacity(sorted.len());
    for key in sorted {
        match joined.last_mut() {
            Some(before) if key.start <= *before.last() || follows(before.last(), &key.start) => {
                *before = Key::range(&before.start, key.last().max(before.last()));
            }
            Some(_) | None => joined.push(key),
        }
    }
    joined
}

/// Whether a value comes right after another.
fn follows(before: &[u8], value: &[u8]) -> bool {
    let changed = before.iter().zip(value).position(|(a, b)| a != b);
    let Some(at) = changed else {
        return false;
    };
    before[at].checked_add(1) == Some(value[at])
        && before[at + 1..].iter().all(|b| *b == 0xff)
        && value[at + 1..].iter().all(|b| *b == 0)
}
