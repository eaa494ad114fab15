//! Prefixes inside of prefixes. In an ipset the longest prefix decides; nft wants ranges that are apart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::condition::{prefix_item, range_item};
use crate::migrate::ipset::{Element, Field, Kind, Set, Type};
use crate::migrate::iptables::Span;
use crate::migrate::nft::Item;
use crate::net::{Cidr, Family, octets};

/// The ranges of a set of one dimension.
#[derive(Debug)]
pub(super) struct Cut {
    /// Each range with the place of the element that it comes from, ascending.
    pub(super) pieces: Vec<(Item, usize)>,
    /// Whether any element lies in another.
    pub(super) nested: bool,
}

/// Cuts the elements of `hash:net` and of sets of addresses; nothing for sets of another kind.
pub(super) fn flat(set: &Set) -> Option<Cut> {
    let one_dimension = match &set.kind {
        Type::BitmapIp => true,
        Type::Hash(kinds) => kinds.as_slice() == [Kind::Net] || kinds.as_slice() == [Kind::Ip],
        Type::BitmapIpMac | Type::BitmapPort | Type::ListSet | Type::Unknown(_) => false,
    };
    if !one_dimension {
        return None;
    }
    let mut blocks = Vec::new();
    for (place, element) in set.elements.iter().enumerate() {
        blocks.push(Block::of(set, element, place)?);
    }
    // Outer blocks come before inner ones, and of two that are the same the later.
    blocks.sort_by_key(|block| {
        (
            block.first,
            std::cmp::Reverse(block.last),
            std::cmp::Reverse(block.place),
        )
    });
    blocks.dedup_by_key(|block| (block.first, block.last));
    Some(sweep(set, &blocks))
}

/// Whether the elements of a set of one dimension lie in each other, or are exceptions.
pub(super) fn is_nested(set: &Set) -> bool {
    let excepted = || set.elements.iter().any(|element| element.nomatch);
    flat(set).is_some_and(|cut| cut.nested || excepted())
}

/// The addresses of an element.
#[derive(Debug, Clone, Copy)]
struct Block {
    family: Family,
    first: u128,
    last: u128,
    place: usize,
}

impl Block {
    fn of(set: &Set, element: &Element, place: usize) -> Option<Self> {
        let (first, last) = match element.fields.as_slice() {
            [Field::Prefix(prefix)] => {
                let prefix = match set.options.netmask {
                    Some(length) => format!("{}/{length}", prefix.network())
                        .parse::<Cidr>()
                        .ok()?,
                    None => *prefix,
                };
                let (first, last) = prefix.bounds();
                (number(&first), number(&last))
            }
            [Field::Range(Span { first, last })] => {
                (number(&octets(*first)), number(&octets(*last)))
            }
            _ => return None,
        };
        let family = match &element.fields[0] {
            Field::Prefix(prefix) => prefix.family(),
            Field::Range(range) => Family::of(range.first),
            Field::Port(_)
            | Field::PlainPort(_)
            | Field::Mac(_)
            | Field::Mark(_)
            | Field::Interface { .. }
            | Field::Set(_) => return None,
        };
        Some(Self {
            family,
            first,
            last,
            place,
        })
    }
}

/// One pass from the lowest address: the innermost block that is open owns what comes next.
fn sweep(set: &Set, blocks: &[Block]) -> Cut {
    let mut cut = Cut {
        pieces: Vec::new(),
        nested: false,
    };
    let mut open: Vec<Block> = Vec::new();
    let mut at = 0_u128;
    for block in blocks {
        while let Some(inner) = open
            .last()
            .copied()
            .filter(|inner| inner.last < block.first)
        {
            emit(set, &mut cut, inner, at, inner.last);
            at = inner.last.saturating_add(1);
            open.pop();
        }
        if let Some(outer) = open.last().copied() {
            cut.nested = true;
            if at < block.first {
                emit(set, &mut cut, outer, at, block.first - 1);
            }
        }
        at = block.first;
        open.push(*block);
    }
    while let Some(inner) = open.pop() {
        if at <= inner.last {
            emit(set, &mut cut, inner, at, inner.last);
            at = inner.last.saturating_add(1);
        }
        if inner.last == u128::MAX {
            break;
        }
    }
    cut
}

