//! Where the kernel finds what a rule reads.

use super::instruction::{Base, Instruction};
use crate::net::{Family, Protocol};
use crate::ruleset::{CtKey, Expression, FibFlags, FibResult, MetaKey, PayloadField};

/// `NFT_META_*` (linux/netfilter/nf_tables.h) of keys that only nft's own dependencies read.
pub(crate) const NFT_META_IIFTYPE: u32 = 8;

/// Protocol headers, with libnftables' number for each (`enum proto_desc_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Ether = 17,
    Ip = 12,
    Ip6 = 13,
    Tcp = 8,
    Udp = 6,
    Th = 11,
    Icmp = 4,
    Icmpv6 = 14,
}

/// A header field: where it is, and how nft calls it in a set's userdata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) header: Header,
    pub(crate) base: Base,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// The index of the field in libnftables' description of the header.
    pub(crate) template: u32,
}

/// Every field that a rule can read.
pub(crate) const FIELDS: [PayloadField; 19] = [
    PayloadField::EtherSaddr,
    PayloadField::EtherDaddr,
    PayloadField::IpSaddr,
    PayloadField::IpDaddr,
    PayloadField::IpProtocol,
    PayloadField::Ip6Saddr,
    PayloadField::Ip6Daddr,
    PayloadField::Ip6Nexthdr,
    PayloadField::TcpSport,
    PayloadField::TcpDport,
    PayloadField::TcpFlags,
    PayloadField::UdpSport,
    PayloadField::UdpDport,
    PayloadField::ThSport,
    PayloadField::ThDport,
    PayloadField::IcmpType,
    PayloadField::IcmpCode,
    PayloadField::Icmpv6Type,
    PayloadField::Icmpv6Code,
];

/// Where a field is.
pub(crate) fn location(field: PayloadField) -> Location {
    use Base::{Link, Network, Transport};
    let (header, base, offset, length, template) = match field {
        PayloadField::EtherDaddr => (Header::Ether, Link, 0, 6, 1),
        PayloadField::EtherSaddr => (Header::Ether, Link, 6, 6, 2),
        PayloadField::IpProtocol => (Header::Ip, Network, 9, 1, 9),
        PayloadField::IpSaddr => (Header::Ip, Network, 12, 4, 11),
        PayloadField::IpDaddr => (Header::Ip, Network, 16, 4, 12),
        PayloadField::Ip6Nexthdr => (Header::Ip6, Network, 6, 1, 6),
        PayloadField::Ip6Saddr => (Header::Ip6, Network, 8, 16, 8),
        PayloadField::Ip6Daddr => (Header::Ip6, Network, 24, 16, 9),
        PayloadField::TcpSport => (Header::Tcp, Transport, 0, 2, 1),
        PayloadField::TcpDport => (Header::Tcp, Transport, 2, 2, 2),
        PayloadField::TcpFlags => (Header::Tcp, Transport, 13, 1, 7),
        PayloadField::UdpSport => (Header::Udp, Transport, 0, 2, 1),
        PayloadField::UdpDport => (Header::Udp, Transport, 2, 2, 2),
        PayloadField::ThSport => (Header::Th, Transport, 0, 2, 1),
        PayloadField::ThDport => (Header::Th, Transport, 2, 2, 2),
        PayloadField::IcmpType => (Header::Icmp, Transport, 0, 1, 1),
        PayloadField::IcmpCode => (Header::Icmp, Transport, 1, 1, 2),
        PayloadField::Icmpv6Type => (Header::Icmpv6, Transport, 0, 1, 1),
        PayloadField::Icmpv6Code => (Header::Icmpv6, Transport, 1, 1, 2),
    };
    Location {
        header,
        base,
        offset,
        length,
        template,
    }
}

/// Every meta key that a rule can read.
pub(crate) const META_KEYS: [MetaKey; 8] = [
    MetaKey::IifName,
    MetaKey::OifName,
    MetaKey::Iif,
    MetaKey::Oif,
    MetaKey::Mark,
    MetaKey::L4proto,
    MetaKey::Nfproto,
    MetaKey::Pkttype,
];

/// `NFT_META_*` (linux/netfilter/nf_tables.h).
pub(crate) fn meta_number(key: MetaKey) -> u32 {
    match key {
        MetaKey::Mark => 3,
        MetaKey::Iif => 4,
        MetaKey::Oif => 5,
        MetaKey::IifName => 6,
        MetaKey::OifName => 7,
        MetaKey::Nfproto => 15,
        MetaKey::L4proto => 16,
        MetaKey::Pkttype => 19,
    }
}

