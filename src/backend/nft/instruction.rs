//! The register machine that rules are lowered to: one instruction is one kernel expression.

use std::time::Duration;

use crate::ruleset::{Bytes, DynamicOperation, Limit, Name, ObjectKind, Verdict};

/// `NFT_REG_VERDICT` (linux/netfilter/nf_tables.h).
pub(crate) const NFT_REG_VERDICT: u32 = 0;
/// `NFT_REG_1`, sixteen bytes; also where every value begins.
pub(crate) const NFT_REG_1: u32 = 1;
/// `NFT_REG32_00`, the first register of four bytes, which is the beginning of `NFT_REG_1`.
const NFT_REG32_00: u32 = 8;

/// The register that begins `word` times four bytes into the register file.
///
/// Like nft, a position that begins one of the registers of sixteen bytes is called by that name.
pub(crate) fn register_at(word: u32) -> u32 {
    if word.is_multiple_of(4) {
        NFT_REG_1 + word / 4
    } else {
        NFT_REG32_00 + word
    }
}

/// How far into the register file a register begins, in words.
pub(crate) fn word_of(register: u32) -> u32 {
    if register < NFT_REG32_00 {
        register.saturating_sub(NFT_REG_1) * 4
    } else {
        register - NFT_REG32_00
    }
}

/// `enum nft_payload_bases` (linux/netfilter/nf_tables.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    Link = 0,
    Network = 1,
    Transport = 2,
}

/// `enum nft_cmp_ops` (linux/netfilter/nf_tables.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq = 0,
    Ne = 1,
    LessOrEqual = 3,
    GreaterOrEqual = 5,
}

/// A set as a rule names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SetReference {
    /// By name.
    Named(Name),
    /// By an id inside the transaction; the kernel makes the name: `__set%d` becomes `__set3`.
    Anonymous { name: String, id: u32 },
}

/// `enum nft_reject_types` (linux/netfilter/nf_tables.h).
pub(crate) const NFT_REJECT_ICMP_UNREACH: u32 = 0;
pub(crate) const NFT_REJECT_TCP_RST: u32 = 1;
pub(crate) const NFT_REJECT_ICMPX_UNREACH: u32 = 2;

/// One kernel expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instruction {
    Payload {
        register: u32,
        base: Base,
        offset: u32,
        length: u32,
    },
    Meta {
        register: u32,
        key: u32,
    },
    MetaSet {
        register: u32,
        key: u32,
    },
    Ct {
        register: u32,
        key: u32,
    },
    Fib {
        register: u32,
        flags: u32,
        result: u32,
    },
    Compare {
        register: u32,
        comparison: Comparison,
        value: Bytes,
    },
    /// `NFT_RANGE_NEQ`: nft uses the expression for nothing else.
    NotInRange {
        register: u32,
        first: Bytes,
        last: Bytes,
    },
    Bitwise {
        register: u32,
        mask: Bytes,
        flip: Bytes,
    },
    /// Host to network order, `length` bytes in units of `size`.
    Byteorder {
        register: u32,
        length: u32,
        size: u32,
    },
    Lookup {
        register: u32,
        set: SetReference,
        inverted: bool,
        destination: Option<u32>,
    },
    Verdict(Verdict),
    Value {
        register: u32,
        value: Bytes,
    },
    Counter,
    Object(ObjectKind, Name),
    ObjectMap {
        register: u32,
        set: SetReference,
    },
    Limit(Limit),
    Log {
        prefix: Option<String>,
        group: Option<u16>,
    },
    Reject {
        kind: u32,
        code: u8,
    },
    Notrack,
    Dynset {
        register: u32,
        operation: DynamicOperation,
        set: Name,
        timeout: Option<Duration>,
        limit: Option<Limit>,
    },
}
