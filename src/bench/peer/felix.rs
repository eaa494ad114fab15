//! Felix's ways: with nft, and with iptables and ipset.

use super::command::Job;
use super::dialect::Adornment;
use super::dialect::iptables::Iptables;
use super::dialect::nft::{Layers, Members, Nft};
use super::layout::felix::{Names, layout};
use super::listing::{IPTABLES_LEGACY, IPTABLES_NFT, NFT};
use super::program::{Delta, Program};
use super::scene::Scene;
use super::script;
use super::scripted::Scripted;
use crate::model::State;
use crate::net::Family;
use crate::scenario::place::HOST;

/// Felix's nftables dataplane.
pub(super) static FELIX_NFT: Scripted = Scripted {
    name: "felix-nft",
    about: "nft in Felix's layout: two tables, mark and return, three transactions",
    needed: super::NFT_NEEDED,
    program: with_nft,
    jobs: script::nft::in_three,
    listing: NFT,
    spoil: script::nft::spoil,
};

/// Felix's iptables dataplane over the kernel's own tables.
pub(super) static IPTABLES_LEGACY_PEER: Scripted = Scripted {
    name: "iptables-legacy",
    about: "iptables-legacy-restore and ipset in Felix's layout",
    needed: super::LEGACY_NEEDED,
    program: with_iptables,
    jobs: legacy,
    listing: IPTABLES_LEGACY,
    spoil: script::iptables::spoil,
};

/// The same text over nf_tables.
pub(super) static IPTABLES_NFT_PEER: Scripted = Scripted {
    name: "iptables-nft",
    about: "iptables-nft-restore and ipset in Felix's layout",
    needed: super::XTABLES_NFT_NEEDED,
    program: with_iptables,
    jobs: over_nft,
    listing: IPTABLES_NFT,
    spoil: script::iptables::spoil,
};

fn with_nft(state: &State) -> Result<Program, String> {
    let scene = Scene::new(state, HOST)?;
    let names = Names {
        sets: ["cali40", "cali60"],
        chain_bytes: 64,
    };
    let mut program = Program::default();
    for (family, table, families) in [
        (Family::V4, "ip calico", &[Family::V4]),
        (Family::V6, "ip6 calico", &[Family::V6]),
    ] {
        let nft = Nft {
            table,
            adornment: Adornment::Felix,
            layers: Layers::Named,
            members: Members::Intervals,
            priority: 0,
            families,
        };
        nft.write(&layout(&scene, family, names), &mut program);
    }
    Ok(program)
}

fn with_iptables(state: &State) -> Result<Program, String> {
    let scene = Scene::new(state, HOST)?;
    let names = Names {
        sets: ["cali40", "cali60"],
        chain_bytes: 28,
    };
    let mut program = Program::default();
    for family in Family::ALL {
        let iptables = Iptables {
            family,
            adornment: Adornment::Felix,
        };
        iptables.write(&layout(&scene, family, names), &mut program)?;
    }
    Ok(program)
}

fn legacy(delta: &Delta<'_>) -> Vec<Job> {
    script::iptables::jobs(delta, super::LEGACY_RESTORES)
}

fn over_nft(delta: &Delta<'_>) -> Vec<Job> {
    script::iptables::jobs(delta, super::XTABLES_NFT_RESTORES)
}
