//! How commands say what a layout says.

pub(super) mod iptables;
pub(super) mod nft;
pub(super) mod words;

/// What Felix writes beside each rule, to know it again: a hash of the chain's name and the rule.
fn felix_hash(chain: &str, rule: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(chain.as_bytes());
    hasher.update(b" ");
    hasher.update(rule.as_bytes());
    let digits = hasher.finalize().to_hex();
    format!("cali:{}", digits.chars().take(16).collect::<String>())
}

/// What stands in a rule beside its tests and its act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adornment {
    Nothing,
    /// A counter where the dialect has rules without one, and a comment with a hash.
    Felix,
}
