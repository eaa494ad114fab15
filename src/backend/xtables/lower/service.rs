//! Services as tests: protocols, ports and messages that ipsets do not hold.

use std::fmt::Write as _;

use super::cell::Service;
use super::conjunction::{Conjunction, ports};
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
    let (types, codes) = (service.types, service.codes.unwrap_or((0, u8::MAX)));
    let protocol = Match::Protocol(Operator::Eq, icmp(family));
    let every = (0, u8::MAX);
    let Some(types) = types.filter(|types| *types != every) else {
        return match codes == every {
            true => Ok(vec![Conjunction::of(protocol)]),
            false => Err("a code of ICMP messages of any type"),
        };
    };
    if family == Family::V4 && types.1 == u8::MAX {
        return Err("ICMP type 255, which means any type to iptables");
    }
    let mut all = Vec::new();
    for kind in types.0..=types.1 {
        let whole = codes == every;
        let each = if whole { 0..=0 } else { codes.0..=codes.1 };
        for code in each {
            let code = (!whole).then_some(code);
            let message = Match::Icmp(Operator::Eq, kind, code);
            all.push(Conjunction::all(vec![protocol.clone(), message]));
        }
    }
    Ok(all)
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
    range("t", bytes(service.types));
    range("c", bytes(service.codes));
    text
}
