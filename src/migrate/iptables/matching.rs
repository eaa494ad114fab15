//! Matches: one test for each option of a module, with its negation.

use std::net::IpAddr;

use super::{
    Address, AddressTypes, Calendar, ConnectionStates, ConnectionStatus, ExtensionHeaders,
    HashLimit, InterfacePattern, Masked, Rate, Recent, Span, TcpFlags,
};
use crate::net::{MacAddress, PortRange, Protocol};

/// A test and whether it must hold or fail. Options of one module are tests of their own: all of
/// them must hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// Whether `!` stands before it.
    pub sense: Sense,
    /// What is asked.
    pub test: Test,
}

/// Whether a test must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sense {
    /// It must.
    Is,
    /// It must not: `!`.
    IsNot,
}

/// From where or to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Source.
    Source,
    /// Destination.
    Destination,
}

/// In or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// In.
    In,
    /// Out.
    Out,
}

/// Which way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionField {
    /// As the first packet went.
    Original,
    /// As answers go.
    Reply,
}

/// A type of ICMP, with a range of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Icmp {
    /// The type; nothing is any (`--icmp-type any`).
    pub kind: Option<u8>,
    /// The codes.
    pub codes: Span<u8>,
}

/// What one packet is counted as by `-m pkttype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketType {
    /// To us.
    Unicast,
    /// To all.
    Broadcast,
    /// To a group.
    Multicast,
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// The same.
    Equal,
    /// Less.
    Less,
    /// More.
    Greater,
}

/// How `--chunk-types` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChunkMode {
    /// Every type is in the packet.
    All,
    /// One is.
    Any,
    /// No other is.
    Only,
}

/// What `addrtype` asks beside the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// On any interface.
    Anywhere,
    /// On the interface that the packet came in by.
    OnInput,
    /// On the interface that it leaves by.
    OnOutput,
}

/// What `physdev` asks beside names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Physical {
    /// Came in by a port of a bridge.
    IsIn,
    /// Goes out by a port of a bridge.
    IsOut,
    /// Is bridged and not routed.
    IsBridged,
}

/// `statistic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// One in so many of 2^31.
    Random {
        /// Of 2^31.
        probability: u32,
    },
    /// One packet of every so many.
    Nth {
        /// So many.
        every: u32,
        /// Which of them, from 0.
        packet: u32,
    },
}

/// Options of `socket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketOption {
    /// The socket is transparent.
    Transparent,
    /// Sockets bound to any address count, too.
    NoWildcard,
    /// The mark of the socket becomes the packet's.
    RestoreMark,
}

/// Options of `rpfilter`; `--invert` is the sense of the match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoopbackRoute {
    /// By any interface.
    Loose,
    /// With the mark in the lookup.
    ValidMark,
    /// Local addresses from outside are accepted.
    AcceptLocal,
}

/// One transformation of IPsec that `policy` names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyElement {
    /// The options of the element as they stand, with their negations.
    pub options: Vec<(Sense, String, String)>,
}

/// `rt`: the routing header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutingHeader {
    /// Its type.
    Kind(u32),
    /// Segments left.
    SegmentsLeft(Span<u32>),
    /// Its length.
    Length(u32),
    /// The reserved field is zero.
    Reserved,
}

/// `set`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchSet {
    /// The set.
    pub name: String,
    /// What of the packet is looked up, dimension by dimension.
    pub sides: Vec<Side>,
    /// `--return-nomatch`: an element with `nomatch` counts as found.
    pub return_nomatch: bool,
    /// Counters of the set are left alone (`! --update-counters`).
    pub keep_counters: bool,
    /// Counters of subsets are left alone (`! --update-subcounters`).
    pub keep_subcounters: bool,
    /// Comparisons of the element's counters: (`packets` or `bytes`, how, value, sense).
    pub counters: Vec<(String, Bound, u64, Sense)>,
}

