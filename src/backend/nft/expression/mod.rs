//! Instructions as attributes and back: `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA` and what is in them.
//!
//! All numbers are of linux/netfilter/nf_tables.h.

mod read;
mod write;

pub(crate) use read::{read, read_limit, read_object_type, read_value, read_verdict};
pub(crate) use write::{limit, milliseconds, object_type, value, verdict, write};

use crate::ruleset::LimitUnit;

pub(crate) const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
pub(crate) const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_VERDICT_CHAIN: u16 = 2;
/// Characters of `__set` and `__map`, after which the kernel puts a number.
pub(crate) const ANONYMOUS_PREFIX_CHARS: usize = 5;
const NFT_LOOKUP_F_INV: u32 = 1;
const NFT_RANGE_NEQ: u32 = 1;
const NFT_BYTEORDER_HTON: u32 = 1;
const NFT_LIMIT_F_INV: u32 = 1;

fn seconds(unit: LimitUnit) -> u64 {
    match unit {
        LimitUnit::Second => 1,
        LimitUnit::Minute => 60,
        LimitUnit::Hour => 3_600,
        LimitUnit::Day => 86_400,
    }
}
