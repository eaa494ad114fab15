//! Types and options of sets.

use crate::migrate::ipset::{Kind, Options, Set, Type};
use crate::net::{Family, decimal};

/// A set from the words behind its name.
pub(super) fn set(line: usize, name: &str, words: &[String]) -> Result<Set, String> {
    let (kind, words) = words
        .split_first()
        .ok_or("a set has a type: hash:ip or its like")?;
    let kind = kind_of(kind);
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next().map(String::as_str);
            value.ok_or_else(|| format!("option {word} has no value"))
        };
        match word.as_str() {
            "family" => options.family = Some(family(value()?)?),
            "timeout" => options.timeout = Some(number(value()?)?),
            "maxelem" => options.max_elements = Some(number(value()?)?),
            "netmask" => options.netmask = Some(number(value()?)?),
            "bitmask" => options.bitmask = Some(value()?.to_owned()),
            "markmask" => options.markmask = Some(hexadecimal(value()?)?),
            "range" | "from" => options.range = Some(value()?.to_owned()),
            "counters" => options.counters = true,
            "comment" => options.comment = true,
            "skbinfo" => options.skbinfo = true,
            "forceadd" => options.forceadd = true,
            "hashsize" | "bucketsize" | "initval" | "size" | "probes" | "resize" => {
                let value = value()?.to_owned();
                options.others.insert(word.clone(), value);
            }
            other => options.unknown.push(other.to_owned()),
        }
    }
    if is_of_one_family(&kind) && options.family.is_none() {
        options.family = Some(Family::V4);
    }
    Ok(Set {
        name: name.to_owned(),
        line,
        kind,
        options,
        elements: Vec::new(),
    })
}

fn kind_of(text: &str) -> Type {
    let dimension = |name: &str| match name {
        "ip" => Some(Kind::Ip),
        "net" => Some(Kind::Net),
        "port" => Some(Kind::Port),
        "mac" => Some(Kind::Mac),
        "mark" => Some(Kind::Mark),
        "iface" => Some(Kind::Interface),
        _ => None,
    };
    match text {
        "bitmap:ip" | "ipmap" => Type::BitmapIp,
        "bitmap:ip,mac" | "macipmap" => Type::BitmapIpMac,
        "bitmap:port" | "portmap" => Type::BitmapPort,
        "list:set" | "setlist" => Type::ListSet,
        "iphash" => Type::Hash(vec![Kind::Ip]),
        "nethash" => Type::Hash(vec![Kind::Net]),
        other => other
            .strip_prefix("hash:")
            .and_then(|kinds| kinds.split(',').map(dimension).collect())
            .map_or_else(|| Type::Unknown(other.to_owned()), Type::Hash),
    }
}

/// Sets without addresses are for packets of both families.
fn is_of_one_family(kind: &Type) -> bool {
    match kind {
        Type::Hash(kinds) => kinds.iter().any(|kind| *kind != Kind::Mac),
        Type::BitmapIp | Type::BitmapIpMac => true,
        Type::BitmapPort | Type::ListSet | Type::Unknown(_) => false,
    }
}

fn family(text: &str) -> Result<Family, String> {
    match text {
        "inet" | "ipv4" => Ok(Family::V4),
        "inet6" | "ipv6" => Ok(Family::V6),
        _ => Err(format!("{text:?} is no family: inet and inet6 are")),
    }
}

/// A number, or what is wrong.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    decimal(text).ok_or_else(|| format!("{text:?} is no number"))
}

/// A number that may begin with `0x`.
pub(super) fn hexadecimal(text: &str) -> Result<u32, String> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).map_err(|_| format!("{text:?} is no number")),
        None => number(text),
    }
}
