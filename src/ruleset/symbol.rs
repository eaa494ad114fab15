//! The names that nft has for numbers, by data type.

use super::Datatype;

type Symbols = &'static [(&'static str, u32)];

/// The names of a type's values as nft 1.0.6 prints them; where a number has several the first is printed.
pub const fn symbols(datatype: Datatype) -> &'static [(&'static str, u32)] {
    match datatype {
        Datatype::InetProto => PROTOCOLS,
        Datatype::IcmpType => ICMP_TYPES,
        Datatype::IcmpCode => ICMP_CODES,
        Datatype::Icmpv6Type => ICMPV6_TYPES,
        Datatype::Icmpv6Code => ICMPV6_CODES,
        Datatype::NfProto => FAMILIES,
        Datatype::IfIndex => INTERFACES,
        Datatype::CtState => CT_STATES,
        Datatype::PktType => PACKET_TYPES,
        Datatype::FibAddrType => ADDRESS_TYPES,
        Datatype::TcpFlag => TCP_FLAGS,
        Datatype::Ipv4Addr
        | Datatype::Ipv6Addr
        | Datatype::EtherAddr
        | Datatype::InetService
        | Datatype::IfName
        | Datatype::Mark => &[],
    }
}

/// The number of a name.
pub fn number(datatype: Datatype, name: &str) -> Option<u32> {
    let known = symbols(datatype).iter().find(|(known, _)| *known == name);
    known.map(|&(_, number)| number)
}

/// The name to print for a number. ICMP codes mean something else under every type, and protocols
/// beyond the ones nft has keywords for depend on the machine's `/etc/protocols`: they stay numbers.
pub fn name(datatype: Datatype, number: u32) -> Option<&'static str> {
    let printed = match datatype {
        Datatype::IcmpCode | Datatype::Icmpv6Code => &[],
        Datatype::InetProto => &PROTOCOLS[..PROTOCOL_KEYWORDS],
        Datatype::IcmpType
        | Datatype::Icmpv6Type
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag
        | Datatype::Ipv4Addr
        | Datatype::Ipv6Addr
        | Datatype::EtherAddr
        | Datatype::InetService
        | Datatype::IfName
        | Datatype::Mark => symbols(datatype),
    };
    let known = printed.iter().find(|(_, known)| *known == number);
    known.map(|&(name, _)| name)
}

/// Whether values of the type are sets of bits, `TYPE_BITMASK` (libnftables `datatype.h`).
pub fn is_bitmask(datatype: Datatype) -> bool {
    matches!(datatype, Datatype::CtState | Datatype::TcpFlag)
}

/// How many protocols, from the first, are keywords of nft's own.
const PROTOCOL_KEYWORDS: usize = 9;

/// IANA assigned protocol numbers, by nft's keywords and then by the names of `/etc/protocols`.
const PROTOCOLS: Symbols = &[
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("sctp", 132),
    ("udplite", 136),
    ("ip", 0),
    ("igmp", 2),
    ("ggp", 3),
    ("ipencap", 4),
    ("st", 5),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("iso-tp4", 29),
    ("xtp", 36),
    ("ddp", 37),
    ("idpr-cmtp", 38),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("skip", 57),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("rspf", 73),
    ("vmtp", 81),
    ("eigrp", 88),
    ("ospf", 89),
    ("ax.25", 93),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("comp", 108),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
    ("fc", 133),
    ("mobility-header", 135),
    ("mpls-in-ip", 137),
    ("manet", 138),
    ("hip", 139),
    ("shim6", 140),
    ("wesp", 141),
    ("rohc", 142),
    ("ethernet", 143),
];

/// IANA ICMP type numbers.
const ICMP_TYPES: Symbols = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("info-request", 15),
    ("info-reply", 16),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

/// Codes of ICMP destination-unreachable, whatever the type.
const ICMP_CODES: Symbols = &[
    ("net-unreachable", 0),
    ("host-unreachable", 1),
    ("prot-unreachable", 2),
    ("port-unreachable", 3),
    ("frag-needed", 4),
    ("net-prohibited", 9),
    ("host-prohibited", 10),
    ("admin-prohibited", 13),
];

/// IANA ICMPv6 type numbers.
const ICMPV6_TYPES: Symbols = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("mld-listener-reduction", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("ind-neighbor-solicit", 141),
    ("ind-neighbor-advert", 142),
    ("mld2-listener-report", 143),
];

/// Codes of ICMPv6 destination-unreachable, whatever the type.
const ICMPV6_CODES: Symbols = &[
    ("no-route", 0),
    ("admin-prohibited", 1),
    ("addr-unreachable", 3),
    ("port-unreachable", 4),
    ("policy-fail", 5),
    ("reject-route", 6),
];

/// `NFPROTO_*` (linux/netfilter.h).
const FAMILIES: Symbols = &[("ipv4", 2), ("ipv6", 10)];

/// The one interface whose index is the same everywhere, `LOOPBACK_IFINDEX` (net/flow.h).
const INTERFACES: Symbols = &[("lo", 1)];

/// `NF_CT_STATE_BIT` (linux/netfilter/nf_conntrack_common.h).
const CT_STATES: Symbols = &[
    ("invalid", 1),
    ("established", 2),
    ("related", 4),
    ("new", 8),
    ("untracked", 64),
];

/// `PACKET_*` (linux/if_packet.h).
const PACKET_TYPES: Symbols = &[
    ("host", 0),
    ("unicast", 0),
    ("broadcast", 1),
    ("multicast", 2),
    ("other", 3),
];

/// `RTN_*` (linux/rtnetlink.h).
const ADDRESS_TYPES: Symbols = &[
    ("unspec", 0),
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
];

/// The flags byte of RFC 9293.
const TCP_FLAGS: Symbols = &[
    ("fin", 0x01),
    ("syn", 0x02),
    ("rst", 0x04),
    ("psh", 0x08),
    ("ack", 0x10),
    ("urg", 0x20),
    ("ecn", 0x40),
    ("cwr", 0x80),
];
