//! Elements of sets.

use std::net::IpAddr;

use super::option::{hexadecimal, number};
use crate::migrate::ipset::{Element, Field, Kind, PortProtocol, Set, Type};
use crate::migrate::iptables::Span;
use crate::net::{Cidr, PortRange, Protocol, decimal};

/// An element from the words behind the name of its set.
pub(super) fn element(line: usize, set: &Set, words: &[String]) -> Result<Element, String> {
    let (key, words) = words.split_first().ok_or("an element is missing")?;
    let mut element = Element {
        line,
        fields: fields(set, key)?,
        nomatch: false,
        timeout: None,
        packets: None,
        bytes: None,
        comment: None,
        skbinfo: Vec::new(),
        unknown: Vec::new(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next().map(String::as_str);
            value.ok_or_else(|| format!("option {word} has no value"))
        };
        match word.as_str() {
            "nomatch" => element.nomatch = true,
            "timeout" => element.timeout = Some(number(value()?)?),
            "packets" => element.packets = Some(number(value()?)?),
            "bytes" => element.bytes = Some(number(value()?)?),
            "comment" => element.comment = Some(value()?.to_owned()),
            "skbmark" | "skbprio" | "skbqueue" => {
                let value = value()?.to_owned();
                element.skbinfo.push((word.clone(), value));
            }
            other => element.unknown.push(other.to_owned()),
        }
    }
    Ok(element)
}

fn fields(set: &Set, key: &str) -> Result<Vec<Field>, String> {
    let parts: Vec<_> = key.split(',').collect();
    let wrong = || format!("{key:?} is no element of set {}", set.name);
    match &set.kind {
        Type::ListSet => Ok(vec![Field::Set(key.to_owned())]),
        Type::BitmapIp => match parts.as_slice() {
            [address] => Ok(vec![addresses(address).ok_or_else(wrong)?]),
            _ => Err(wrong()),
        },
        Type::BitmapPort => match parts.as_slice() {
            [port] => Ok(vec![Field::PlainPort(ports(port).ok_or_else(wrong)?)]),
            _ => Err(wrong()),
        },
        Type::BitmapIpMac => {
            let (address, mac) = match parts.as_slice() {
                [address] => (address, None),
                [address, mac] => (address, Some(mac)),
                _ => return Err(wrong()),
            };
            let mut fields = vec![addresses(address).ok_or_else(wrong)?];
            if let Some(mac) = mac {
                fields.push(Field::Mac(mac.parse().map_err(|_| wrong())?));
            }
            Ok(fields)
        }
        Type::Hash(kinds) if kinds.len() == parts.len() => kinds
            .iter()
            .zip(&parts)
            .map(|(kind, part)| field(*kind, part).ok_or_else(wrong))
            .collect(),
        Type::Hash(_) => Err(wrong()),
        // What the type means is not known, so an element stays a text.
        Type::Unknown(_) => Ok(vec![Field::Set(key.to_owned())]),
    }
}

fn field(kind: Kind, text: &str) -> Option<Field> {
    match kind {
        Kind::Ip | Kind::Net => addresses(text),
        Kind::Port => port(text).map(Field::Port),
        Kind::Mac => text.parse().ok().map(Field::Mac),
        Kind::Mark => hexadecimal(text).ok().map(Field::Mark),
        Kind::Interface => Some(match text.strip_prefix("physdev:") {
            Some(name) => Field::Interface {
                name: name.to_owned(),
                physical: true,
            },
            None => Field::Interface {
                name: text.to_owned(),
                physical: false,
            },
        }),
    }
}

fn addresses(text: &str) -> Option<Field> {
    match text.split_once('-') {
        None => text.parse::<Cidr>().ok().map(Field::Prefix),
        Some((first, last)) => {
            let first: IpAddr = first.parse().ok()?;
            let last: IpAddr = last.parse().ok()?;
            (first <= last).then_some(Field::Range(Span { first, last }))
        }
    }
}

fn ports(text: &str) -> Option<PortRange> {
    let text = text.strip_prefix("tcp:").unwrap_or(text);
    text.parse().ok()
}

/// `tcp:80`, `80`, `icmp:8/0`, `icmp:echo-request`, `47:0`.
fn port(text: &str) -> Option<PortProtocol> {
    let (protocol, ports) = text.split_once(':').unwrap_or(("tcp", text));
    let protocol = protocol_of(protocol)?;
    if let Some((kind, code)) = ports.split_once('/') {
        let (kind, code): (u8, u8) = (decimal(kind)?, decimal(code)?);
        let both = u16::from_be_bytes([kind, code]);
        return Some(PortProtocol {
            protocol,
            ports: PortRange::new(both, both)?,
        });
    }
    Some(PortProtocol {
        protocol,
        ports: ports.parse().ok()?,
    })
}

fn protocol_of(text: &str) -> Option<Protocol> {
    match text {
        "ipv6-icmp" => Some(Protocol::ICMPV6),
        "icmpv6" => Some(Protocol::ICMPV6),
        "gre" => Some(Protocol(47)),
        "esp" => Some(Protocol(50)),
        "ah" => Some(Protocol(51)),
        other => other.parse().ok(),
    }
}
