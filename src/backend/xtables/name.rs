//! Names of chains and ipsets: short, readable, and ours by their prefix.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::net::Family;

/// Longest name of a chain, `XT_EXTENSION_MAXNAMELEN - 1` (linux/netfilter/x_tables.h).
pub const CHAIN_NAME_BYTES_MAX: usize = 28;

/// Longest name of an ipset, `IPSET_MAXNAMELEN - 1` (linux/netfilter/ipset/ip_set.h).
pub const IPSET_NAME_BYTES_MAX: usize = 31;

/// What the name of every chain of ours begins with.
pub const CHAIN_PREFIX: &str = "mgy-";

/// What the name of every ipset of ours begins with: `mgy4-` or `mgy6-`.
pub const IPSET_PREFIX: &str = "mgy";

/// Digits of the hash in a name that had to be cut, 6 bits each: whoever chooses names of objects must not
/// find two with one hash, and something to read is to stay.
const HASH_DIGITS: usize = 20;

/// The digits: nothing that iptables or ipset reads anything into.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

/// The name of a chain of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainName(Arc<str>);

impl ChainName {
    /// The name of what stands for this object; a long one is cut and ends with a hash of the whole.
    pub fn of(object: &str) -> Self {
        Self(fitting(CHAIN_PREFIX, object, CHAIN_NAME_BYTES_MAX).into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChainName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an ipset of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpsetName(Arc<str>);

impl IpsetName {
    /// The name of what stands for this object in a family.
    pub fn of(family: Family, object: &str) -> Self {
        let digit = match family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let prefix = format!("{IPSET_PREFIX}{digit}-");
        Self(fitting(&prefix, object, IPSET_NAME_BYTES_MAX).into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for IpsetName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IpsetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first digits of a hash of a text.
pub fn hash(text: &str, digits: usize) -> String {
    let mut hex = blake3::hash(text.as_bytes()).to_hex().to_string();
    hex.truncate(digits);
    hex
}

/// Objects have names that nft accepts, in which nothing is special to iptables or ipset.
fn fitting(prefix: &str, object: &str, bytes_max: usize) -> String {
    let whole = format!("{prefix}{object}");
    if whole.len() <= bytes_max {
        return whole;
    }
    let kept: String = whole.chars().take(bytes_max - HASH_DIGITS - 1).collect();
    format!("{kept}~{}", dense(object))
}

/// The first bits of a hash in as few characters as they take.
fn dense(text: &str) -> String {
    let hash = blake3::hash(text.as_bytes());
    let (mut bits, mut count) = (0_usize, 0);
    let mut digits = String::with_capacity(HASH_DIGITS);
    for byte in hash.as_bytes() {
        (bits, count) = (bits << 8 | usize::from(*byte), count + 8);
        while count >= 6 && digits.len() < HASH_DIGITS {
            count -= 6;
            digits.push(char::from(DIGITS[bits >> count & 63]));
        }
        bits &= 63;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let object = |last: char| format!("policy/a-rather-long-name/in/tcp{last}");
        let (one, other) = (ChainName::of(&object('4')), ChainName::of(&object('6')));
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), CHAIN_NAME_BYTES_MAX);
        assert!(one.as_str().starts_with("mgy-pol~"), "{one}");
        let digits = |name: &str| name.split_once('~').unwrap().1.len();
        assert!(6 * digits(one.as_str()) >= 100, "{one}");
        let set = IpsetName::of(Family::V4, &object('4'));
        assert_eq!(set.as_str().len(), IPSET_NAME_BYTES_MAX);
        assert!(set.as_str().starts_with("mgy4-polic~"), "{set}");
        let short = IpsetName::of(Family::V6, "group/web");
        assert_eq!(short.as_str(), "mgy6-group/web");
    }
}
