//! Headers of the packet.

use super::strange;
use crate::migrate::iptables::read::icmp::icmp;
use crate::migrate::iptables::read::number::{masked, required, span};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::read::port::{list, ports};
use crate::migrate::iptables::{Bound, ChunkMode, Masked, Side, Span, TcpFlags, Test};
use crate::net::Family;

/// Flags that `--syn` compares.
const OPENING: TcpFlags = TcpFlags::FIN
    .union(TcpFlags::SYN)
    .union(TcpFlags::RST)
    .union(TcpFlags::ACK);

/// What a module of a protocol asks without any option: that its header can be read, which it cannot in a later
/// fragment.
pub(super) fn bare(module: &str) -> Option<Result<Test, String>> {
    let any = Span {
        first: 0,
        last: u32::MAX,
    };
    Some(Ok(match module {
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" => {
            Test::Port(Side::Source, ports("0:65535").ok()?)
        }
        "esp" => Test::EspSpi(any),
        "ah" => Test::AhSpi(any),
        "ipcomp" => Test::IpCompSpi(any),
        "icmp" | "icmp6" | "icmpv6" | "ipv6-icmp" => {
            return Some(Err(format!(
                "what {module} asks without a type is not known"
            )));
        }
        _ => return None,
    }))
}

/// What an option asks.
pub(super) fn test(module: &str, given: &Given, family: Family) -> Result<Test, String> {
    let value = given.value();
    Ok(match given.name {
        "--sport" => Test::Port(Side::Source, ports(value)?),
        "--dport" => Test::Port(Side::Destination, ports(value)?),
        "--tcp-flags" => Test::TcpFlags {
            mask: flags(value)?,
            set: flags(given.values.get(1).map_or("", String::as_str))?,
        },
        "--syn" => Test::TcpFlags {
            mask: OPENING,
            set: TcpFlags::SYN,
        },
        "--tcp-option" => Test::TcpOption(required("option of TCP", value)?),
        "--mss" => Test::TcpMss(span(value, ':', 0, u16::MAX)?),
        "--chunk-types" => {
            let types = given.values.get(1).cloned().unwrap_or_default();
            Test::SctpChunks(chunk_mode(value)?, types)
        }
        "--dccp-types" => Test::DccpTypes(dccp_types(value)?),
        "--dccp-option" => Test::DccpOption(required("option of DCCP", value)?),
        "--sports" => Test::Multiport(Some(Side::Source), list(value)?),
        "--dports" => Test::Multiport(Some(Side::Destination), list(value)?),
        "--ports" => Test::Multiport(None, list(value)?),
        "--icmp-type" if family == Family::V4 => Test::Icmp(icmp(value, family)?),
        "--icmpv6-type" if family == Family::V6 => Test::Icmpv6(icmp(value, family)?),
        "--length" => Test::Length(span(value, ':', 0, u16::MAX)?),
        "--ttl-eq" | "--ttl-lt" | "--ttl-gt" if family == Family::V4 => {
            Test::Ttl(bound(given.name), required("TTL", value)?)
        }
        "--hl-eq" | "--hl-lt" | "--hl-gt" if family == Family::V6 => {
            Test::HopLimit(bound(given.name), required("hop limit", value)?)
        }
        "--dscp" => Test::Dscp(code_point(value)?),
        "--dscp-class" => Test::Dscp(class(value)?),
        "--tos" => Test::Tos(tos(value)?),
        "--ecn-tcp-cwr" => Test::EcnTcp(true),
        "--ecn-tcp-ece" => Test::EcnTcp(false),
        "--ecn-ip-ect" => Test::Ecn(ect(value)?),
        "--ahspi" => Test::AhSpi(span(value, ':', 0, u32::MAX)?),
        "--espspi" => Test::EspSpi(span(value, ':', 0, u32::MAX)?),
        "--ipcompspi" => Test::IpCompSpi(span(value, ':', 0, u32::MAX)?),
        _ => return Err(format!("{} of module {module}", strange(given))),
    })
}

/// The comparison at the end of an option's name.
pub(super) fn bound(name: &str) -> Bound {
    match name.rsplit('-').next() {
        Some("lt") => Bound::Less,
        Some("gt") => Bound::Greater,
        _ => Bound::Equal,
    }
}

