//! Services as tests: protocols, ports and messages that ipsets do not hold.

use std::fmt::Write as _;

use super::cell::Service;
use super::conjunction::{Conjunction, ports, product};
use super::numbers::Numbers;
use crate::backend::xtables::Match;
use crate::net::{Family, PortRange, Protocol};
use crate::ruleset::Operator;

/// More rules than this for one lookup are no lookup any more.
pub(super) const RULES_MAX: usize = 512;

/// So many tests stand in one rule.
const TESTS_MAX: usize = 64;

/// The service as tests any of which may hold.
pub(super) fn tests(service: &Service, family: Family) -> Result<Vec<Conjunction>, &'static str> {
    if service.types.is_some() || service.codes.is_some() {
        return messages(service, family);
    }
    let Some(protocols) = &service.protocols else {
        return Ok(vec![Conjunction::default()]);
    };
    if let Some((side, first, last)) = service.ports {
        let range = PortRange::new(first, last).unwrap_or(PortRange::ALL);
        let each = protocols.iter();
        return Ok(each
            .map(|number| ports(Protocol(number), side, Operator::Eq, range))
            .collect());
    }
    let test = |operator, number| Conjunction::of(Match::Protocol(operator, Protocol(number)));
    Ok(match protocols.absent().as_slice() {
        [] => vec![Conjunction::default()],
        [but] => vec![test(Operator::Ne, *but)],
        _ => {
            let each = protocols
                .iter()
                .filter(|number| is_protocol(*number, family));
            each.map(|number| test(Operator::Eq, number)).collect()
        }
    })
}

/// Whether a packet can have the protocol: to iptables 0 is any, and in IPv6 these are extension headers,
/// behind which both iptables and nft look for it.
fn is_protocol(number: u8, family: Family) -> bool {
    number != 0 && (family == Family::V4 || ![43, 44, 51, 60].contains(&number))
}

/// Messages of ICMP: iptables names one type, or one type with one code.
fn messages(service: &Service, family: Family) -> Result<Vec<Conjunction>, &'static str> {
    let protocol = Conjunction::of(Match::Protocol(Operator::Eq, icmp(family)));
    let codes = service.codes.as_ref().filter(|codes| !codes.is_all());
    let types = service.types.as_ref().filter(|types| !types.is_all());
    let tests = match (types, codes) {
        (None, None) => vec![Conjunction::default()],
        (None, Some(_)) => return Err("a code of ICMP messages of any type"),
        (Some(types), None) => whole(types, family)?,
        (Some(types), Some(_)) if is_any(types, family) => return Err(ANY),
        (Some(types), Some(codes)) => types.iter().flat_map(|kind| coded(kind, codes)).collect(),
    };
    product(&[protocol], &tests).ok_or("two tests of one field in a set")
}

const ANY: &str = "ICMP type 255, which means any type to iptables";

/// Whether the type is among them that means any to iptables.
fn is_any(types: &Numbers, family: Family) -> bool {
    family == Family::V4 && types.holds(u8::MAX)
}

/// Messages of these types, whatever their codes.
fn whole(types: &Numbers, family: Family) -> Result<Vec<Conjunction>, &'static str> {
    let absent = types.absent();
    let cheaper = family == Family::V6 && absent.len() < types.iter().count();
    if (is_any(types, family) || cheaper) && absent.len() <= TESTS_MAX {
        let not = |kind| Match::Icmp(Operator::Ne, kind, None);
        return Ok(vec![Conjunction::all(
            absent.into_iter().map(not).collect(),
        )]);
    }
    if is_any(types, family) {
        return Err(ANY);
    }
    let one = |kind| Conjunction::of(Match::Icmp(Operator::Eq, kind, None));
    Ok(types.iter().map(one).collect())
}

/// Messages of one type with these codes.
fn coded(kind: u8, codes: &Numbers) -> Vec<Conjunction> {
    let absent = codes.absent();
    if absent.len() <= TESTS_MAX {
        let not = |code| Match::Icmp(Operator::Ne, kind, Some(code));
        let of_type = Match::Icmp(Operator::Eq, kind, None);
        let all = [of_type].into_iter().chain(absent.into_iter().map(not));
        return vec![Conjunction::all(all.collect())];
    }
    let one = |code| Conjunction::of(Match::Icmp(Operator::Eq, kind, Some(code)));
    codes.iter().map(one).collect()
}

/// The ICMP of a family.
pub(super) fn icmp(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}

/// The service in the name of an ipset.
pub(super) fn label(service: &Service) -> String {
    let mut text = String::new();
    let words = [
        ("p", &service.protocols),
        ("t", &service.types),
        ("c", &service.codes),
    ];
    for (word, numbers) in words {
        if let Some(numbers) = numbers {
            _ = write!(text, "{word}{numbers}");
        }
    }
    if let Some((side, first, last)) = service.ports {
        _ = write!(text, ":{}{first}-{last}", side.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_that_means_any_is_what_no_other_type_is() {
        let types = Numbers::range(0, 7).or(&Numbers::range(9, 255));
        let not_8 = Conjunction::of(Match::Icmp(Operator::Ne, 8, None));
        assert_eq!(whole(&types, Family::V4), Ok(vec![not_8]));
        let last = Numbers::one(255);
        assert_eq!(whole(&last, Family::V4), Err(ANY));
        assert_eq!(whole(&last, Family::V6).map(|tests| tests.len()), Ok(1));
    }
}
