//! Statements: what a rule tests and does.

use std::collections::BTreeMap;
use std::time::Duration;

use bitflags::bitflags;

use super::{Bytes, Expression, Key, MetaKey, Name};

/// One statement of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `ip saddr 10.0.0.0/8`: the rule goes on only if it holds.
    Match(Match),
    /// `accept`, `drop`, `jump x`, ...
    Verdict(Verdict),
    /// `iifname vmap @map`.
    Vmap {
        /// What is looked up.
        key: Vec<Expression>,
        /// Where.
        map: VmapSource,
    },
    /// `counter`: an anonymous counter; its values are the kernel's and not kept.
    Counter,
    /// `counter name "x"`.
    NamedCounter(Name),
    /// `counter name ip saddr map @m`: the counter that an object map names.
    CounterMap {
        /// What is looked up.
        key: Vec<Expression>,
        /// The object map.
        map: Name,
    },
    /// `limit rate 10/second burst 5 packets`.
    Limit(Limit),
    /// `limit name "x"`.
    NamedLimit(Name),
    /// `log prefix "x" group 1`.
    Log {
        /// Put before the line.
        prefix: Option<String>,
        /// The nflog group; `None` is the kernel's log.
        group: Option<u16>,
    },
    /// `reject with ...`.
    Reject(RejectKind),
    /// `notrack`.
    Notrack,
    /// `meta mark set ...`.
    SetMark(MarkSource),
    /// `add @set { ip saddr timeout 10s }`.
    Dynamic {
        /// `add` or `update`.
        operation: DynamicOperation,
        /// The dynamic set.
        set: Name,
        /// The key of the element.
        key: Vec<Expression>,
        /// A timeout of its own.
        timeout: Option<Duration>,
        /// A limit kept per element.
        limit: Option<Limit>,
    },
}

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What is read; more than one for a concatenation.
    pub left: Vec<Expression>,
    /// A mask applied before the comparison (`meta mark & 0xff == 0x1`), in kernel bytes.
    pub mask: Option<Bytes>,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub right: Operand,
}

impl Match {
    /// `meta mark & bit == bit`.
    pub fn mark_has(bit: u32) -> Self {
        let bit = bit.to_ne_bytes();
        Self {
            left: vec![Expression::Meta(MetaKey::Mark)],
            mask: Some(Bytes::from_slice(&bit)),
            operator: Operator::Eq,
            right: Operand::Key(Key::value(&bit)),
        }
    }
}

/// How a match compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// Equal, or contained.
    Eq,
    /// Not equal, or not contained.
    Ne,
}

/// What a match compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// One value, prefix or range.
    Key(Key),
    /// Any of these bits, `ct state established,related`; under `Ne` none of them, `ct state ! new`.
    /// Only for the types that are bits: `ct_state` and `tcp_flag`.
    AnyBit(Bytes),
    /// A named set.
    Set(Name),
    /// An anonymous set.
    Anonymous(Vec<Key>),
}

/// Where a verdict is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VmapSource {
    /// A named verdict map.
    Named(Name),
    /// An anonymous verdict map.
    Anonymous(BTreeMap<Key, Verdict>),
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Ends the base chain; later hooks still see the packet.
    Accept,
    /// The packet is gone.
    Drop,
    /// Go on with the next rule.
    Continue,
    /// Back to the chain that jumped here.
    Return,
    /// Into a chain, and back at its end.
    Jump(Name),
    /// Into a chain, without coming back.
    Goto(Name),
}

impl Verdict {
    /// The chain that the verdict leads to.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Continue | Self::Return => None,
        }
    }
}

/// A token bucket: `limit rate [over] RATE/UNIT [burst N packets]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit {
    /// Packets per unit.
    pub rate: u64,
    /// The unit of time.
    pub unit: LimitUnit,
    /// Packets above the rate that pass at once. nft's default is 5.
    pub burst: u32,
    /// `over`: match what exceeds the rate instead of what keeps it.
    pub over: bool,
}

/// Units of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitUnit {
    /// 1 second.
    Second,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
}

/// How a packet is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectKind {
    /// `reject`: port unreachable in the packet's own family (`icmpx port-unreachable`).
    PortUnreachable,
    /// `reject with icmpx admin-prohibited`.
    AdminProhibited,
    /// `reject with tcp reset`.
    TcpReset,
}

/// Where a packet's new mark comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkSource {
    /// `meta mark set (meta mark & keep) ^ flip`: a constant is `keep: 0`, a set bit is
    /// `keep: !bit, flip: bit`, a cleared bit is `keep: !bit, flip: 0`.
    Bits {
        /// The bits of the old mark that stay.
        keep: u32,
        /// The bits inverted afterwards.
        flip: u32,
    },
    /// `meta mark set ip saddr map @m`.
    Map {
        /// What is looked up.
        key: Vec<Expression>,
        /// The map.
        map: Name,
    },
}

impl MarkSource {
    /// `meta mark set meta mark | bit`.
    pub fn with(bit: u32) -> Self {
        Self::Bits {
            keep: !bit,
            flip: bit,
        }
    }

    /// `meta mark set meta mark & ~bit`.
    pub fn without(bit: u32) -> Self {
        Self::Bits {
            keep: !bit,
            flip: 0,
        }
    }
}

/// How a packet changes a dynamic set, `NFT_DYNSET_OP_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DynamicOperation {
    /// Add if it is not there.
    Add,
    /// Add, or renew its timeout.
    Update,
}

bitflags! {
    /// `ct state` bits (libnftables ct.c; `NF_CT_STATE_BIT`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct CtState: u32 {
        /// Not a packet of any connection.
        const INVALID = 1;
        /// Packets were seen in both directions.
        const ESTABLISHED = 2;
        /// A new connection that another one announced.
        const RELATED = 4;
        /// The first packet.
        const NEW = 8;
        /// Tracking was turned off for the packet.
        const UNTRACKED = 64;
    }
}
