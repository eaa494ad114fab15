//! Values and keys, each by its data type.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use crate::net::MacAddress;
use crate::ruleset::render::value::{number, prefix_length};
use crate::ruleset::{Datatype, Key, symbol};

/// A key; its fields in a `concat` where it has more than one.
pub(super) fn key(key: &Key, types: &[Datatype]) -> Value {
    let mut fields: Vec<Value> = key
        .fields(types)
        .map(|(datatype, first, last)| field(datatype, first, last))
        .collect();
    match types {
        [_] => fields.pop().unwrap_or_default(),
        _ => json!({ "concat": fields }),
    }
}

fn field(datatype: Datatype, first: &[u8], last: &[u8]) -> Value {
    if first == last {
        return value(datatype, first);
    }
    match datatype {
        Datatype::IfName => json!(format!("{}*", interface(first))),
        Datatype::Ipv4Addr | Datatype::Ipv6Addr => match prefix_length(first, last) {
            Some(len) => json!({ "prefix": { "addr": value(datatype, first), "len": len } }),
            None => range(datatype, first, last),
        },
        Datatype::EtherAddr
        | Datatype::InetProto
        | Datatype::InetService
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::Mark
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag => range(datatype, first, last),
    }
}

fn range(datatype: Datatype, first: &[u8], last: &[u8]) -> Value {
    json!({ "range": [value(datatype, first), value(datatype, last)] })
}

/// One value of a type.
pub(super) fn value(datatype: Datatype, bytes: &[u8]) -> Value {
    match datatype {
        Datatype::Ipv4Addr | Datatype::Ipv6Addr => json!(address(bytes)),
        Datatype::EtherAddr => json!(
            <[u8; 6]>::try_from(bytes)
                .map_or_else(|_| String::new(), |b| MacAddress(b).to_string())
        ),
        Datatype::IfName => json!(interface(bytes)),
        Datatype::CtState | Datatype::TcpFlag => bits(datatype, bytes),
        Datatype::Mark
        | Datatype::InetService
        | Datatype::InetProto
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::PktType
        | Datatype::FibAddrType => symbol(datatype, number(datatype, bytes)),
    }
}

/// A value of a bitmask type: the name of its bit, or a list of them.
pub(super) fn bits(datatype: Datatype, bytes: &[u8]) -> Value {
    let value = number(datatype, bytes);
    let each = (0..u32::BITS).map(|shift| 1 << shift);
    let mut names: Vec<Value> = each
        .filter(|bit| value & bit != 0)
        .map(|bit| symbol(datatype, bit))
        .collect();
    match names.len() {
        0 => json!(0),
        1 => names.pop().unwrap_or_default(),
        _ => Value::Array(names),
    }
}

fn symbol(datatype: Datatype, number: u32) -> Value {
    symbol::name(datatype, number).map_or_else(|| json!(number), |name| json!(name))
}

fn interface(bytes: &[u8]) -> String {
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|b| IpAddr::V4(Ipv4Addr::from(b)));
    let v6 = <[u8; 16]>::try_from(bytes).map(|b| IpAddr::V6(Ipv6Addr::from(b)));
    v4.or(v6).ok()
}
