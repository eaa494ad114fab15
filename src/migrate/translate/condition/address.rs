//! Addresses.

use std::net::IpAddr;

use super::super::case::{Cases, Outcome, among, compared, constant, one};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::unsayable;
use crate::migrate::iptables::{
    Address, AddressKind, AddressTypes, Match as Asked, Sense, Side, Span, Test,
};
use crate::migrate::nft::{Expression, Fib, Field, Item, Match, Operand, Operator, Value};
use crate::net::{Cidr, Family};

/// Says a match on an address.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
pub(super) fn cases(draft: &mut Draft<'_>, asked: &Asked) -> Outcome<Cases> {
    let sense = asked.sense;
    match &asked.test {
        Test::Address(side, address) => Ok(self::address(draft.family, sense, *side, address)),
        Test::AddressRange(side, range) => Ok(self::range(draft.family, sense, *side, range)),
        Test::AddressType(side, types, kind) => self::kind(draft, sense, *side, *types, *kind),
        _ => Err(unsayable("such an address")),
    }
}

/// `-s`, `-d`.
fn address(family: Family, sense: Sense, side: Side, address: &Address) -> Cases {
    under(sense, address_field(family, side), address)
}

/// A field that holds an address, compared.
pub(in crate::migrate::translate) fn under(sense: Sense, field: Field, address: &Address) -> Cases {
    match address {
        Address::Prefix(prefix) if prefix.prefix_len() == 0 => constant(sense, true),
        Address::Prefix(prefix) => one(compared(sense, field, prefix_item(*prefix))),
        Address::Masked { address, mask } => one(Match {
            left: vec![Expression::And(
                Box::new(field.into()),
                Value::Address(*mask),
            )],
            operator: match sense {
                Sense::Is => Operator::Equal,
                Sense::IsNot => Operator::NotEqual,
            },
            right: Operand::Items(vec![Value::Address(*address).into()]),
        }),
    }
}

/// A prefix, or the one address that it is.
pub(in crate::migrate::translate) fn prefix_item(prefix: Cidr) -> Item {
    let bits = match prefix.family() {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    match prefix.prefix_len() {
        length if length == bits => Value::Address(prefix.network()).into(),
        length => Item::Prefix(prefix.network(), length),
    }
}

/// `-m iprange`.
fn range(family: Family, sense: Sense, side: Side, range: &Span<IpAddr>) -> Cases {
    one(compared(
        sense,
        address_field(family, side),
        range_item(range),
    ))
}

/// Addresses from one to another.
pub(in crate::migrate::translate) fn range_item(range: &Span<IpAddr>) -> Item {
    match range.first == range.last {
        true => Value::Address(range.first).into(),
        false => Item::Range(Value::Address(range.first), Value::Address(range.last)),
    }
}

/// The field of an address.
pub(in crate::migrate::translate) fn address_field(family: Family, side: Side) -> Field {
    match (family, side) {
        (Family::V4, Side::Source) => Field::IpSaddr,
        (Family::V4, Side::Destination) => Field::IpDaddr,
        (Family::V6, Side::Source) => Field::Ip6Saddr,
        (Family::V6, Side::Destination) => Field::Ip6Daddr,
    }
}

/// `-m addrtype`.
fn kind(
    draft: &mut Draft<'_>,
    sense: Sense,
    side: Side,
    types: AddressTypes,
    kind: AddressKind,
) -> Outcome<Cases> {
    const SAID: AddressTypes = AddressTypes::THROW
        .union(AddressTypes::NAT)
        .union(AddressTypes::XRESOLVE)
        .complement();
    if !SAID.contains(types) {
        return Err(Obstacle::new(
            "nft has no words for the address types THROW, NAT and XRESOLVE",
            "leave those types out",
        ));
    }
    let several = types.iter().count() > 1;
    if draft.family == Family::V6 && (several || types.intersects(AddressTypes::UNICAST)) {
        draft.approximate(
            "addrtype of IPv6 asks the address first and the routes then, nft the routes alone: \
             several types, and UNICAST, may differ",
        );
    }
    let mut flags = vec![match side {
        Side::Source => "saddr".to_owned(),
        Side::Destination => "daddr".to_owned(),
    }];
    match kind {
        AddressKind::Anywhere => {}
        AddressKind::OnInput => flags.push("iif".to_owned()),
        AddressKind::OnOutput => flags.push("oif".to_owned()),
    }
    let fib = Expression::Fib(Fib {
        flags,
        result: "type".to_owned(),
    });
    let words = types.iter_names();
    let items = words.map(|(name, _)| Value::word(&name.to_ascii_lowercase()).into());
    Ok(one(among(sense, fib, items.collect())))
}
