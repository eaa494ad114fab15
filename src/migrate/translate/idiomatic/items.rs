//! Values of one field, as what a set of them holds.

use crate::migrate::nft::{Element, Expression, Field, Item, Match, Operand, Operator, Value};
use crate::net::{Cidr, Family, octets};

/// What kind of number a value is, and where it begins and ends.
type Bounds = (u8, u128, u128);

/// Fields that may be looked up in a set.
const FIELDS: &[Field] = &[
    Field::IpSaddr,
    Field::IpDaddr,
    Field::Ip6Saddr,
    Field::Ip6Daddr,
    Field::L4proto,
    Field::TcpSport,
    Field::TcpDport,
    Field::UdpSport,
    Field::UdpDport,
    Field::SctpSport,
    Field::SctpDport,
    Field::IcmpType,
    Field::Icmpv6Type,
    Field::EtherSaddr,
    Field::Iifname,
    Field::Oifname,
    Field::CtState,
    Field::Pkttype,
    Field::Skuid,
    Field::Skgid,
    Field::Mark,
    Field::CtMark,
];

/// What a test compares with, where it is a list of values of one field.
pub(super) fn listed(test: &Match) -> Option<Vec<Item>> {
    let [Expression::Field(field)] = test.left.as_slice() else {
        return None;
    };
    if test.operator != Operator::Implicit || !FIELDS.contains(field) {
        return None;
    }
    match &test.right {
        Operand::Items(items) if items.len() == 1 && can_be_listed(&items[0]) => {
            Some(items.clone())
        }
        Operand::Anonymous(elements) => {
            let items = elements.iter().map(|element| match element.key.as_slice() {
                [item] if can_be_listed(item) => Some(item.clone()),
                _ => None,
            });
            items.collect()
        }
        Operand::Items(_) | Operand::AnyOf(_) | Operand::Set(_) => None,
    }
}

/// The same test of these values instead.
pub(super) fn of(test: &Match, items: Vec<Item>) -> Match {
    let right = match items.as_slice() {
        [_] => Operand::Items(items),
        _ => Operand::Anonymous(
            items
                .into_iter()
                .map(|item| Element::new(vec![item]))
                .collect(),
        ),
    };
    Match {
        right,
        ..test.clone()
    }
}

/// Patterns of names cannot stand in a set, nor can bits.
fn can_be_listed(item: &Item) -> bool {
    let plain = |value: &Value| match value {
        Value::Number(_) | Value::Hex(_) | Value::Address(_) | Value::Mac(_) => true,
        Value::Text(text) => !text.contains('*'),
        Value::Word(word) => !["exists", "missing"].contains(&word.as_str()),
        Value::Bits(_) => false,
    };
    match item {
        Item::One(value) => plain(value),
        Item::Prefix(..) => true,
        Item::Range(first, last) => span(first, last).is_some(),
    }
}

/// The values without those that lie in another one; nothing where two overlap in part.
pub(super) fn disjoint(items: Vec<Item>) -> Option<Vec<Item>> {
    let mut sorted: Vec<_> = items
        .into_iter()
        .map(|item| (bounds(&item), item))
        .collect();
    sorted.sort_by(|(one, left), (other, right)| {
        let key = |bounds: &Option<Bounds>| {
            bounds.map(|(family, first, last)| (family, first, std::cmp::Reverse(last)))
        };
        (key(one), left).cmp(&(key(other), right))
    });
    let mut kept: Vec<(Option<Bounds>, Item)> = Vec::with_capacity(sorted.len());
    for (bounds, item) in sorted {
        let last = kept.last();
        match (last.and_then(|(bounds, _)| *bounds), bounds) {
            (Some((same, _, end)), Some((family, first, last)))
                if same == family && first <= end =>
            {
                if last > end {
                    return None;
                }
            }
            _ if last.is_some_and(|(_, before)| *before == item) => {}
            _ => kept.push((bounds, item)),
        }
    }
    Some(kept.into_iter().map(|(_, item)| item).collect())
}

/// Where a value that is a number begins and ends, beside what kind of number it is.
fn bounds(item: &Item) -> Option<Bounds> {
    match item {
        Item::One(value) => span(value, value),
        Item::Range(first, last) => span(first, last),
        Item::Prefix(address, length) => {
            let prefix: Cidr = format!("{address}/{length}").parse().ok()?;
            let (first, last) = prefix.bounds();
            Some((kind(prefix.family()), number(&first), number(&last)))
        }
    }
}

fn span(first: &Value, last: &Value) -> Option<Bounds> {
    let one = |value: &Value| match value {
        Value::Number(number) | Value::Hex(number) => Some((0, u128::from(*number))),
        Value::Address(address) => Some((kind(Family::of(*address)), number(&octets(*address)))),
        Value::Mac(_) | Value::Text(_) | Value::Word(_) | Value::Bits(_) => None,
    };
    let ((kind, first), (_, last)) = one(first).zip(one(last))?;
    Some((kind, first, last))
}

fn kind(family: Family) -> u8 {
    match family {
        Family::V4 => 4,
        Family::V6 => 6,
    }
}

fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}
