//! What is worked out once where many packets walk through one table.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::view::covers;
use crate::ruleset::{Bytes, Datatype, Element, HookPoint, Key, Name, Set, SetFlags, Table};

/// Sets of fewer elements are looked through.
const INDEXED_FROM: usize = 64;

/// What is worked out once where many packets walk through one table, and holds as long as it does not
/// change.
#[derive(Debug, Default)]
pub struct Shortcuts {
    bases: OnceCell<BTreeMap<HookPoint, Vec<Name>>>,
    boxes: RefCell<BTreeMap<Name, Boxes>>,
}

impl Shortcuts {
    /// The base chains of a hook, in the order of their priority.
    pub(super) fn bases(&self, table: &Table, point: HookPoint) -> &[Name] {
        let bases = self.bases.get_or_init(|| {
            let chains = table.chains.iter();
            let hooked = chains.filter_map(|(name, chain)| Some((chain.hook?, name)));
            let mut all: Vec<_> = hooked
                .map(|(hook, name)| (hook.priority, name.clone(), hook.point))
                .collect();
            all.sort();
            let mut bases: BTreeMap<_, Vec<Name>> = BTreeMap::new();
            for (_, name, point) in all {
                bases.entry(point).or_default().push(name);
            }
            bases
        });
        bases.get(&point).map_or(&[], Vec::as_slice)
    }

    /// The element of a large set of boxes that covers a value; `Err` where the set is none.
    pub(super) fn find<'a>(
        &self,
        name: &Name,
        set: &'a Set,
        value: &Bytes,
    ) -> Result<Option<(&'a Key, &'a Element)>, NoBoxes> {
        let many = set.elements.len() >= INDEXED_FROM;
        if !many || set.key.len() < 2 || !set.flags.contains(SetFlags::INTERVAL) {
            return Err(NoBoxes);
        }
        let mut boxes = self.boxes.borrow_mut();
        let boxes = match boxes.get(name) {
            Some(_) => boxes.get(name),
            None => {
                boxes.insert(name.clone(), Boxes::of(set));
                boxes.get(name)
            }
        };
        let found = boxes.and_then(|boxes| boxes.find(&set.key, value));
        Ok(found.and_then(|key| set.elements.get_key_value(key)))
    }
}

/// A set is looked through instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoBoxes;

/// The boxes of a set by the prefix that their first field is.
#[derive(Debug, Default)]
struct Boxes {
    /// By how many bits of the first field count, and those bits.
    prefixes: BTreeMap<(usize, Bytes), Vec<Key>>,
    lengths: BTreeSet<usize>,
    /// Those whose first field is no prefix.
    others: Vec<Key>,
}

impl Boxes {
    fn of(set: &Set) -> Self {
        let mut boxes = Self::default();
        for key in set.elements.keys() {
            let first = key.fields(&set.key).next();
            let prefix = first.and_then(|(datatype, first, last)| prefix(datatype, first, last));
            match prefix {
                Some((length, bits)) => {
                    boxes.lengths.insert(length);
                    let same = boxes.prefixes.entry((length, bits)).or_default();
                    same.push(key.clone());
                }
                None => boxes.others.push(key.clone()),
            }
        }
        boxes
    }

    fn find(&self, types: &[Datatype], value: &Bytes) -> Option<&Key> {
        let width = types.first()?.bytes();
        let field = value.get(..width)?;
        let same = self.lengths.iter().filter_map(|&length| {
            let prefix = (length, masked(field, length));
            self.prefixes.get(&prefix)
        });
        let mut all = same.flatten().chain(&self.others);
        all.find(|key| covers(key, types, value))
    }
}

/// The prefix that a range of bytes is, if it is one.
fn prefix(datatype: Datatype, first: &[u8], last: &[u8]) -> Option<(usize, Bytes)> {
    let pairs = || first.iter().zip(last);
    let same = pairs().take_while(|(a, b)| a == b).count();
    let within = pairs()
        .nth(same)
        .map_or(0, |(a, b)| (a ^ b).leading_zeros());
    let length = same * 8 + usize::try_from(within).ok()?;
    let bits = masked(first, length);
    let end = last
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte == bits[at] | !mask(at, length));
    (bits.as_slice() == first && end && !datatype.is_host_order()).then_some((length, bits))
}

/// The first bits of bytes, and zeros.
fn masked(bytes: &[u8], length: usize) -> Bytes {
    let bytes = bytes.iter().enumerate();
    bytes.map(|(at, byte)| byte & mask(at, length)).collect()
}

/// Which bits of the byte at a place belong to the first ones of all.
fn mask(at: usize, length: usize) -> u8 {
    match length.saturating_sub(at * 8) {
        0 => 0,
        bits @ 1..8 => !(u8::MAX >> bits),
        _ => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::SetFlags;
    use crate::ruleset::key::KeyBuilder;

    #[test]
    fn boxes_are_found_as_by_looking_through() {
        let types = [Datatype::Ipv4Addr, Datatype::InetService];
        let mut set = Set::of(&types);
        set.flags |= SetFlags::INTERVAL;
        let mut seed = 1_u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 8
        };
        for n in 0..200_u32 {
            let length = [0, 8, 15, 24, 29, 32][(random() % 6) as usize];
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let first = (0x0a00_0000 | (random() % 4096)) & mask;
            let last = match n % 7 {
                0 => first.saturating_add(random() % 100),
                _ => first | !mask,
            };
            let port = u16::try_from(n * 3).expect("a port");
            let key = KeyBuilder::default()
                .range(&first.to_be_bytes(), &last.to_be_bytes())
                .range(&port.to_be_bytes(), &(port + 1).to_be_bytes());
            set.elements.insert(key.build(), Element::default());
        }
        let shortcuts = Shortcuts::default();
        let name = Name::from_parts("s");
        let mut hits = 0;
        for _ in 0..5_000 {
            let address = 0x0a00_0000 | (random() % 4096);
            let port = u16::try_from(random() % 600).expect("a port");
            let value = KeyBuilder::default()
                .exact(&address.to_be_bytes())
                .exact(&port.to_be_bytes())
                .build()
                .start;
            let slow: Vec<_> = set
                .elements
                .keys()
                .filter(|key| covers(key, &types, &value))
                .collect();
            let found = shortcuts.find(&name, &set, &value).expect("boxes");
            let found = found.map(|(key, _)| key);
            assert_eq!(found.is_some(), !slow.is_empty());
            assert!(found.is_none_or(|key| slow.contains(&key)));
            hits += usize::from(found.is_some());
        }
        assert!(hits > 100, "{hits}");
    }
}
