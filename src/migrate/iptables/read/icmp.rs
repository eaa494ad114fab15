//! Names of ICMP messages.

use super::number::required;
use crate::migrate::iptables::{Icmp, Span};
use crate::net::Family;

/// A name, the type, and the code if it is of one.
type Names = &'static [(&'static str, u8, Option<u8>)];

const V4: Names = &[
    ("echo-reply", 0, None),
    ("pong", 0, None),
    ("destination-unreachable", 3, None),
    ("network-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("source-route-failed", 3, Some(5)),
    ("network-unknown", 3, Some(6)),
    ("host-unknown", 3, Some(7)),
    ("network-prohibited", 3, Some(9)),
    ("host-prohibited", 3, Some(10)),
    ("TOS-network-unreachable", 3, Some(11)),
    ("TOS-host-unreachable", 3, Some(12)),
    ("communication-prohibited", 3, Some(13)),
    ("host-precedence-violation", 3, Some(14)),
    ("precedence-cutoff", 3, Some(15)),
    ("source-quench", 4, None),
    ("redirect", 5, None),
    ("network-redirect", 5, Some(0)),
    ("host-redirect", 5, Some(1)),
    ("TOS-network-redirect", 5, Some(2)),
    ("TOS-host-redirect", 5, Some(3)),
    ("echo-request", 8, None),
    ("ping", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("time-exceeded", 11, None),
    ("ttl-exceeded", 11, None),
    ("ttl-zero-during-transit", 11, Some(0)),
    ("ttl-zero-during-reassembly", 11, Some(1)),
    ("parameter-problem", 12, None),
    ("ip-header-bad", 12, Some(0)),
    ("required-option-missing", 12, Some(1)),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
    ("address-mask-request", 17, None),
    ("address-mask-reply", 18, None),
];

const V6: Names = &[
    ("destination-unreachable", 1, None),
    ("no-route", 1, Some(0)),
    ("communication-prohibited", 1, Some(1)),
    ("beyond-scope", 1, Some(2)),
    ("address-unreachable", 1, Some(3)),
    ("port-unreachable", 1, Some(4)),
    ("failed-policy", 1, Some(5)),
    ("reject-route", 1, Some(6)),
    ("packet-too-big", 2, None),
    ("time-exceeded", 3, None),
    ("ttl-exceeded", 3, None),
    ("ttl-zero-during-transit", 3, Some(0)),
    ("ttl-zero-during-reassembly", 3, Some(1)),
    ("parameter-problem", 4, None),
    ("bad-header", 4, Some(0)),
    ("unknown-header-type", 4, Some(1)),
    ("unknown-option", 4, Some(2)),
    ("echo-request", 128, None),
    ("ping", 128, None),
    ("echo-reply", 129, None),
    ("pong", 129, None),
    ("mld-listener-query", 130, None),
    ("mld-listener-report", 131, None),
    ("mld-listener-done", 132, None),
    ("mld-listener-reduction", 132, None),
    ("router-solicitation", 133, None),
    ("router-advertisement", 134, None),
    ("neighbour-solicitation", 135, None),
    ("neighbor-solicitation", 135, None),
    ("neighbour-advertisement", 136, None),
    ("neighbor-advertisement", 136, None),
    ("redirect", 137, None),
];

/// A type, a type and a code, a name, or `any`.
pub(super) fn icmp(text: &str, family: Family) -> Result<Icmp, String> {
    let any = Span {
        first: 0,
        last: u8::MAX,
    };
    if text == "any" {
        return Ok(Icmp {
            kind: None,
            codes: any,
        });
    }
    let names = match family {
        Family::V4 => V4,
        Family::V6 => V6,
    };
    let one = |code: Option<u8>| {
        code.map_or(any, |code| Span {
            first: code,
            last: code,
        })
    };
    if let Some(&(_, kind, code)) = names.iter().find(|(name, _, _)| *name == text) {
        return Ok(Icmp {
            kind: Some(kind),
            codes: one(code),
        });
    }
    let (kind, code) = match text.split_once('/') {
        Some((kind, code)) => (kind, Some(required("code of ICMP", code)?)),
        None => (text, None),
    };
    let kind = required::<u8>("type of ICMP", kind)?;
    // 255 is how iptables writes any type of IPv4's.
    if family == Family::V4 && kind == u8::MAX {
        return Ok(Icmp {
            kind: None,
            codes: any,
        });
    }
    Ok(Icmp {
        kind: Some(kind),
        codes: one(code),
    })
}
