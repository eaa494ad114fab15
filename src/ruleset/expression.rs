//! Expressions: what a rule reads from a packet.

use bitflags::bitflags;

use super::Datatype;

/// Something a rule can read and compare or look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expression {
    /// A field of a header.
    Payload(PayloadField),
    /// What the kernel knows of the packet.
    Meta(MetaKey),
    /// The connection that the packet belongs to.
    Ct(CtKey),
    /// A route lookup.
    Fib(FibFlags, FibResult),
}

impl Expression {
    /// The type of the value.
    pub fn datatype(self) -> Datatype {
        match self {
            Self::Payload(field) => field.datatype(),
            Self::Meta(key) => key.datatype(),
            Self::Ct(CtKey::State) => Datatype::CtState,
            Self::Ct(CtKey::Mark) => Datatype::Mark,
            Self::Fib(_, FibResult::Oif) => Datatype::IfIndex,
            Self::Fib(_, FibResult::Type) => Datatype::FibAddrType,
        }
    }
}

/// Header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayloadField {
    /// `ether saddr`; implies that the interface is Ethernet.
    EtherSaddr,
    /// `ether daddr`; implies that the interface is Ethernet.
    EtherDaddr,
    /// `ip saddr`; implies IPv4.
    IpSaddr,
    /// `ip daddr`; implies IPv4.
    IpDaddr,
    /// `ip protocol`; implies IPv4.
    IpProtocol,
    /// `ip6 saddr`; implies IPv6.
    Ip6Saddr,
    /// `ip6 daddr`; implies IPv6.
    Ip6Daddr,
    /// `ip6 nexthdr`; implies IPv6.
    Ip6Nexthdr,
    /// `tcp sport`; implies TCP.
    TcpSport,
    /// `tcp dport`; implies TCP.
    TcpDport,
    /// `tcp flags`; implies TCP.
    TcpFlags,
    /// `udp sport`; implies UDP.
    UdpSport,
    /// `udp dport`; implies UDP.
    UdpDport,
    /// `th sport`: the first two bytes of the transport header, whatever it is.
    ThSport,
    /// `th dport`: the next two bytes of the transport header, whatever it is.
    ThDport,
    /// `icmp type`; implies ICMP.
    IcmpType,
    /// `icmp code`; implies ICMP.
    IcmpCode,
    /// `icmpv6 type`; implies ICMPv6.
    Icmpv6Type,
    /// `icmpv6 code`; implies ICMPv6.
    Icmpv6Code,
}

impl PayloadField {
    /// The type of the field.
    pub fn datatype(self) -> Datatype {
        match self {
            Self::EtherSaddr | Self::EtherDaddr => Datatype::EtherAddr,
            Self::IpSaddr | Self::IpDaddr => Datatype::Ipv4Addr,
            Self::Ip6Saddr | Self::Ip6Daddr => Datatype::Ipv6Addr,
            Self::IpProtocol | Self::Ip6Nexthdr => Datatype::InetProto,
            Self::TcpFlags => Datatype::TcpFlag,
            Self::TcpSport
            | Self::TcpDport
            | Self::UdpSport
            | Self::UdpDport
            | Self::ThSport
            | Self::ThDport => Datatype::InetService,
            Self::IcmpType => Datatype::IcmpType,
            Self::IcmpCode => Datatype::IcmpCode,
            Self::Icmpv6Type => Datatype::Icmpv6Type,
            Self::Icmpv6Code => Datatype::Icmpv6Code,
        }
    }
}

/// `meta` keys, `NFT_META_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetaKey {
    /// `iifname`.
    IifName,
    /// `oifname`.
    OifName,
    /// `iif`; 0 where there is none.
    Iif,
    /// `oif`; 0 where there is none, as in input.
    Oif,
    /// `meta mark`.
    Mark,
    /// `meta l4proto`.
    L4proto,
    /// `meta nfproto`.
    Nfproto,
    /// `meta pkttype`.
    Pkttype,
}

impl MetaKey {
    /// The type of the value.
    pub fn datatype(self) -> Datatype {
        match self {
            Self::IifName | Self::OifName => Datatype::IfName,
            Self::Iif | Self::Oif => Datatype::IfIndex,
            Self::Mark => Datatype::Mark,
            Self::L4proto => Datatype::InetProto,
            Self::Nfproto => Datatype::NfProto,
            Self::Pkttype => Datatype::PktType,
        }
    }
}

/// `ct` keys, `NFT_CT_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtKey {
    /// `ct state`, a set of bits.
    State,
    /// `ct mark`.
    Mark,
}

bitflags! {
    /// What a `fib` lookup takes into account, `NFTA_FIB_F_*`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct FibFlags: u32 {
        /// `saddr`.
        const SADDR = 0x1;
        /// `daddr`.
        const DADDR = 0x2;
        /// `mark`.
        const MARK = 0x4;
        /// `iif`.
        const IIF = 0x8;
        /// `oif`.
        const OIF = 0x10;
    }
}

/// What a `fib` lookup gives, `NFT_FIB_RESULT_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FibResult {
    /// `oif`: the index of the interface that the route uses, 0 for none.
    Oif,
    /// `type`: unicast, local, broadcast, ...
    Type,
}
