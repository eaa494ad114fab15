//! What an earlier run left in xtables, found without making anything.

use std::path::Path;

use super::kept::Kept;
use super::name::CHAIN_PREFIX;
use super::provider::{Provider, Variant};

/// The variants of iptables that hold rules of ours, or of which a record says that they did.
///
/// `ipset` is not asked: on a host that never had any of it, that would load modules.
pub fn traces(run_dir: &Path) -> Vec<Variant> {
    let kept = Kept::of(run_dir);
    // What a process that was killed had begun may not be done.
    if let Ok(kept) = &kept {
        kept.wait();
    }
    let mut left: Vec<Variant> = {
        let variants = Variant::ALL.into_iter();
        variants.filter(|variant| holds_rules(*variant)).collect()
    };
    let recorded = kept.is_ok_and(|kept| kept.is_there());
    if left.is_empty() && recorded {
        // Sets without rules: any variant may take them away.
        let mut working = Variant::ALL.into_iter();
        left.extend(working.find(|variant| Provider::of(*variant).is_ok()));
    }
    left
}

fn holds_rules(variant: Variant) -> bool {
    let Ok(provider) = Provider::of(variant) else {
        return false;
    };
    let tables = provider.tables().unwrap_or_default();
    let declared = format!("\n:{CHAIN_PREFIX}");
    tables.into_iter().any(|(family, name)| {
        let saved = provider.save(family, name);
        saved.is_ok_and(|saved| saved.contains(&declared))
    })
}
