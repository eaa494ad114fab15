//! What an earlier run left in xtables, found without making anything.

use std::io;
use std::path::Path;

use super::kept::Kept;
use super::name::CHAIN_PREFIX;
use super::provider::{Provider, Variant, holds_chains};

/// The variants of iptables that hold rules of ours, or of which a record says that they did.
///
/// `ipset` is not asked: on a host that never had any of it, that would load modules.
///
/// # Errors
/// It is not known what is there: a table cannot be read.
pub fn traces(run_dir: &Path) -> io::Result<Vec<Variant>> {
    let kept = Kept::of(run_dir);
    // What a process that was killed had begun may not be done.
    if let Ok(kept) = &kept {
        kept.wait();
    }
    let mut left = Vec::new();
    for variant in Variant::ALL {
        if holds_rules(variant)? {
            left.push(variant);
        }
    }
    let recorded = kept.is_ok_and(|kept| kept.is_there());
    if left.is_empty() && recorded {
        // Sets without rules: any variant may take them away.
        let mut working = Variant::ALL.into_iter();
        left.extend(working.find(|variant| Provider::of(*variant).is_ok()));
    }
    Ok(left)
}

fn holds_rules(variant: Variant) -> io::Result<bool> {
    let held = holds_chains(variant, &format!("\n:{CHAIN_PREFIX}"));
    match variant {
        Variant::Legacy => held,
        // Where nf_tables does not answer, there is nothing in it.
        Variant::Nft => Ok(held.unwrap_or(false)),
    }
}
