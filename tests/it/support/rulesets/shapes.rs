//! What a rule can read, by what else it reads: nft refuses a rule that wants two protocols at once.

use margay::ruleset::{
    CtKey, Datatype, Expression, FibFlags, FibResult, MetaKey, PayloadField, TableFamily,
};

use super::Place;
use super::choices::Choices;

use Expression::{Ct, Fib, Meta, Payload};

/// The protocols that the expressions of one rule agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) network: Network,
    pub(crate) transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// ARP, where only interfaces and marks are read.
    Arp,
    /// Either family.
    Any,
    V4,
    V6,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Not read; the protocol may be.
    Unread,
    /// Ports of whatever protocol.
    Any,
    Tcp,
    Udp,
    Icmp,
}

impl Context {
    pub(crate) fn any(choices: &mut Choices, family: TableFamily) -> Self {
        let network = match family {
            TableFamily::Inet => choices.one_of(&[Network::Any, Network::V4, Network::V6]),
            TableFamily::Ip => Network::V4,
            TableFamily::Ip6 => Network::V6,
            TableFamily::Arp => Network::Arp,
        };
        let transports = [
            Transport::Unread,
            Transport::Any,
            Transport::Tcp,
            Transport::Udp,
            Transport::Icmp,
        ];
        let transport = match network {
            Network::Arp => Transport::Unread,
            Network::Any => choices.one_of(&transports[..4]),
            Network::V4 | Network::V6 => choices.one_of(&transports),
        };
        Self { network, transport }
    }
}

/// One expression.
pub(crate) fn expression(choices: &mut Choices, context: Context, place: Place) -> Expression {
    let mut pool = vec![
        Meta(MetaKey::IifName),
        Meta(MetaKey::OifName),
        Meta(MetaKey::Mark),
    ];
    if context.network != Network::Arp {
        pool.extend([MetaKey::Iif, MetaKey::Oif, MetaKey::Pkttype].map(Meta));
        pool.extend([CtKey::State, CtKey::Mark].map(Ct));
        pool.extend(network(context).iter().copied().map(Payload));
        pool.extend(transport(context).iter().copied().map(Payload));
        pool.extend(unless_implied(context));
        pool.push(Fib(FibFlags::DADDR, FibResult::Type));
    }
    if context.network != Network::Arp && place != Place::Plain {
        pool.extend([
            Fib(FibFlags::SADDR | FibFlags::IIF, FibResult::Oif),
            Fib(FibFlags::SADDR | FibFlags::MARK, FibResult::Oif),
            Fib(FibFlags::DADDR | FibFlags::IIF, FibResult::Type),
        ]);
    }
    choices.one_of(&pool)
}

/// A key: one expression, or a concatenation.
pub(crate) fn key(choices: &mut Choices, context: Context, place: Place) -> Vec<Expression> {
    let fields = choices.one_of(&[1, 1, 2, 3]);
    let mut key: Vec<Expression> = Vec::new();
    for _ in 0..fields {
        let field = expression(choices, context, place);
        let bytes: usize = key.iter().map(|one| one.datatype().padded_bytes()).sum();
        if bytes + field.datatype().padded_bytes() <= 64 && !key.contains(&field) {
            key.push(field);
        }
    }
    key
}

/// A key whose every field may range.
pub(crate) fn ranging_key(choices: &mut Choices, context: Context) -> Vec<Expression> {
    let mut key = key(choices, context, Place::Plain);
    key.retain(|field| !field.datatype().is_host_order() && ranges(field.datatype()));
    if key.is_empty() {
        vec![Meta(MetaKey::IifName)]
    } else {
        key
    }
}

/// nft's grammar has no `fib` in the key of `map` and of `add @set`.
pub(crate) fn without_fib(key: &mut Vec<Expression>) {
    key.retain(|field| !matches!(field, Fib(..)));
    if key.is_empty() {
        key.push(Meta(MetaKey::IifName));
    }
}

/// Whether values of the type have ranges in nft text.
pub(crate) fn ranges(datatype: Datatype) -> bool {
    match datatype {
        Datatype::Ipv4Addr
        | Datatype::Ipv6Addr
        | Datatype::InetProto
        | Datatype::InetService
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::IfName => true,
        Datatype::EtherAddr
        | Datatype::NfProto
        | Datatype::IfIndex
        | Datatype::Mark
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag => false,
    }
}

fn network(context: Context) -> &'static [PayloadField] {
    match context.network {
        Network::Arp => &[],
        Network::Any => &[PayloadField::EtherSaddr, PayloadField::EtherDaddr],
        Network::V4 => &[PayloadField::IpSaddr, PayloadField::IpDaddr],
        Network::V6 => &[PayloadField::Ip6Saddr, PayloadField::Ip6Daddr],
    }
}

fn transport(context: Context) -> &'static [PayloadField] {
    match (context.transport, context.network) {
        (Transport::Unread, _) => &[],
        (Transport::Any, _) => &[PayloadField::ThSport, PayloadField::ThDport],
        (Transport::Tcp, _) => &[
            PayloadField::TcpSport,
            PayloadField::TcpDport,
            PayloadField::TcpFlags,
        ],
        (Transport::Udp, _) => &[PayloadField::UdpSport, PayloadField::UdpDport],
        (Transport::Icmp, Network::V6) => &[PayloadField::Icmpv6Type, PayloadField::Icmpv6Code],
        (Transport::Icmp, Network::Arp | Network::Any | Network::V4) => {
            &[PayloadField::IcmpType, PayloadField::IcmpCode]
        }
    }
}

/// What payload expressions imply is not also said, or the kernel's form would not tell who said it.
fn unless_implied(context: Context) -> Vec<Expression> {
    match (context.transport, context.network) {
        (Transport::Unread | Transport::Any, Network::V4) => {
            vec![Payload(PayloadField::IpProtocol)]
        }
        (Transport::Unread | Transport::Any, Network::V6) => {
            vec![Payload(PayloadField::Ip6Nexthdr)]
        }
        (Transport::Unread | Transport::Any, Network::Any) => {
            [MetaKey::L4proto, MetaKey::Nfproto].map(Meta).to_vec()
        }
        (_, Network::Arp) | (Transport::Tcp | Transport::Udp | Transport::Icmp, _) => Vec::new(),
    }
}

/// nft 1.0.6 dies of a comparison with a protocol that has no ports, before ports.
pub(crate) fn is_protocol(expression: Expression) -> bool {
    matches!(
        expression,
        Meta(MetaKey::L4proto) | Payload(PayloadField::IpProtocol | PayloadField::Ip6Nexthdr)
    )
}
