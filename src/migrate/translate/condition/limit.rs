//! Rates, and numbers of connections.

use super::super::case::{Cases, Outcome, one};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::address::address_field;
use super::header::port_field;
use super::unsayable;
use crate::migrate::iptables::{
    HashLimit, HashMode, Match, Rate, RateUnit, Sense, Side, Test, Threshold,
};
use crate::migrate::naming;
use crate::migrate::nft::{Amount, Expression, Limit, Statement, Value};
use crate::net::Family;
use crate::ruleset::Name;

/// Says a rate or a number of connections.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
pub(super) fn cases(draft: &mut Draft<'_>, asked: &Match) -> Outcome<Cases> {
    match &asked.test {
        Test::Limit { rate, burst } => Ok(limit(rate, *burst)),
        Test::HashLimit(limit) => hash_limit(draft, limit),
        Test::ConnLimit { above, mask, side } => {
            connections(draft, asked.sense, *above, *mask, *side)
        }
        _ => Err(unsayable("such a rate")),
    }
}

/// `limit`.
fn limit(rate: &Rate, burst: u32) -> Cases {
    one(Statement::Limit(spelled(
        rate,
        Some(burst.into()),
        Threshold::UpTo,
    )))
}

fn spelled(rate: &Rate, burst: Option<u64>, threshold: Threshold) -> Limit {
    let (amount, unit) = match rate.unit {
        RateUnit::Second => (Amount::Packets, "second"),
        RateUnit::Minute => (Amount::Packets, "minute"),
        RateUnit::Hour => (Amount::Packets, "hour"),
        RateUnit::Day => (Amount::Packets, "day"),
        RateUnit::Bytes => (Amount::Bytes, "second"),
    };
    Limit {
        over: threshold == Threshold::Above,
        rate: rate.amount,
        amount,
        unit: unit.to_owned(),
        burst,
    }
}

/// `hashlimit`: a set of which each element has a rate.
fn hash_limit(draft: &mut Draft<'_>, asked: &HashLimit) -> Outcome<Cases> {
    let first = draft.rates.get(&asked.name).unwrap_or(asked).clone();
    let limit = Statement::Limit(spelled(&first.rate, first.beyond(), asked.threshold));
    if first.bursts_once() {
        draft.approximate(
            "a burst of bytes may come once in iptables, until nothing comes for a while; in nft it may come again whenever less \
             came than the rate allows",
        );
    }
    if asked.modes.is_empty() {
        draft.equivalent("hashlimit of no mode is one limit");
        return Ok(one(limit));
    }
    let mut key = Vec::new();
    let mut types = Vec::new();
    for mode in &asked.modes {
        let (field, kind) = dimension(draft, asked, *mode)?;
        key.push(field);
        types.push(kind);
    }
    draft.equivalent(
        "hashlimit is a set whose elements have a limit; where it is full, a packet is dropped by \
         iptables and does not match in nft",
    );
    let name = naming::rate(&asked.name);
    let Ok(name) = Name::new(&name) else {
        return Err(Obstacle::new(
            "the name of the rate is longer than that of a set can be",
            "give it a shorter name",
        ));
    };
    if (first.rate, first.beyond()) != (asked.rate, asked.beyond()) {
        draft.equivalent("rules of one name have the rate of the one that is loaded first");
    }
    let set = draft.dynamic_set(name.clone(), types);
    set.timeouts = true;
    set.size = first.most().or(set.size);
    Ok(one(Statement::Dynamic {
        operation: "update".to_owned(),
        set: name,
        key,
        timeout: Some(first.idle()),
        statements: vec![limit],
        data: None,
    }))
}

fn dimension(
    draft: &Draft<'_>,
    asked: &HashLimit,
    mode: HashMode,
) -> Outcome<(Expression, String)> {
    let address = |side, length| {
        (
            network(draft.family, side, length),
            address_type(draft.family),
        )
    };
    Ok(match mode {
        HashMode::SourceAddress => address(Side::Source, asked.source_mask),
        HashMode::DestinationAddress => address(Side::Destination, asked.destination_mask),
        HashMode::SourcePort => (
            port_field(draft.port_protocol()?, Side::Source)?.into(),
            "inet_service".to_owned(),
        ),
        HashMode::DestinationPort => (
            port_field(draft.port_protocol()?, Side::Destination)?.into(),
            "inet_service".to_owned(),
        ),
    })
}

/// nft's name of the type of an address.
pub(in crate::migrate::translate) fn address_type(family: Family) -> String {
    match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    }
    .to_owned()
}

/// An address, or so much of it.
pub(super) fn network(family: Family, side: Side, length: Option<u8>) -> Expression {
    let field = Expression::Field(address_field(family, side));
    match length.and_then(|length| mask(family, length)) {
        None => field,
        Some(mask) => Expression::And(Box::new(field), Value::Address(mask)),
    }
}

/// The mask of a length, if it leaves something out.
fn mask(family: Family, length: u8) -> Option<std::net::IpAddr> {
    let length = u32::from(length);
    match family {
        Family::V4 if length < 32 => {
            let bits = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Some(std::net::Ipv4Addr::from_bits(bits).into())
        }
        Family::V6 if length < 128 => {
            let bits = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Some(std::net::Ipv6Addr::from_bits(bits).into())
        }
        Family::V4 | Family::V6 => None,
    }
}

/// `connlimit`: a set whose elements count connections.
fn connections(
    draft: &mut Draft<'_>,
    sense: Sense,
    above: u32,
    length: u8,
    side: Side,
) -> Outcome<Cases> {
    let count = Statement::ConnLimit {
        over: sense == Sense::Is,
        count: above,
    };
    if length == 0 {
        draft.equivalent("connlimit of all is one count");
        return Ok(one(count));
    }
    draft.equivalent("connlimit is a set whose elements count connections");
    let name = Name::from_parts(&format!("connlimit-{}", draft.rule.line));
    draft.dynamic_set(name.clone(), vec![address_type(draft.family)]);
    Ok(one(Statement::Dynamic {
        operation: "add".to_owned(),
        set: name,
        key: vec![network(draft.family, side, Some(length))],
        timeout: None,
        statements: vec![count],
        data: None,
    }))
}
