//! Values and keys, each by its data type.

use std::fmt::{self, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{write_quoted, write_separated};
use crate::net::MacAddress;
use crate::ruleset::{Datatype, Key, symbol};

/// A key as nft prints it: its fields with ` . ` between them.
#[derive(Debug, Clone, Copy)]
pub struct KeyText<'a> {
    /// The key.
    pub key: &'a Key,
    /// The types of its fields.
    pub types: &'a [Datatype],
}

impl fmt::Display for KeyText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_key(f, self.key, self.types)
    }
}

/// Writes a key. Without types, as in the deletion from a set that nobody declared, it is a number.
pub(super) fn write_key(f: &mut Formatter<'_>, key: &Key, types: &[Datatype]) -> fmt::Result {
    if types.is_empty() {
        write_hex(f, &key.start)?;
        return match &key.end {
            Some(end) => f.write_str("-").and_then(|()| write_hex(f, end)),
            None => Ok(()),
        };
    }
    write_separated(f, " . ", key.fields(types), |f, (datatype, first, last)| {
        if first == last {
            write_value(f, datatype, first)
        } else {
            write_range(f, datatype, first, last)
        }
    })
}

/// Writes one value of a type.
pub(super) fn write_value(f: &mut Formatter<'_>, datatype: Datatype, bytes: &[u8]) -> fmt::Result {
    match datatype {
        Datatype::Ipv4Addr | Datatype::Ipv6Addr => match address(bytes) {
            Some(address) => write!(f, "{address}"),
            None => write_hex(f, bytes),
        },
        Datatype::EtherAddr => match <[u8; 6]>::try_from(bytes) {
            Ok(mac) => write!(f, "{}", MacAddress(mac)),
            Err(_) => write_hex(f, bytes),
        },
        Datatype::IfName => write_interface(f, bytes, ""),
        Datatype::Mark => write!(f, "0x{:08x}", number(datatype, bytes)),
        Datatype::CtState | Datatype::TcpFlag => write_bits(f, datatype, bytes, " | "),
        Datatype::InetService
        | Datatype::InetProto
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::PktType
        | Datatype::FibAddrType => write_symbol(f, datatype, number(datatype, bytes)),
    }
}

/// Writes a value of a bitmask type as the names of its bits.
pub(super) fn write_bits(
    f: &mut Formatter<'_>,
    datatype: Datatype,
    bytes: &[u8],
    separator: &str,
) -> fmt::Result {
    let value = number(datatype, bytes);
    if value == 0 {
        return f.write_str("0x0");
    }
    let bits = (0..u32::BITS)
        .map(|shift| 1 << shift)
        .filter(|bit| value & bit != 0);
    write_separated(f, separator, bits, |f, bit| {
        match symbol::name(datatype, bit) {
            Some(name) => f.write_str(name),
            None => write!(f, "{bit:#x}"),
        }
    })
}

/// The value as a number, from the host's or the network's byte order.
pub(in crate::ruleset) fn number(datatype: Datatype, bytes: &[u8]) -> u32 {
    let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |sum, b| sum << 8 | u32::from(*b));
    match <[u8; 4]>::try_from(bytes) {
        Ok(four) if datatype.is_host_order() => u32::from_ne_bytes(four),
        Ok(_) | Err(_) => big_endian(bytes),
    }
}

fn write_range(
    f: &mut Formatter<'_>,
    datatype: Datatype,
    first: &[u8],
    last: &[u8],
) -> fmt::Result {
    match datatype {
        Datatype::Ipv4Addr | Datatype::Ipv6Addr => {
            if let (Some(address), Some(length)) = (address(first), prefix_length(first, last)) {
                return write!(f, "{address}/{length}");
            }
        }
        Datatype::IfName => return write_interface(f, first, "*"),
        Datatype::InetService
        | Datatype::InetProto
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code => {
            return write!(f, "{}-{}", number(datatype, first), number(datatype, last));
        }
        Datatype::EtherAddr
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::Mark
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag => {}
    }
    write_value(f, datatype, first)?;
    f.write_str("-")?;
    write_value(f, datatype, last)
}

fn write_symbol(f: &mut Formatter<'_>, datatype: Datatype, number: u32) -> fmt::Result {
    match symbol::name(datatype, number) {
        Some(name) if datatype == Datatype::IfIndex => write!(f, "\"{name}\""),
        Some(name) => f.write_str(name),
        None => write!(f, "{number}"),
    }
}

fn write_interface(f: &mut Formatter<'_>, bytes: &[u8], suffix: &str) -> fmt::Result {
    let name = bytes.split(|b| *b == 0).next().unwrap_or_default();
    write_quoted(f, &format!("{}{suffix}", String::from_utf8_lossy(name)))
}

fn write_hex(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("0x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)));
    let v6 = || {
        Some(IpAddr::V6(Ipv6Addr::from(
            <[u8; 16]>::try_from(bytes).ok()?,
        )))
    };
    v4().or_else(v6)
}

/// The length of the prefix that covers exactly the range, if there is one.
pub(in crate::ruleset) fn prefix_length(first: &[u8], last: &[u8]) -> Option<u32> {
    let differing = first.iter().zip(last).map(|(a, b)| a ^ b);
    let mut length = 0;
    let mut ended = false;
    for ((first, last), difference) in first.iter().zip(last).zip(differing) {
        let host = 8 - difference.leading_zeros();
        let whole = u32::from(difference) + 1 == 1 << host;
        if !whole || first & difference != 0 || last & difference != difference {
            return None;
        }
        if ended && host != 8 {
            return None;
        }
        ended |= host > 0;
        length += 8 - host;
    }
    Some(length)
}