/// What a match asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Test {
    /// `-s`, `-d`.
    Address(Side, Address),
    /// `-i`, `-o`. Where a packet has no such interface it is compared with an empty name.
    Interface(Direction, InterfacePattern),
    /// `-p`. In IPv6 the last header.
    Protocol(Protocol),
    /// `-f`: a fragment that is not the first (IPv4).
    Fragment,
    /// `--sport`, `--dport`; fails for fragments, negated or not.
    Port(Side, PortRange),
    /// `--tcp-flags`, `--syn`: `(flags & mask) == set`.
    TcpFlags {
        /// The flags that count.
        mask: TcpFlags,
        /// Those of them that are set.
        set: TcpFlags,
    },
    /// `--tcp-option`.
    TcpOption(u8),
    /// `-m tcpmss`: the largest segment that a SYN promises.
    TcpMss(Span<u16>),
    /// `-m multiport`: one of these ports; `None` is either port.
    Multiport(Option<Side>, Vec<PortRange>),
    /// `--icmp-type`.
    Icmp(Icmp),
    /// `--icmpv6-type`.
    Icmpv6(Icmp),
    /// `-m sctp --chunk-types`: the argument as it stands.
    SctpChunks(ChunkMode, String),
    /// `-m dccp --dccp-types`: numbers of types.
    DccpTypes(Vec<u8>),
    /// `-m dccp --dccp-option`.
    DccpOption(u8),
    /// `--ctstate`, `--state`.
    State(ConnectionStates),
    /// `--ctstatus`.
    Status(ConnectionStatus),
    /// `--ctproto`.
    ConnectionProtocol(Protocol),
    /// `--ctorigsrc`, `--ctorigdst`, `--ctreplsrc`, `--ctrepldst`.
    ConnectionAddress(ConnectionField, Side, Address),
    /// `--ctorigsrcport` and its like.
    ConnectionPort(ConnectionField, Side, PortRange),
    /// `--ctexpire`, in seconds.
    ConnectionExpiry(Span<u32>),
    /// `--ctdir`.
    ConnectionDirection(ConnectionField),
    /// `-m mark`.
    Mark(Masked),
    /// `-m connmark`.
    ConnectionMark(Masked),
    /// `--mac-source`.
    Mac(MacAddress),
    /// `-m iprange`.
    AddressRange(Side, Span<IpAddr>),
    /// `-m addrtype`.
    AddressType(Side, AddressTypes, AddressKind),
    /// `--physdev-in`, `--physdev-out`.
    PhysicalInterface(Direction, InterfacePattern),
    /// `--physdev-is-*`.
    Physical(Physical),
    /// `--uid-owner`.
    User(Span<u32>),
    /// `--gid-owner`.
    Group(Span<u32>),
    /// `--socket-exists`.
    SocketExists,
    /// `--pkt-type`.
    PacketType(PacketType),
    /// `-m length`: of the whole packet.
    Length(Span<u16>),
    /// `-m ttl`.
    Ttl(Bound, u8),
    /// `-m hl`.
    HopLimit(Bound, u8),
    /// `-m dscp`.
    Dscp(u8),
    /// `-m tos`: the whole octet.
    Tos(Masked),
    /// `-m ecn --ecn-ip-ect`.
    Ecn(u8),
    /// `-m ecn --ecn-tcp-cwr` (true) and `--ecn-tcp-ece` (false).
    EcnTcp(bool),
    /// `-m time`.
    Time(Calendar),
    /// `-m statistic`.
    Statistic(Statistic),
    /// `-m socket`.
    Socket(Vec<SocketOption>),
    /// `-m cgroup --cgroup`.
    CgroupClass(u32),
    /// `-m cgroup --path`.
    CgroupPath(String),
    /// `-m rpfilter`.
    ReversePath(Vec<LoopbackRoute>),
    /// `-m policy`: direction, `none` or the elements, and whether they are all (`--strict`).
    Ipsec {
        /// Which way.
        direction: Direction,
        /// Nothing is `--pol none`.
        elements: Option<Vec<PolicyElement>>,
        /// `--strict`.
        strict: bool,
    },
    /// `-m rt`.
    Routing(RoutingHeader),
    /// `-m frag`: the options, each with its value.
    Frag6 {
        /// `--fragid`.
        id: Option<(Sense, Span<u32>)>,
        /// `--fragfirst` (true), `--fragnotfirst`... nothing is any.
        first: Option<bool>,
        /// `--fragmore` (true), `--fraglast` (false).
        more: Option<bool>,
        /// `--fragres`.
        reserved: bool,
        /// `--fraglen`, at which the kernel does not look (`ip6t_frag`).
        length: Option<u32>,
    },
    /// `-m ah --ahspi`.
    AhSpi(Span<u32>),
    /// `-m esp --espspi`.
    EspSpi(Span<u32>),
    /// `-m ipcomp --ipcompspi`.
    IpCompSpi(Span<u32>),
    /// `-m dst`, `-m hbh`: the header is there, with a length and options as they stand.
    Options6 {
        /// `dst` rather than `hbh`.
        destination: bool,
        /// `--dst-len`, `--hbh-len`.
        length: Option<(Sense, u32)>,
        /// `--dst-opts`, `--hbh-opts`.
        options: Option<String>,
    },
    /// `-m ipv6header`: exactly these, or with `--soft` at least these.
    Headers {
        /// Which.
        headers: ExtensionHeaders,
        /// `--soft`.
        soft: bool,
    },
    /// `-m mh --mh-type`.
    MobilityType(Span<u8>),
    /// `-m set`.
    Set(MatchSet),
    /// `-m comment`: always true.
    Comment(String),
    /// `-m limit`.
    Limit {
        /// How much.
        rate: Rate,
        /// How much at once.
        burst: u32,
    },
    /// `-m hashlimit`.
    HashLimit(HashLimit),
    /// `-m connlimit`: more connections than `above` of one network. `--connlimit-upto` is the negation.
    ConnLimit {
        /// More than so many.
        above: u32,
        /// Length of the prefix that counts together.
        mask: u8,
        /// Which address.
        side: Side,
    },
    /// `-m recent`.
    Recent(Recent),
    /// `-m connbytes`: (`packets`, `bytes`, `avgpkt`), (`original`, `reply`, `both`), from, to.
    ConnBytes {
        /// `bytes`, `packets` or `avgpkt`.
        mode: String,
        /// `original`, `reply` or `both`.
        direction: String,
        /// The range.
        range: Span<u64>,
    },
    /// `-m helper`.
    Helper(String),
    /// `-m connlabel`: a number.
    ConnLabel {
        /// Which bit.
        label: u16,
        /// `--set`.
        set: bool,
    },
    /// `-m realm`.
    Realm(Masked),
    /// `-m devgroup`.
    DeviceGroup(Direction, Masked),
    /// `-m cpu`.
    Cpu(u32),
    /// `-m osf --genre`: the system that opens the connection, by how its packet looks.
    System(String),
    /// `-m quota`, in bytes.
    Quota(u64),
    /// A module or an option that is not known here.
    Unknown {
        /// Its text.
        text: String,
        /// What is not understood.
        reason: String,
    },
}

impl Test {
    /// Whether it asks the connection of a packet for more than its state.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::ConnectionProtocol(_)
                | Self::ConnectionAddress(..)
                | Self::ConnectionPort(..)
                | Self::ConnectionExpiry(_)
                | Self::ConnectionDirection(_)
                | Self::ConnectionMark(_)
                | Self::ConnBytes { .. }
                | Self::ConnLabel { .. }
                | Self::Helper(_)
        )
    }
}
