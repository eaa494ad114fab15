//! Targets, read from their options.

mod connection;
mod log;
mod mark;
mod nat;
mod option;

pub(super) use option::of_target;

use super::module;
use super::number::required;
use super::option::Given;
use super::port::dashed;
use super::rule::Place;
use crate::migrate::iptables::{
    HopLimit, Queue, Reject, SegmentSize, SetAction, SetTarget, Span, Synproxy, Target,
};
use crate::net::{Family, decimal};

/// What a target does.
pub(super) fn read(name: &str, given: &[Given], place: &Place<'_>) -> Result<Target, String> {
    if let Some(given) = given
        .iter()
        .find(|given| given.sense == crate::migrate::iptables::Sense::IsNot)
    {
        return Err(format!("{} cannot be negated", given.name));
    }
    let family = place.family;
    Ok(match name {
        "ACCEPT" => Target::Accept,
        "DROP" => Target::Drop,
        "RETURN" => Target::Return,
        "TRACE" => Target::Trace,
        "NOTRACK" => Target::NoTrack,
        "CHECKSUM" => Target::Checksum,
        "ECN" => Target::EcnRemove,
        "REJECT" => Target::Reject(reject(given, family)?),
        "LOG" => Target::Log(log::log(given)?),
        "NFLOG" => Target::NetfilterLog(log::netfilter_log(given)?),
        "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP" => nat::read(name, given, family)?,
        "MARK" | "CONNMARK" | "TOS" | "DSCP" | "TPROXY" => mark::read(name, given, family)?,
        "CT" => connection::read(given)?,
        "TCPMSS" => Target::TcpMss(match value(given, "--set-mss") {
            Some(size) => SegmentSize::Set(required("size", size)?),
            None => SegmentSize::ClampToPathMtu,
        }),
        "TCPOPTSTRIP" => Target::TcpOptStrip(stripped(given)?),
        "TEE" => Target::Tee {
            gateway: needed(given, "--gateway")?
                .parse()
                .map_err(|_| "--gateway is no address")?,
            interface: value(given, "--oif").map(str::to_owned),
        },
        "QUEUE" | "NFQUEUE" => Target::Queue(queue(given)?),
        "TTL" | "HL" => hop_limit(name, given)?,
        "CLASSIFY" => classify(given)?,
        "SYNPROXY" => Target::Synproxy(synproxy(given)?),
        "AUDIT" => Target::Audit(needed(given, "--type")?.to_owned()),
        "SET" => Target::Set(set(given)?),
        other => return Err(format!("target {other} is not known")),
    })
}

/// The value of an option.
fn value<'g>(given: &'g [Given], name: &str) -> Option<&'g str> {
    let found = given.iter().find(|given| given.name == name);
    found.map(Given::value)
}

/// The value of an option that cannot be missing.
fn needed<'g>(given: &'g [Given], name: &str) -> Result<&'g str, String> {
    value(given, name).ok_or_else(|| format!("{name} is missing"))
}

fn has(given: &[Given], name: &str) -> bool {
    value(given, name).is_some()
}

fn reject(given: &[Given], family: Family) -> Result<Reject, String> {
    const V4: &[(&str, u8)] = &[
        ("net-unreach", 0),
        ("net-unreachable", 0),
        ("host-unreach", 1),
        ("host-unreachable", 1),
        ("proto-unreach", 2),
        ("proto-unreachable", 2),
        ("port-unreach", 3),
        ("port-unreachable", 3),
        ("net-prohib", 9),
        ("net-prohibited", 9),
        ("host-prohib", 10),
        ("host-prohibited", 10),
        ("admin-prohib", 13),
        ("admin-prohibited", 13),
    ];
    const V6: &[(&str, u8)] = &[
        ("no-route", 0),
        ("adm-prohibited", 1),
        ("addr-unreach", 3),
        ("addr-unreachable", 3),
        ("port-unreach", 4),
        ("port-unreachable", 4),
        ("policy-fail", 5),
        ("reject-route", 6),
    ];
    let (names, prefix, default) = match family {
        Family::V4 => (V4, "icmp-", "port-unreach"),
        Family::V6 => (V6, "icmp6-", "port-unreach"),
    };
    let name = value(given, "--reject-with").unwrap_or(default);
    if ["tcp-reset", "tcp-rst"].contains(&name) {
        return Ok(Reject::TcpReset);
    }
    let short = name.strip_prefix(prefix).unwrap_or(name);
    let known = names.iter().find(|(known, _)| *known == short);
    known
        .map(|&(_, code)| Reject::Unreachable { code, family })
        .ok_or_else(|| format!("{name:?} is no answer of REJECT"))
}