/// `NFT_CT_*` (linux/netfilter/nf_tables.h).
pub(crate) fn ct_number(key: CtKey) -> u32 {
    match key {
        CtKey::State => 0,
        CtKey::Mark => 3,
    }
}

/// `NFT_FIB_RESULT_*` (linux/netfilter/nf_tables.h).
pub(crate) fn fib_number(result: FibResult) -> u32 {
    match result {
        FibResult::Oif => 1,
        FibResult::Type => 3,
    }
}

/// The instruction that reads an expression into a register.
pub(crate) fn load(expression: Expression, register: u32) -> Instruction {
    match expression {
        Expression::Payload(field) => {
            let place = location(field);
            Instruction::Payload {
                register,
                base: place.base,
                offset: place.offset,
                length: place.length,
            }
        }
        Expression::Meta(key) => Instruction::Meta {
            register,
            key: meta_number(key),
        },
        Expression::Ct(key) => Instruction::Ct {
            register,
            key: ct_number(key),
        },
        Expression::Fib(flags, result) => Instruction::Fib {
            register,
            flags: flags.bits(),
            result: fib_number(result),
        },
    }
}

/// The expression that an instruction other than a payload load reads.
pub(crate) fn loaded(instruction: &Instruction, register: u32) -> Option<Expression> {
    let meta = META_KEYS.into_iter().map(Expression::Meta);
    let ct = [CtKey::State, CtKey::Mark].into_iter().map(Expression::Ct);
    let mut known = meta.chain(ct).chain(fib_of(instruction));
    known.find(|expression| load(*expression, register) == *instruction)
}

fn fib_of(instruction: &Instruction) -> impl Iterator<Item = Expression> + use<> {
    let flags = if let Instruction::Fib { flags, .. } = instruction {
        FibFlags::from_bits(*flags)
    } else {
        None
    };
    flags.into_iter().flat_map(|flags| {
        [FibResult::Oif, FibResult::Type].map(|result| Expression::Fib(flags, result))
    })
}

/// Where a value stands in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the key.
    Alone,
    /// Other values stand beside it.
    Concatenated,
}

impl Standing {
    /// Where each value of a key of so many stands.
    pub(crate) fn among(values: usize) -> Self {
        match values {
            0 | 1 => Self::Alone,
            _ => Self::Concatenated,
        }
    }
}

/// Whether nft converts the value to network order before it compares ranges or looks up intervals.
pub(crate) fn is_swapped(expression: Expression, standing: Standing) -> bool {
    match expression {
        Expression::Payload(_) => false,
        Expression::Meta(MetaKey::IifName | MetaKey::OifName) => false,
        // One byte has no order, yet in a concatenation nft writes the conversion down.
        Expression::Meta(MetaKey::L4proto | MetaKey::Nfproto | MetaKey::Pkttype) => {
            standing == Standing::Concatenated
        }
        Expression::Meta(MetaKey::Iif | MetaKey::Oif | MetaKey::Mark)
        | Expression::Ct(_)
        | Expression::Fib(..) => true,
    }
}

/// The fields that can be read at a base, by what is known of the packet's protocols.
pub(crate) fn fields_of(
    network: Option<Family>,
    transport: Option<u8>,
    base: Base,
) -> impl Iterator<Item = (PayloadField, Location)> {
    let header = match (base, network, transport) {
        (Base::Link, ..) => Some(Header::Ether),
        (Base::Network, Some(Family::V4), _) => Some(Header::Ip),
        (Base::Network, Some(Family::V6), _) => Some(Header::Ip6),
        (Base::Network, None, _) => None,
        (Base::Transport, _, protocol) => Some(match protocol.map(Protocol) {
            Some(Protocol::TCP) => Header::Tcp,
            Some(Protocol::UDP) => Header::Udp,
            Some(Protocol::ICMP) => Header::Icmp,
            Some(Protocol::ICMPV6) => Header::Icmpv6,
            Some(_) | None => Header::Th,
        }),
    };
    FIELDS
        .into_iter()
        .map(|field| (field, location(field)))
        .filter(move |(_, place)| Some(place.header) == header)
}
