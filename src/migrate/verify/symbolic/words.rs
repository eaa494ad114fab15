//! The numbers that nft's words stand for: those that Margay's own table knows as well, and others.

use crate::ruleset::Datatype;
use crate::ruleset::symbol::symbols;

/// A list of words and their numbers.
pub(super) type Words = &'static [(&'static str, u32)];

pub(super) const PROTOCOLS: Words = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ospf", 89),
    ("pim", 103),
    ("ipcomp", 108),
    ("comp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
    ("mh", 135),
    ("mobility-header", 135),
    ("udplite", 136),
];

pub(super) const CT_STATES: Words = symbols(Datatype::CtState);

pub(super) const CT_STATUS: Words = &[
    ("expected", 1),
    ("seen-reply", 2),
    ("assured", 4),
    ("confirmed", 8),
    ("snat", 16),
    ("dnat", 32),
    ("dying", 512),
];

pub(super) const TCP_FLAGS: Words = symbols(Datatype::TcpFlag);

pub(super) const ICMP_TYPES: Words = symbols(Datatype::IcmpType);

pub(super) const ICMPV6_TYPES: Words = symbols(Datatype::Icmpv6Type);

pub(super) const ICMP_CODES: Words = symbols(Datatype::IcmpCode);

pub(super) const ICMPV6_CODES: Words = symbols(Datatype::Icmpv6Code);

/// `icmpx` for IPv4 and for IPv6.
pub(super) const ICMPX_CODES: [Words; 2] = [
    &[
        ("no-route", 0),
        ("host-unreachable", 1),
        ("port-unreachable", 3),
        ("admin-prohibited", 13),
    ],
    &[
        ("no-route", 0),
        ("admin-prohibited", 1),
        ("host-unreachable", 3),
        ("port-unreachable", 4),
    ],
];

pub(super) const DSCP: Words = &[
    ("cs0", 0),
    ("cs1", 8),
    ("cs2", 16),
    ("cs3", 24),
    ("cs4", 32),
    ("cs5", 40),
    ("cs6", 48),
    ("cs7", 56),
    ("df", 0),
    ("be", 0),
    ("lephb", 1),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("ef", 46),
];

pub(super) const ECN: Words = &[("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)];

pub(super) const PACKET_TYPES: Words = symbols(Datatype::PktType);

pub(super) const FIB_TYPES: Words = symbols(Datatype::FibAddrType);

pub(super) const BOOLEANS: Words = &[("missing", 0), ("false", 0), ("exists", 1), ("true", 1)];

pub(super) const DIRECTIONS: Words = &[("original", 0), ("reply", 1)];

pub(super) const DCCP_TYPES: Words = &[
    ("request", 0),
    ("response", 1),
    ("data", 2),
    ("ack", 3),
    ("dataack", 4),
    ("closereq", 5),
    ("close", 6),
    ("reset", 7),
    ("sync", 8),
    ("syncack", 9),
];

/// RFC 6275 and those behind it.
pub(super) const MOBILITY_TYPES: Words = &[
    ("binding-refresh-request", 0),
    ("home-test-init", 1),
    ("careof-test-init", 2),
    ("home-test", 3),
    ("careof-test", 4),
    ("binding-update", 5),
    ("binding-acknowledgement", 6),
    ("binding-error", 7),
    ("fast-binding-update", 8),
    ("fast-binding-acknowledgement", 9),
    ("fast-binding-advertisement", 10),
    ("experimental-mobility-header", 11),
    ("home-agent-switch-message", 12),
];

pub(super) const LOG_LEVELS: Words = &[
    ("emerg", 0),
    ("alert", 1),
    ("crit", 2),
    ("err", 3),
    ("warn", 4),
    ("notice", 5),
    ("info", 6),
    ("debug", 7),
];

pub(super) const LOG_FLAGS: Words = &[
    ("tcp sequence", 1),
    ("tcp options", 2),
    ("ip options", 4),
    ("skuid", 8),
    ("ether", 32),
    ("all", 47),
];

pub(super) const DAYS: Words = &[
    ("Sunday", 0),
    ("Monday", 1),
    ("Tuesday", 2),
    ("Wednesday", 3),
    ("Thursday", 4),
    ("Friday", 5),
    ("Saturday", 6),
];

/// The number of a word.
pub(super) fn number(words: Words, word: &str) -> Option<u64> {
    words
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, number)| u64::from(*number))
}