fn emit(set: &Set, cut: &mut Cut, owner: Block, first: u128, last: u128) {
    if first > last || set.elements[owner.place].nomatch {
        return;
    }
    let span = Span {
        first: address(owner.family, first),
        last: address(owner.family, last),
    };
    let whole = first == owner.first && last == owner.last;
    let item = match set.elements[owner.place].fields.first() {
        Some(Field::Prefix(_)) if whole => {
            prefix_of(&span).map_or_else(|| range_item(&span), prefix_item)
        }
        _ => range_item(&span),
    };
    cut.pieces.push((item, owner.place));
}

/// The prefix that a range is.
pub(super) fn prefix_of(span: &Span<IpAddr>) -> Option<Cidr> {
    let (first, last) = (number(&octets(span.first)), number(&octets(span.last)));
    let bits = match Family::of(span.first) {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    let low = 128 - (first ^ last).leading_zeros();
    let prefix: Cidr = format!("{}/{}", span.first, bits - low.min(bits))
        .parse()
        .ok()?;
    let (from, to) = prefix.bounds();
    (number(&from) == first && number(&to) == last).then_some(prefix)
}

pub(super) fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

pub(super) fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        Family::V6 => Ipv6Addr::from_bits(number).into(),
    }
}

/// Whether an element is found before an exception with which it has something in common. The kernel tries the
/// longest prefixes of the first dimension first, and of those the longest of the second (`mtype_test_cidrs`).
pub(super) fn deeper_than_exceptions(set: &Set) -> bool {
    let exceptions: Vec<_> = set
        .elements
        .iter()
        .filter(|element| element.nomatch)
        .collect();
    let comes_first = |element: &Element| {
        exceptions.iter().any(|exception| {
            let meet = meet(&exception.fields, &element.fields);
            meet && lengths(&exception.fields) < lengths(&element.fields)
        })
    };
    set.elements
        .iter()
        .any(|element| !element.nomatch && comes_first(element))
}

/// Whether something is in both elements.
fn meet(one: &[Field], other: &[Field]) -> bool {
    one.iter()
        .zip(other)
        .all(|(one, other)| match (one, other) {
            (Field::Prefix(one), Field::Prefix(other)) => one.covers(other) || other.covers(one),
            (one, other) => one == other,
        })
}

/// The lengths of the prefixes, by dimension.
fn lengths(fields: &[Field]) -> Vec<u8> {
    let mut lengths = Vec::new();
    for field in fields {
        if let Field::Prefix(prefix) = field {
            lengths.push(prefix.prefix_len());
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::flat;
    use crate::migrate::ipset::read;

    fn ranges(elements: &str) -> Vec<String> {
        let adds: String = elements
            .split(' ')
            .map(|e| format!("add s {}\n", e.replace('!', " nomatch")))
            .collect();
        let sets = read(&format!("create s hash:net\n{adds}")).unwrap();
        let cut = flat(&sets[0]).unwrap();
        cut.pieces
            .iter()
            .map(|(item, _)| item.to_string())
            .collect()
    }

    #[test]
    fn an_element_that_is_found_before_an_exception_is_told() {
        let set = |elements: &str| {
            let sets = read(&format!("create s hash:net,net\n{elements}")).unwrap();
            super::deeper_than_exceptions(&sets[0])
        };
        let exception = "add s 10.0.0.0/8,10.0.0.0/16 nomatch\n";
        assert!(set(&format!("{exception}add s 10.0.0.0/16,10.0.0.0/8\n")));
        assert!(set(&format!("{exception}add s 10.0.0.0/8,10.0.0.0/24\n")));
        assert!(!set(&format!("{exception}add s 10.0.0.0/8,10.0.0.0/8\n")));
        assert!(!set(&format!("{exception}add s 11.0.0.0/16,10.0.0.0/8\n")));
    }

    #[test]
    fn the_longest_prefix_decides() {
        assert_eq!(ranges("10.0.0.0/8"), ["10.0.0.0/8"]);
        assert_eq!(
            ranges("10.0.0.0/8 10.1.0.0/16! 10.1.2.0/24"),
            [
                "10.0.0.0-10.0.255.255",
                "10.1.2.0/24",
                "10.2.0.0-10.255.255.255"
            ]
        );
        assert_eq!(
            ranges("10.0.0.0/8 10.0.0.0/9"),
            ["10.0.0.0/9", "10.128.0.0-10.255.255.255"]
        );
        assert_eq!(ranges("0.0.0.0/1 128.0.0.0/1!"), ["0.0.0.0/1"]);
    }
}
