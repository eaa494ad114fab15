//! The data types of set keys and map values (libnftables `datatype.h`).

/// A type that nft gives a name, with the kernel's width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datatype {
    /// `ipv4_addr`.
    Ipv4Addr,
    /// `ipv6_addr`.
    Ipv6Addr,
    /// `ether_addr`.
    EtherAddr,
    /// `inet_proto`, an IP protocol number.
    InetProto,
    /// `inet_service`, a port in network order.
    InetService,
    /// `icmp_type`.
    IcmpType,
    /// `icmp_code`.
    IcmpCode,
    /// `icmpv6_type`.
    Icmpv6Type,
    /// `icmpv6_code`.
    Icmpv6Code,
    /// `nf_proto`, the family of a packet.
    NfProto,
    /// `ifname`, padded with zeros.
    IfName,
    /// `iface_index`, in host order.
    IfIndex,
    /// `mark`, in host order.
    Mark,
    /// `ct_state`, in host order.
    CtState,
    /// `pkt_type`.
    PktType,
    /// `fib_addrtype`, in host order.
    FibAddrType,
    /// `tcp_flag`, a set of bits.
    TcpFlag,
}

impl Datatype {
    /// Keyword, the `enum nft_types` number (libnftables `datatype.h`: TYPE_*), and bytes.
    pub fn facts(self) -> (&'static str, u32, usize) {
        match self {
            Self::Ipv4Addr => ("ipv4_addr", 7, 4),
            Self::Ipv6Addr => ("ipv6_addr", 8, 16),
            Self::EtherAddr => ("ether_addr", 9, 6),
            Self::InetProto => ("inet_proto", 12, 1),
            Self::InetService => ("inet_service", 13, 2),
            Self::IcmpType => ("icmp_type", 14, 1),
            Self::IcmpCode => ("icmp_code", 32, 1),
            Self::Icmpv6Type => ("icmpv6_type", 29, 1),
            Self::Icmpv6Code => ("icmpv6_code", 33, 1),
            Self::NfProto => ("nf_proto", 2, 1),
            Self::IfName => ("ifname", 41, 16),
            Self::IfIndex => ("iface_index", 20, 4),
            Self::Mark => ("mark", 19, 4),
            Self::CtState => ("ct_state", 26, 4),
            Self::PktType => ("pkt_type", 31, 1),
            Self::FibAddrType => ("fib_addrtype", 38, 4),
            Self::TcpFlag => ("tcp_flag", 15, 1),
        }
    }

    /// Every type, for parsers.
    pub const ALL: [Self; 17] = [
        Self::Ipv4Addr,
        Self::Ipv6Addr,
        Self::EtherAddr,
        Self::InetProto,
        Self::InetService,
        Self::IcmpType,
        Self::IcmpCode,
        Self::Icmpv6Type,
        Self::Icmpv6Code,
        Self::NfProto,
        Self::IfName,
        Self::IfIndex,
        Self::Mark,
        Self::CtState,
        Self::PktType,
        Self::FibAddrType,
        Self::TcpFlag,
    ];

    /// The nft keyword.
    pub fn keyword(self) -> &'static str {
        self.facts().0
    }

    /// Bytes of a value.
    pub fn bytes(self) -> usize {
        self.facts().2
    }

    /// Bytes of a value as a field of a concatenation: rounded up to whole 32-bit registers.
    pub fn padded_bytes(self) -> usize {
        self.bytes().next_multiple_of(4)
    }

    /// Whether the kernel keeps the value in the host's byte order.
    pub fn is_host_order(self) -> bool {
        matches!(
            self,
            Self::IfIndex | Self::Mark | Self::CtState | Self::FibAddrType
        )
    }

    /// Whether values of the type have ranges. The bytes of host-order types do not sort as their
    /// numbers, and ranges of the rest mean nothing.
    pub fn is_ordered(self) -> bool {
        match self {
            Self::Ipv4Addr
            | Self::Ipv6Addr
            | Self::InetProto
            | Self::InetService
            | Self::IcmpType
            | Self::IcmpCode
            | Self::Icmpv6Type
            | Self::Icmpv6Code => true,
            Self::EtherAddr
            | Self::NfProto
            | Self::IfName
            | Self::IfIndex
            | Self::Mark
            | Self::CtState
            | Self::PktType
            | Self::FibAddrType
            | Self::TcpFlag => false,
        }
    }
}
