//! Values: words of registers, verdicts, limits, userdata.

use std::fmt;

use crate::ruleset::{Limit, LimitUnit, Verdict};

/// Bytes as the 32-bit words that the registers hold, in the host's order.
pub(super) fn words<'a>(bytes: &'a [u8], prefix: &'a str) -> impl fmt::Display + 'a {
    Words { bytes, prefix }
}

struct Words<'a> {
    bytes: &'a [u8],
    prefix: &'a str,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, chunk) in self.bytes.chunks(4).enumerate() {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{}{:08x}", self.prefix, u32::from_ne_bytes(word))?;
        }
        Ok(())
    }
}

/// A verdict; the chain that it leads to stands behind an arrow.
pub(super) struct VerdictText<'a>(pub(super) &'a Verdict);

impl fmt::Display for VerdictText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Verdict::Accept => f.write_str("accept"),
            Verdict::Drop => f.write_str("drop"),
            Verdict::Continue => f.write_str("continue"),
            Verdict::Return => f.write_str("return"),
            Verdict::Jump(chain) => write!(f, "jump -> {chain}"),
            Verdict::Goto(chain) => write!(f, "goto -> {chain}"),
        }
    }
}

/// `[ limit rate 10/second burst 5 type packets flags 0x0 ]`; an object's flags have no `0x`.
pub(super) fn limit(limit: &Limit, flags_prefix: &str) -> String {
    let unit = match limit.unit {
        LimitUnit::Second => "second",
        LimitUnit::Minute => "minute",
        LimitUnit::Hour => "hour",
        LimitUnit::Day => "day",
    };
    let (rate, burst, over) = (limit.rate, limit.burst, u32::from(limit.over));
    format!("[ limit rate {rate}/{unit} burst {burst} type packets flags {flags_prefix}{over} ]")
}

/// What only nft reads: printable bytes as they are, the others in hexadecimal.
pub(super) struct Userdata<'a>(pub(super) &'a [u8]);

impl fmt::Display for Userdata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("userdata = { ")?;
        for byte in self.0 {
            if byte.is_ascii_graphic() || *byte == b' ' {
                write!(f, "{}", char::from(*byte))?;
            } else {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str(" }")
    }
}
