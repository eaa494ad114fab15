//! Elements of several dimensions, which are boxes. nft refuses those of which one begins or ends in another, so what is in
//! two of them stays in the larger one.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::condition::{prefix_item, range_item};
use super::nesting::{address, number, prefix_of};
use crate::migrate::iptables::Span;
use crate::migrate::nft::{Element as Key, Item, Value};
use crate::net::{Cidr, Family, octets};

/// So many elements that overlap are compared with each other.
const COMPARED_MAX: usize = 4096;
/// So many pieces they may become, and so many times a piece may be compared with another.
const PIECES_MAX: usize = 65_536;
const LOOKS_MAX: usize = 20_000_000;

/// Elements that are apart.
#[derive(Debug)]
pub(super) struct Apart {
    pub(super) elements: Vec<Key>,
    /// Some were cut, or left out since others hold all of them.
    pub(super) cut: bool,
}

/// The elements without what is in another one; nothing where too many overlap.
pub(super) fn apart(elements: Vec<Key>) -> Option<Apart> {
    let tangled = tangled(&elements);
    if tangled.len() > COMPARED_MAX {
        return None;
    }
    let mut kept = Vec::with_capacity(elements.len());
    let mut waiting = Vec::new();
    for (at, element) in elements.into_iter().enumerate() {
        match tangled.contains(&at) {
            true => waiting.push(element),
            false => kept.push(element),
        }
    }
    waiting.sort_by_key(|element| Reverse(size(element)));
    let (mut cut, mut looks) = (Vec::new(), 0);
    for element in waiting {
        let mut pieces = vec![element];
        for other in &cut {
            looks += pieces.len();
            if cut.len() + pieces.len() > PIECES_MAX || looks > LOOKS_MAX {
                return None;
            }
            let (whole, others): (Vec<_>, Vec<_>) =
                pieces.into_iter().partition(|piece| !overlap(piece, other));
            pieces = whole;
            pieces.extend(others.iter().flat_map(|piece| without(piece, other)));
        }
        cut.append(&mut pieces);
    }
    kept.append(&mut cut);
    Some(Apart {
        elements: kept,
        cut: !tangled.is_empty(),
    })
}

/// The places of elements that overlap with another one.
fn tangled(elements: &[Key]) -> BTreeSet<usize> {
    let dimensions = elements.first().map_or(0, |element| element.key.len());
    let starts = |dimension: usize| {
        let each = elements
            .iter()
            .map(|element| interval(&element.key[dimension]).0);
        each.collect::<BTreeSet<_>>().len()
    };
    // The dimension in which they differ most leaves the fewest pairs.
    let Some(sorted_by) = (0..dimensions).max_by_key(|dimension| starts(*dimension)) else {
        return BTreeSet::new();
    };
    let along = |at: usize| interval(&elements[at].key[sorted_by]);
    let mut order: Vec<_> = (0..elements.len()).collect();
    order.sort_by_key(|at| along(*at));
    let mut found = BTreeSet::new();
    let mut open: Vec<usize> = Vec::new();
    for at in order {
        open.retain(|other| along(*other).1 >= along(at).0);
        let others = open
            .iter()
            .filter(|other| overlap(&elements[**other], &elements[at]));
        let before = found.len();
        found.extend(others.copied());
        if found.len() > before
            || open
                .iter()
                .any(|other| overlap(&elements[*other], &elements[at]))
        {
            found.insert(at);
        }
        open.push(at);
    }
    found
}

fn overlap(one: &Key, other: &Key) -> bool {
    let mut pairs = one.key.iter().zip(&other.key);
    pairs.all(|(one, other)| shared(one, other).is_some())
}

/// What two items have in common.
fn shared(one: &Item, other: &Item) -> Option<Item> {
    match (bounds(one), bounds(other)) {
        (Some(left), Some(right)) => {
            let (first, last) = (left.0.max(right.0), left.1.min(right.1));
            (first <= last).then(|| part(one, first, last))
        }
        _ => (one == other).then(|| one.clone()),
    }
}

