//! Sets of flags that rules name together.

use bitflags::bitflags;

bitflags! {
    /// TCP flags, as bits of the header.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct TcpFlags: u8 {
        /// No more data.
        const FIN = 0x01;
        /// Opens a connection.
        const SYN = 0x02;
        /// Breaks it off.
        const RST = 0x04;
        /// Push.
        const PSH = 0x08;
        /// Acknowledges.
        const ACK = 0x10;
        /// Urgent.
        const URG = 0x20;
    }

    /// What `--ctstate` and `--state` name: a packet matches that is in one of them. Two of them
    /// are no states but status bits of the connection.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ConnectionStates: u8 {
        /// Of no connection, or wrong.
        const INVALID = 0x01;
        /// Of a connection that was seen both ways.
        const ESTABLISHED = 0x02;
        /// Caused by another connection.
        const RELATED = 0x04;
        /// Opens a connection.
        const NEW = 0x08;
        /// Not tracked.
        const UNTRACKED = 0x10;
        /// The source was translated.
        const SNAT = 0x20;
        /// The destination was translated.
        const DNAT = 0x40;
    }

    /// What `--ctstatus` names: one bit must be there.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ConnectionStatus: u8 {
        /// No bit at all.
        const NONE = 0x01;
        /// Was announced by a helper.
        const EXPECTED = 0x02;
        /// Was answered.
        const SEEN_REPLY = 0x04;
        /// Is not forgotten early.
        const ASSURED = 0x08;
        /// Its first packet left the host.
        const CONFIRMED = 0x10;
    }

    /// What `addrtype` names: an address of one of these types matches.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct AddressTypes: u16 {
        /// `UNSPEC`.
        const UNSPEC = 0x001;
        /// `UNICAST`.
        const UNICAST = 0x002;
        /// `LOCAL`.
        const LOCAL = 0x004;
        /// `BROADCAST`.
        const BROADCAST = 0x008;
        /// `ANYCAST`.
        const ANYCAST = 0x010;
        /// `MULTICAST`.
        const MULTICAST = 0x020;
        /// `BLACKHOLE`.
        const BLACKHOLE = 0x040;
        /// `UNREACHABLE`.
        const UNREACHABLE = 0x080;
        /// `PROHIBIT`.
        const PROHIBIT = 0x100;
        /// `THROW`.
        const THROW = 0x200;
        /// `NAT`.
        const NAT = 0x400;
        /// `XRESOLVE`.
        const XRESOLVE = 0x800;
    }

    /// What `ipv6header` names.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ExtensionHeaders: u8 {
        /// Hop-by-hop options.
        const HOP = 0x80;
        /// Destination options.
        const DST = 0x40;
        /// Routing.
        const ROUTE = 0x20;
        /// Fragment.
        const FRAG = 0x10;
        /// Authentication.
        const AUTH = 0x08;
        /// Encrypted payload.
        const ESP = 0x04;
        /// No next header.
        const NONE = 0x02;
        /// An upper-layer protocol.
        const PROTO = 0x01;
    }
}
