//! Services as tests: protocols, ports and messages that ipsets do not hold.

use std::fmt::Write as _;

use super::cell::Service;
use super::conjunction::{Conjunction, ports, product};
use crate::backend::xtables::Match;
use crate::net::{Family, PortRange, Protocol};
use crate::ruleset::Operator;

/// More rules than this for one lookup are no lookup any more.
pub(super) const RULES_MAX: usize = 512;

/// The service as tests any of which may hold.
pub(super) fn tests(service: &Service, family: Family) -> Result<Vec<Conjunction>, &'static str> {
    if service.types.is_some() || service.codes.is_some() {
        return messages(service, family);
    }
    let protocols = match service.protocols {
        None | Some((0, u8::MAX)) => return Ok(vec![Conjunction::default()]),
        Some((first, last)) => first..=last,
    };
    let each = protocols.map(|number| match service.ports {
        Some((side, first, last)) => {
            let range = PortRange::new(first, last).unwrap_or(PortRange::ALL);
            ports(Protocol(number), side, Operator::Eq, range)
        }
        None => Conjunction::of(Match::Protocol(Operator::Eq, Protocol(number))),
    });
    Ok(each.collect())
}

/// Messages of ICMP: iptables names one type, or one type with one code.
fn messages(service: &Service, family: Family) -> Result<Vec<Conjunction>, &'static str> {
    let protocol = Conjunction::of(Match::Protocol(Operator::Eq, icmp(family)));
    let codes = service.codes.filter(|codes| *codes != (0, u8::MAX));
    let types = service.types.as_ref().filter(|types| !types.is_all());
    let tests = match (types, codes) {
        (None, None) => vec![Conjunction::default()],
        (None, Some(_)) => return Err("a code of ICMP messages of any type"),
        (Some(types), None) => types.tests(family)?,
        (Some(types), Some((first, last))) => {
            if family == Family::V4 && types.iter().any(|kind| kind == u8::MAX) {
                return Err("ICMP type 255, which means any type to iptables");
            }
            let each = types.iter().flat_map(|kind| {
                let codes = first..=last;
                codes.map(move |code| Conjunction::of(Match::Icmp(Operator::Eq, kind, Some(code))))
            });
            each.collect()
        }
    };
    product(&[protocol], &tests).ok_or("two tests of one field in a set")
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
    let mut range = |word: &str, range: Option<(u16, u16)>| {
        _ = match range {
            Some((first, last)) if first == last => write!(text, "{word}{first}"),
            Some((first, last)) => write!(text, "{word}{first}-{last}"),
            None => Ok(()),
        };
    };
    let bytes = |range: Option<(u8, u8)>| range.map(|(a, b)| (u16::from(a), u16::from(b)));
    range("p", bytes(service.protocols));
    range(":", service.ports.map(|(_, first, last)| (first, last)));
    range("c", bytes(service.codes));
    match &service.types {
        Some(types) => format!("t{types}{text}"),
        None => text,
    }
}
