//! What a rule does.

use std::net::IpAddr;
use std::time::Duration;

use crate::ruleset::Name;

use super::{Expression, MapSource, Match, Value};

/// One statement of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statement {
    /// The rule goes on only if it holds.
    Match(Match),
    /// `accept`, `jump x`.
    Verdict(Verdict),
    /// `iifname vmap @m`.
    VerdictMap {
        /// What is looked up.
        key: Vec<Expression>,
        /// Where.
        map: MapSource,
    },
    /// `counter packets 0 bytes 0`; without numbers, `counter`.
    Counter(Option<(u64, u64)>),
    /// `counter name "x"`, `quota name "x"`, `limit name "x"`, `synproxy name "x"`.
    Named {
        /// `counter`, `quota`, `limit` or `synproxy`.
        kind: String,
        /// The object.
        name: Name,
    },
    /// `limit rate 10/second burst 5 packets`.
    Limit(Limit),
    /// `quota over 100 bytes`.
    Quota {
        /// Matches what is above.
        over: bool,
        /// How many bytes.
        bytes: u64,
    },
    /// `ct count over 10`: connections with the key of the set, or that reach the rule.
    ConnLimit {
        /// Matches what is above.
        over: bool,
        /// How many.
        count: u32,
    },
    /// `log prefix "x"`.
    Log(Log),
    /// `reject with icmp port-unreachable`.
    Reject(RejectWith),
    /// `dnat to 10.0.0.1:80`.
    Nat(Nat),
    /// `notrack`.
    Notrack,
    /// `meta mark set 0x1`, `ip dscp set cs1`, `ct helper set "ftp"`, `tcp option maxseg size set rt mtu`.
    Set {
        /// What is written to.
        field: Expression,
        /// What is written.
        value: Expression,
    },
    /// `reset tcp option 8`: nothing is in the place of the option.
    ResetOption(String),
    /// `update @s { ip saddr timeout 60s limit rate over 10/minute }`.
    Dynamic {
        /// `add`, `update` or `delete`.
        operation: String,
        /// The set.
        set: Name,
        /// The key of the element.
        key: Vec<Expression>,
        /// How long it stays.
        timeout: Option<Duration>,
        /// What each element keeps count of.
        statements: Vec<Self>,
        /// What a map learns for the key.
        data: Option<Expression>,
    },
    /// `dup to 10.0.0.1 device "eth0"`.
    Dup {
        /// Who gets the copy.
        to: IpAddr,
        /// By which interface.
        device: Option<String>,
    },
    /// `tproxy ip to 127.0.0.1:8080`.
    Tproxy {
        /// `ip` or `ip6`; none where the table's family says it.
        family: Option<String>,
        /// The address.
        address: Option<IpAddr>,
        /// The port.
        port: Option<u16>,
    },
    /// `queue flags bypass to 1-3`.
    Queue {
        /// The first queue.
        first: u16,
        /// The last queue.
        last: u16,
        /// Let packets pass where nobody listens.
        bypass: bool,
        /// Choose by processor.
        fanout: bool,
    },
    /// `synproxy mss 1460 wscale 7 timestamp sack-perm`.
    Synproxy {
        /// The largest segment that is promised.
        mss: Option<u16>,
        /// The window scale that is promised.
        wscale: Option<u8>,
        /// `timestamp`.
        timestamp: bool,
        /// `sack-perm`.
        sack_perm: bool,
    },
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Ends the base chain.
    Accept,
    /// The packet is gone.
    Drop,
    /// On to the next rule.
    Continue,
    /// Back to the chain that jumped here.
    Return,
    /// Into a chain, and back at its end.
    Jump(Name),
    /// Into a chain, without coming back.
    Goto(Name),
}

/// `rate over 10/second burst 5 packets`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit {
    /// Matches what exceeds the rate.
    pub over: bool,
    /// How much per unit.
    pub rate: u64,
    /// Packets, or a unit of bytes.
    pub amount: Amount,
    /// `second`, `minute`, `hour`, `day` or `week`.
    pub unit: String,
    /// What may pass at once, in packets or bytes; 5 packets where nothing is said.
    pub burst: Option<u64>,
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Amount {
    /// Packets.
    Packets,
    /// Bytes.
    Bytes,
}

/// `log prefix "x" group 1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    /// Put before the line.
    pub prefix: Option<String>,
    /// The nflog group; the kernel's log where there is none.
    pub group: Option<u16>,
    /// Bytes that are copied to the group.
    pub snaplen: Option<u32>,
    /// Packets that are gathered.
    pub queue_threshold: Option<u16>,
    /// `warn`, `debug`, `audit`; nothing is `warn`.
    pub level: Option<String>,
    /// `tcp sequence`, `tcp options`, `ip options`, `skuid`, `ether`, `all`, in this order.
    pub flags: Vec<String>,
}

/// What a refused sender gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectWith {
    /// `reject with tcp reset`.
    TcpReset,
    /// `reject with icmp port-unreachable`: `icmp`, `icmpv6` or `icmpx`, and the code.
    Icmp(String, String),
}

/// A translation of addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// `ip` or `ip6`; in an inet table it must be said where there is an address.
    pub family: Option<String>,
    /// Where to; none for `masquerade` and `redirect` as they are.
    pub to: Option<NatTarget>,
    /// `random`.
    pub random: bool,
    /// `fully-random`.
    pub fully_random: bool,
    /// `persistent`.
    pub persistent: bool,
}

/// Which translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatKind {
    /// `snat`.
    Snat,
    /// `dnat`.
    Dnat,
    /// `masquerade`.
    Masquerade,
    /// `redirect`.
    Redirect,
}

/// Where a translation leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatTarget {
    /// `10.0.0.1`, `10.0.0.1-10.0.0.5:80-90`, `:80`. One of them is there.
    Fixed {
        /// The first and the last address.
        addresses: Option<(IpAddr, IpAddr)>,
        /// The first and the last port.
        ports: Option<(u16, u16)>,
    },
    /// `ip saddr map { ... }`, or with `prefix` or `addr . port` before it.
    Map {
        /// The words before it: nothing, `prefix` or `addr . port`.
        form: String,
        /// What is looked up.
        key: Vec<Expression>,
        /// Where.
        map: MapSource,
    },
}

impl Statement {
    /// Writes a constant to a field.
    pub fn set(field: impl Into<Expression>, value: Value) -> Self {
        Self::Set {
            field: field.into(),
            value: Expression::Value(value),
        }
    }
}

impl From<Verdict> for Statement {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

impl From<Match> for Statement {
    fn from(test: Match) -> Self {
        Self::Match(test)
    }
}
