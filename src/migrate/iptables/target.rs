//! Targets: what becomes of a packet that matches.

use std::net::IpAddr;

use super::{Side, Span};
use crate::net::Family;
use crate::net::{Cidr, PortRange};

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// No `-j`: it is counted and goes on.
    Continue,
    /// `ACCEPT`.
    Accept,
    /// `DROP`.
    Drop,
    /// `RETURN`.
    Return,
    /// `-j CHAIN`.
    Jump(String),
    /// `-g CHAIN`.
    Goto(String),
    /// `REJECT`.
    Reject(Reject),
    /// `LOG`.
    Log(Log),
    /// `NFLOG`, `ULOG`.
    NetfilterLog(NetfilterLog),
    /// `DNAT`.
    Dnat(Nat),
    /// `SNAT`.
    Snat(Nat),
    /// `MASQUERADE`: ports alone.
    Masquerade(Nat),
    /// `REDIRECT`: ports alone.
    Redirect(Nat),
    /// `NETMAP`: the prefix is put in the place of the address's own.
    Netmap(Cidr),
    /// `MARK`.
    Mark(Bits),
    /// `CONNMARK`.
    Connmark(Connmark),
    /// `NOTRACK`, and `CT --notrack`.
    NoTrack,
    /// `CT`.
    Ct(ConntrackTarget),
    /// `TCPMSS`.
    TcpMss(SegmentSize),
    /// `TCPOPTSTRIP`: numbers of options.
    TcpOptStrip(Vec<u8>),
    /// `TEE`: a copy goes to that neighbour.
    Tee {
        /// To whom.
        gateway: IpAddr,
        /// By which interface.
        interface: Option<String>,
    },
    /// `TPROXY`.
    Tproxy {
        /// Whom to; nothing or unspecified is this host.
        address: Option<IpAddr>,
        /// The port; zero keeps it.
        port: u16,
        /// What the mark becomes.
        mark: Option<Bits>,
    },
    /// `NFQUEUE`, `QUEUE`.
    Queue(Queue),
    /// `DSCP`.
    Dscp(u8),
    /// `TOS`: the octet.
    Tos(Bits),
    /// `ECN --ecn-tcp-remove`.
    EcnRemove,
    /// `TTL`.
    Ttl(HopLimit),
    /// `HL`.
    Hl(HopLimit),
    /// `CLASSIFY`.
    Classify {
        /// The upper half of the priority.
        major: u16,
        /// The lower half.
        minor: u16,
    },
    /// `SYNPROXY`.
    Synproxy(Synproxy),
    /// `AUDIT`: the argument of `--type`.
    Audit(String),
    /// `TRACE`.
    Trace,
    /// `CHECKSUM --checksum-fill`.
    Checksum,
    /// `SET`.
    Set(SetTarget),
    /// A target, or an option of one, that is not known here.
    Unknown {
        /// Its text.
        text: String,
        /// What is not understood.
        reason: String,
    },
}

/// What is sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// A TCP reset.
    TcpReset,
    /// An unreachable message: in IPv4 `icmp` code, in IPv6 `icmpv6` code of type 1.
    Unreachable {
        /// The code.
        code: u8,
        /// Whose code it is.
        family: Family,
    },
}

/// `LOG`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    /// The prefix.
    pub prefix: Option<String>,
    /// The level, 0 to 7; iptables takes 4 where none is named.
    pub level: u8,
    /// Flags: 1 sequence, 2 TCP options, 4 IP options, 8 user, 32 MAC.
    pub flags: u8,
}

/// `NFLOG`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetfilterLog {
    /// The group; iptables takes 0 where none is named.
    pub group: u16,
    /// The prefix.
    pub prefix: Option<String>,
    /// So many bytes of the packet.
    pub size: Option<u32>,
    /// So many packets at once.
    pub threshold: Option<u16>,
    /// `--nflog-range`: has no effect in the kernel.
    pub range: Option<u32>,
}

/// What an address and port become.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nat {
    /// Nothing keeps the address.
    pub range: NatRange,
    /// Nothing keeps the port.
    pub ports: Option<PortRange>,
    /// `--to-ports a-b/base`: a shifted range.
    pub base: Option<u16>,
    /// `--random`.
    pub random: bool,
    /// `--random-fully`.
    pub random_fully: bool,
    /// `--persistent`.
    pub persistent: bool,
}

/// Addresses of a translation; nothing keeps the address.
pub type NatRange = Option<Span<IpAddr>>;

/// How bits change: `new = (old & !clear) ^ toggle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits {
    /// These bits are cleared first.
    pub clear: u32,
    /// Then these are toggled; `--or-mark v` clears v and toggles v.
    pub toggle: u32,
}

/// `CONNMARK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connmark {
    /// The connection's mark changes.
    Set(Bits),
    /// `ctmark = (ctmark & !ctmask) ^ (nfmark & nfmask)`.
    Save {
        /// Of the packet.
        nfmask: u32,
        /// Of the connection.
        ctmask: u32,
    },
    /// `nfmark = (nfmark & !nfmask) ^ (ctmark & ctmask)`.
    Restore {
        /// Of the packet.
        nfmask: u32,
        /// Of the connection.
        ctmask: u32,
    },
}

/// `CT` without `--notrack`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConntrackTarget {
    /// `--helper`.
    pub helper: Option<String>,
    /// `--zone`, `--zone-orig`, `--zone-reply`: which direction, which zone.
    pub zones: Vec<(Option<super::ConnectionField>, u16)>,
    /// `--zone mark`.
    pub zone_of_mark: bool,
    /// `--ctevents`: the argument.
    pub events: Option<String>,
    /// `--expevents`: the argument.
    pub expectation_events: Option<String>,
    /// `--timeout`: the name of a policy that is not in the dump.
    pub timeout: Option<String>,
}

/// `TCPMSS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentSize {
    /// `--set-mss`; never raises it.
    Set(u16),
    /// `--clamp-mss-to-pmtu`.
    ClampToPathMtu,
}

/// `NFQUEUE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queue {
    /// The queues.
    pub numbers: Span<u16>,
    /// `--queue-bypass`.
    pub bypass: bool,
    /// `--queue-cpu-fanout`.
    pub fanout: bool,
}

/// `TTL` and `HL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HopLimit {
    /// Becomes that.
    Set(u8),
    /// Grows.
    Increase(u8),
    /// Shrinks.
    Decrease(u8),
}

/// `SYNPROXY`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Synproxy {
    /// `--mss`.
    pub mss: Option<u16>,
    /// `--wscale`.
    pub window_scale: Option<u8>,
    /// `--sack-perm`.
    pub sack: bool,
    /// `--timestamp`.
    pub timestamp: bool,
    /// `--ecn`.
    pub ecn: bool,
}

/// `SET`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetTarget {
    /// What is done, in the order of the text.
    pub actions: Vec<(SetAction, String, Vec<Side>)>,
    /// `--exist`: the timeout starts again.
    pub exist: bool,
    /// `--timeout`, in seconds.
    pub timeout: Option<u32>,
}

/// What `SET` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetAction {
    /// `--add-set`.
    Add,
    /// `--del-set`.
    Delete,
    /// `--map-set`.
    Map,
}
