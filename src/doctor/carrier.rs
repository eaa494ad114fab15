//! What programs the kernel now, and what could.

use std::path::Path;

use super::Check;
use crate::backend::carrier::Carrier;
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::xtables::{Provider, Variant, traces};
use crate::compile::skeleton::table_key;

/// Where it is kept what rules of iptables were made of, unless it is said otherwise.
const RUN_DIR: &str = "/run/margay";

pub(super) fn checks() -> Vec<Check> {
    vec![in_force(), programs()]
}

fn in_force() -> Check {
    const NAME: &str = "backend";
    let nft = NftBackend::new(Ownership::None).map(Carrier::Nft);
    let is_in_force = |mut nft: Carrier| nft.is_in_force(&table_key()).unwrap_or(false);
    let mut held: Vec<&str> = nft
        .is_ok_and(is_in_force)
        .then_some("nft")
        .into_iter()
        .collect();
    let left = traces(Path::new(RUN_DIR)).unwrap_or_default();
    held.extend(left.into_iter().map(Variant::name));
    match &held[..] {
        [] => Check::fine(NAME, "nothing of ours is in force"),
        [one] => Check::fine(NAME, format!("in force by {one}")),
        several => Check::warning(
            NAME,
            format!("in force by {} at once", several.join(" and ")),
            "somebody was stopped on the way from one to the other: start the agent, or apply again",
        ),
    }
}

fn programs() -> Check {
    const NAME: &str = "iptables and ipset";
    let there = Variant::ALL.into_iter();
    let there = there.filter(|variant| Provider::of(*variant).is_ok());
    let there: Vec<_> = there.map(Variant::name).collect();
    Check::fine(
        NAME,
        match &there[..] {
            [] => "not there; only a host without nf_tables needs them".to_owned(),
            there => format!("{}, with ipset", there.join(" and ")),
        },
    )
}