/// A code point of DSCP.
pub(in crate::migrate::iptables::read) fn code_point(text: &str) -> Result<u8, String> {
    const DSCP_MAX: u8 = 63;
    required::<u8>("code point, 0-63", text).and_then(|point| match point {
        0..=DSCP_MAX => Ok(point),
        _ => Err(format!("{text:?} is no code point, 0-63")),
    })
}

/// A class of DSCP: `BE`, `EF`, `CS0`-`CS7`, `AF11`-`AF43`.
pub(in crate::migrate::iptables::read) fn class(text: &str) -> Result<u8, String> {
    let lower = text.to_ascii_lowercase();
    let digit = |text: &str| text.parse::<u8>().ok();
    let point = match lower.as_str() {
        "be" => Some(0),
        "ef" => Some(0x2e),
        "va" | "voice-admit" => Some(0x2c),
        "le" => Some(1),
        other => match (other.strip_prefix("cs"), other.strip_prefix("af")) {
            (Some(number), _) => digit(number).filter(|n| *n <= 7).map(|n| n << 3),
            (None, Some(pair)) if pair.len() == 2 && pair.is_ascii() => {
                let (first, second) = pair.split_at(1);
                let within = |n: &u8, most: u8| (1..=most).contains(n);
                let first = digit(first).filter(|n| within(n, 4));
                let second = digit(second).filter(|n| within(n, 3));
                first
                    .zip(second)
                    .map(|(first, second)| (first << 3) + (second << 1))
            }
            (None, _) => None,
        },
    };
    point.ok_or_else(|| format!("{text:?} is no class: BE, EF, CS0-CS7 and AF11-AF43 are"))
}

/// A value and mask of the octet; names leave the bits of ECN out.
pub(in crate::migrate::iptables::read) fn tos(text: &str) -> Result<Masked, String> {
    const NAMES: &[(&str, u32)] = &[
        ("Minimize-Delay", 16),
        ("Maximize-Throughput", 8),
        ("Maximize-Reliability", 4),
        ("Minimize-Cost", 2),
        ("Normal-Service", 0),
    ];
    const WITHOUT_ECN: u32 = 0x3f;
    let named = NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    match named {
        Some(&(_, value)) => Ok(Masked {
            value,
            mask: WITHOUT_ECN,
        }),
        None => masked(text, 0xff).and_then(|octet| match (octet.value, octet.mask) {
            (0..=0xff, 0..=0xff) => Ok(octet),
            _ => Err(format!("{text:?} is no octet, 0-255")),
        }),
    }
}

fn ect(text: &str) -> Result<u8, String> {
    match required::<u8>("value of ECN, 0-3", text)? {
        value @ 0..=3 => Ok(value),
        _ => Err(format!("{text:?} is no value of ECN, 0-3")),
    }
}

fn flags(text: &str) -> Result<TcpFlags, String> {
    text.split(',').try_fold(TcpFlags::empty(), |all, name| {
        let upper = name.to_ascii_uppercase();
        match upper.as_str() {
            "ALL" => Some(TcpFlags::all()),
            "NONE" => Some(TcpFlags::empty()),
            upper => TcpFlags::from_name(upper),
        }
        .map(|flag| all | flag)
        .ok_or_else(|| format!("{name:?} is no flag of TCP: FIN SYN RST PSH ACK URG ALL NONE"))
    })
}

fn chunk_mode(text: &str) -> Result<ChunkMode, String> {
    match text {
        "all" => Ok(ChunkMode::All),
        "any" => Ok(ChunkMode::Any),
        "only" => Ok(ChunkMode::Only),
        _ => Err(format!("{text:?} is not all, any or only")),
    }
}

fn dccp_types(text: &str) -> Result<Vec<u8>, String> {
    const NAMES: [&str; 10] = [
        "REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC",
        "SYNCACK",
    ];
    let number = |name: &str| {
        let at = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name));
        at.and_then(|at| u8::try_from(at).ok())
            .ok_or_else(|| format!("{name:?} is no type of DCCP"))
    };
    text.split(',').map(number).collect()
}