/// The boxes of one element that are not in another, with which it has something in common.
fn without(element: &Key, other: &Key) -> Vec<Key> {
    let mut rest = Vec::new();
    let mut inner = element.clone();
    for dimension in 0..element.key.len() {
        let item = inner.key[dimension].clone();
        let Some((own, taken)) = bounds(&item).zip(bounds(&other.key[dimension])) else {
            continue;
        };
        let mut piece = |first: u128, last: u128| {
            let mut piece = inner.clone();
            piece.key[dimension] = part(&item, first, last);
            rest.push(piece);
        };
        if own.0 < taken.0 {
            piece(own.0, taken.0 - 1);
        }
        if taken.1 < own.1 {
            piece(taken.1 + 1, own.1);
        }
        inner.key[dimension] = part(&item, own.0.max(taken.0), own.1.min(taken.1));
    }
    rest
}

/// So many bits of an element are free.
fn size(element: &Key) -> u32 {
    let bits = |item| {
        bounds(item).map_or(0, |(first, last)| {
            u128::BITS - (last - first).leading_zeros()
        })
    };
    element.key.iter().map(bits).sum()
}

/// A part of an item.
fn part(of: &Item, first: u128, last: u128) -> Item {
    let family = match of {
        Item::Prefix(address, _)
        | Item::One(Value::Address(address))
        | Item::Range(Value::Address(address), _) => Family::of(*address),
        Item::One(_) | Item::Range(..) => {
            let value = |number| Value::Number(u64::try_from(number).unwrap_or(u64::MAX));
            return match first == last {
                true => value(first).into(),
                false => Item::Range(value(first), value(last)),
            };
        }
    };
    let span = Span {
        first: address(family, first),
        last: address(family, last),
    };
    prefix_of(&span).map_or_else(|| range_item(&span), prefix_item)
}

/// The numbers of an item, or all where it is none.
fn interval(item: &Item) -> (u128, u128) {
    bounds(item).unwrap_or((0, u128::MAX))
}

fn bounds(item: &Item) -> Option<(u128, u128)> {
    let one = |value: &Value| match value {
        Value::Address(address) => Some(number(&octets(*address))),
        Value::Number(number) | Value::Hex(number) => Some(u128::from(*number)),
        Value::Mac(_) | Value::Text(_) | Value::Word(_) | Value::Bits(_) => None,
    };
    match item {
        Item::One(value) => one(value).map(|value| (value, value)),
        Item::Range(first, last) => one(first).zip(one(last)),
        Item::Prefix(address, length) => {
            let (first, last) = Cidr::of(*address, *length).bounds();
            Some((number(&first), number(&last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::apart;
    use crate::migrate::nft::{Element, Item};
    use crate::migrate::translate::condition::prefix_item;

    fn boxes(texts: &[&str]) -> Vec<String> {
        let element = |text: &&str| {
            let items = text
                .split(' ')
                .map(|prefix| prefix_item(prefix.parse().unwrap()));
            Element::new(items.collect())
        };
        let apart = apart(texts.iter().map(element).collect()).unwrap();
        let text = |element: Element| {
            let items = element.key.iter().map(Item::to_string);
            items.collect::<Vec<_>>().join(" ")
        };
        apart.elements.into_iter().map(text).collect()
    }

    #[test]
    fn what_is_apart_stays_as_it_is() {
        let all = ["10.0.0.0/8 10.0.0.0/8", "11.0.0.0/8 10.0.0.0/8"];
        assert_eq!(boxes(&all), all);
    }

    #[test]
    fn what_would_fall_into_too_many_pieces_is_not_cut() {
        let nets = (0..2_000_u32).map(|n| format!("10.{}.{}.0/24", n / 100, n % 100 * 2));
        let crossing =
            nets.flat_map(|net| [format!("{net} 10.0.0.0/8"), format!("10.0.0.0/8 {net}")]);
        let element = |text: String| {
            let items = text
                .split(' ')
                .map(|prefix| prefix_item(prefix.parse().unwrap()));
            Element::new(items.collect())
        };
        assert!(apart(crossing.map(element).collect()).is_none());
    }

    #[test]
    fn what_lies_in_another_is_left_out() {
        let all = ["10.1.0.0/16 10.0.0.0/8", "10.0.0.0/8 10.0.0.0/8"];
        assert_eq!(boxes(&all), ["10.0.0.0/8 10.0.0.0/8"]);
    }

    #[test]
    fn what_crosses_is_cut() {
        let all = ["10.0.0.0/8 10.0.0.0/24", "10.0.0.0/16 10.0.0.0/16"];
        assert_eq!(
            boxes(&all),
            [
                "10.0.0.0/8 10.0.0.0/24",
                "10.0.0.0/16 10.0.1.0-10.0.255.255"
            ]
        );
    }
}