fn stripped(given: &[Given]) -> Result<Vec<u8>, String> {
    const NAMES: &[(&str, u8)] = &[
        ("mss", 2),
        ("wscale", 3),
        ("sack-permitted", 4),
        ("sack", 5),
        ("timestamp", 8),
        ("md5", 19),
    ];
    let one = |text: &str| match NAMES.iter().find(|(name, _)| *name == text) {
        Some(&(_, number)) => Ok(number),
        None => required("option of TCP", text),
    };
    needed(given, "--strip-options")?
        .split(',')
        .map(one)
        .collect()
}

fn queue(given: &[Given]) -> Result<Queue, String> {
    let numbers = match (value(given, "--queue-balance"), value(given, "--queue-num")) {
        (Some(range), _) => {
            let range = dashed(range)?;
            Span {
                first: range.first(),
                last: range.last(),
            }
        }
        (None, Some(number)) => {
            let number = required("queue", number)?;
            Span {
                first: number,
                last: number,
            }
        }
        (None, None) => Span { first: 0, last: 0 },
    };
    Ok(Queue {
        numbers,
        bypass: has(given, "--queue-bypass"),
        fanout: has(given, "--queue-cpu-fanout"),
    })
}

fn hop_limit(name: &str, given: &[Given]) -> Result<Target, String> {
    let one = given.first().ok_or("--ttl-set or its like is missing")?;
    let number = required("number", one.value())?;
    let change = match one.name.rsplit('-').next() {
        Some("set") => HopLimit::Set(number),
        Some("inc") => HopLimit::Increase(number),
        _ => HopLimit::Decrease(number),
    };
    Ok(match name {
        "TTL" => Target::Ttl(change),
        _ => Target::Hl(change),
    })
}

fn classify(given: &[Given]) -> Result<Target, String> {
    let class = needed(given, "--set-class")?;
    let half = |text: &str| u16::from_str_radix(text, 16).ok();
    let halves = class.split_once(':');
    let read = halves.and_then(|(major, minor)| half(major).zip(half(minor)));
    read.map(|(major, minor)| Target::Classify { major, minor })
        .ok_or_else(|| format!("{class:?} is no class major:minor"))
}

fn synproxy(given: &[Given]) -> Result<Synproxy, String> {
    let mss = value(given, "--mss").map(|text| required("size", text));
    let scale = value(given, "--wscale").map(|text| required("shift", text));
    Ok(Synproxy {
        mss: mss.transpose()?,
        window_scale: scale.transpose()?,
        sack: has(given, "--sack-perm"),
        timestamp: has(given, "--timestamp"),
        ecn: has(given, "--ecn"),
    })
}

fn set(given: &[Given]) -> Result<SetTarget, String> {
    let mut actions = Vec::new();
    for given in given {
        let action = match given.name {
            "--add-set" => SetAction::Add,
            "--del-set" => SetAction::Delete,
            "--map-set" => SetAction::Map,
            "--exist" | "--timeout" => continue,
            other => return Err(format!("option {other} is not known")),
        };
        let sides = module::sides(given.values.get(1).map_or("", String::as_str))?;
        actions.push((action, given.value().to_owned(), sides));
    }
    let timeout = value(given, "--timeout")
        .map(|text| decimal(text).ok_or_else(|| format!("{text:?} is no number of seconds")));
    Ok(SetTarget {
        actions,
        exist: has(given, "--exist"),
        timeout: timeout.transpose()?,
    })
}
