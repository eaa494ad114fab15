//! nft's words for what our types name: one list for the printer and the parser.

use super::{
    ChainPolicy, CtKey, Expression, FibFlags, FibResult, LimitUnit, MetaKey, PayloadField,
    RejectKind, SetFlags,
};

/// Every field, with the header and the field in nft's words.
pub(super) const PAYLOAD_FIELDS: [(PayloadField, &str, &str); 19] = [
    (PayloadField::EtherSaddr, "ether", "saddr"),
    (PayloadField::EtherDaddr, "ether", "daddr"),
    (PayloadField::IpSaddr, "ip", "saddr"),
    (PayloadField::IpDaddr, "ip", "daddr"),
    (PayloadField::IpProtocol, "ip", "protocol"),
    (PayloadField::Ip6Saddr, "ip6", "saddr"),
    (PayloadField::Ip6Daddr, "ip6", "daddr"),
    (PayloadField::Ip6Nexthdr, "ip6", "nexthdr"),
    (PayloadField::TcpSport, "tcp", "sport"),
    (PayloadField::TcpDport, "tcp", "dport"),
    (PayloadField::TcpFlags, "tcp", "flags"),
    (PayloadField::UdpSport, "udp", "sport"),
    (PayloadField::UdpDport, "udp", "dport"),
    (PayloadField::ThSport, "th", "sport"),
    (PayloadField::ThDport, "th", "dport"),
    (PayloadField::IcmpType, "icmp", "type"),
    (PayloadField::IcmpCode, "icmp", "code"),
    (PayloadField::Icmpv6Type, "icmpv6", "type"),
    (PayloadField::Icmpv6Code, "icmpv6", "code"),
];

/// Every meta key; the interface keys stand without the word `meta`.
pub(super) const META_KEYS: [(MetaKey, &str); 8] = [
    (MetaKey::IifName, "iifname"),
    (MetaKey::OifName, "oifname"),
    (MetaKey::Iif, "iif"),
    (MetaKey::Oif, "oif"),
    (MetaKey::Mark, "mark"),
    (MetaKey::L4proto, "l4proto"),
    (MetaKey::Nfproto, "nfproto"),
    (MetaKey::Pkttype, "pkttype"),
];

/// Whether nft prints the key without the word `meta`.
pub(super) fn is_unqualified(key: MetaKey) -> bool {
    matches!(
        key,
        MetaKey::IifName | MetaKey::OifName | MetaKey::Iif | MetaKey::Oif
    )
}

/// Every connection-tracking key.
pub(super) const CT_KEYS: [(CtKey, &str); 2] = [(CtKey::State, "state"), (CtKey::Mark, "mark")];

/// What a `fib` lookup takes into account, in the order in which nft prints it.
pub(super) const FIB_FLAGS: [(FibFlags, &str); 5] = [
    (FibFlags::SADDR, "saddr"),
    (FibFlags::DADDR, "daddr"),
    (FibFlags::MARK, "mark"),
    (FibFlags::IIF, "iif"),
    (FibFlags::OIF, "oif"),
];

/// What a `fib` lookup gives.
pub(super) const FIB_RESULTS: [(FibResult, &str); 2] =
    [(FibResult::Oif, "oif"), (FibResult::Type, "type")];

/// The flags of a set, in the order in which nft prints them.
pub(super) const SET_FLAGS: [(SetFlags, &str); 4] = [
    (SetFlags::CONSTANT, "constant"),
    (SetFlags::DYNAMIC, "dynamic"),
    (SetFlags::INTERVAL, "interval"),
    (SetFlags::TIMEOUT, "timeout"),
];

/// What may become of a packet that no rule decides.
pub(super) const POLICIES: [(ChainPolicy, &str); 2] =
    [(ChainPolicy::Accept, "accept"), (ChainPolicy::Drop, "drop")];

/// The units of a rate.
pub(super) const LIMIT_UNITS: [(LimitUnit, &str); 4] = [
    (LimitUnit::Second, "second"),
    (LimitUnit::Minute, "minute"),
    (LimitUnit::Hour, "hour"),
    (LimitUnit::Day, "day"),
];

/// What may stand behind `reject with`.
pub(super) const REJECTS: [(RejectKind, &str, &str); 3] = [
    (RejectKind::PortUnreachable, "icmpx", "port-unreachable"),
    (RejectKind::AdminProhibited, "icmpx", "admin-prohibited"),
    (RejectKind::TcpReset, "tcp", "reset"),
];

/// The burst of a limit that names none.
pub(super) const BURST_DEFAULT: u32 = 5;

/// The word of a value in one of these lists.
pub(super) fn word<T: PartialEq>(words: &[(T, &'static str)], value: &T) -> &'static str {
    let known = words.iter().find(|(known, _)| known == value);
    known.map_or("", |(_, word)| word)
}

/// The value of a word in one of these lists.
pub(super) fn value<T: Copy>(words: &[(T, &'static str)], word: &str) -> Option<T> {
    let known = words.iter().find(|(_, known)| *known == word);
    known.map(|&(value, _)| value)
}

/// Whether nft keeps the value of the expression as a set of bits.
pub(super) fn is_bitmask(expressions: &[Expression]) -> bool {
    matches!(expressions, [one] if super::symbol::is_bitmask(one.datatype()))
}
