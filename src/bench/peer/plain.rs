//! Plain ways: a rule for a rule with nft or iptables, and kube-proxy's way of maps in one transaction.

use super::command::Job;
use super::dialect::iptables::Iptables;
use super::dialect::nft::{Layers, Members, Nft};
use super::dialect::{self, Adornment};
use super::layout::plain::{Style, layout};
use super::listing::{IPTABLES_LEGACY, NFT};
use super::program::{Delta, Program};
use super::scene::Scene;
use super::script;
use super::script::nft::Batch;
use super::scripted::Scripted;
use crate::model::State;
use crate::net::Family;
use crate::scenario::place::HOST;

/// What a straight translation would be.
pub(super) static LINEAR_NFT: Scripted = Scripted {
    name: "linear-nft",
    about: "nft with one rule for each rule of the policy, in order",
    needed: super::NFT_NEEDED,
    program: linear_nft,
    jobs: together,
    listing: NFT,
    spoil: script::nft::spoil,
};

/// The same in iptables.
pub(super) static LINEAR_IPTABLES: Scripted = Scripted {
    name: "linear-iptables-legacy",
    about: "iptables-legacy-restore with one rule for each rule of the policy, in order",
    needed: super::LEGACY_NEEDED,
    program: linear_iptables,
    jobs: legacy,
    listing: IPTABLES_LEGACY,
    spoil: script::iptables::spoil,
};

/// The way of kube-proxy's nftables mode.
pub(super) static KUBE_PROXY: Scripted = Scripted {
    name: "kube-proxy",
    about: "nft in kube-proxy's way: verdict maps of exact values, one transaction a family",
    needed: super::NFT_NEEDED,
    program: kube_proxy,
    jobs: each,
    listing: NFT,
    spoil: script::nft::spoil,
};

/// What the crate rustables can say.
pub(super) static RUSTABLES: Scripted = Scripted {
    name: "rustables",
    about: "the crate rustables, one rule for each rule of the policy, in as many transactions as it takes",
    needed: super::RUSTABLES_NEEDED,
    program: rustables,
    jobs: script::words::jobs,
    listing: NFT,
    spoil: script::words::spoil,
};

/// Where kube-proxy filters, before the usual place.
const KUBE_PROXY_PRIORITY: i32 = -110;

fn linear_nft(state: &State) -> Result<Program, String> {
    let scene = Scene::new(state, HOST)?;
    let nft = Nft {
        table: "inet linear",
        adornment: Adornment::Nothing,
        layers: Layers::Unnamed,
        members: Members::Hashed,
        priority: 0,
        families: &Family::ALL,
    };
    let mut program = Program::default();
    let layout = layout(&scene, &Family::ALL, Style::Rules);
    nft.write(&layout, &mut program);
    Ok(program)
}

fn rustables(state: &State) -> Result<Program, String> {
    let scene = Scene::new(state, HOST)?;
    let mut program = Program::default();
    let layout = layout(&scene, &Family::ALL, Style::Rules);
    dialect::words::write(&layout, &mut program)?;
    Ok(program)
}

fn linear_iptables(state: &State) -> Result<Program, String> {
    let scene = Scene::new(state, HOST)?;
    let mut program = Program::default();
    for family in Family::ALL {
        let iptables = Iptables {
            family,
            adornment: Adornment::Nothing,
        };
        let layout = layout(&scene, &[family], Style::Rules);
        iptables.write(&layout, &mut program)?;
    }
    Ok(program)
}

fn kube_proxy(state: &State) -> Result<Program, String> {
    let scene = Scene::new(state, HOST)?;
    let mut program = Program::default();
    for (table, families) in [
        ("ip kube-proxy", &[Family::V4]),
        ("ip6 kube-proxy", &[Family::V6]),
    ] {
        let nft = Nft {
            table,
            adornment: Adornment::Nothing,
            layers: Layers::Unnamed,
            members: Members::Hashed,
            priority: KUBE_PROXY_PRIORITY,
            families,
        };
        let layout = layout(&scene, families, Style::Maps);
        nft.write(&layout, &mut program);
    }
    Ok(program)
}

fn together(delta: &Delta<'_>) -> Vec<Job> {
    script::nft::by_table(delta, Batch::Together)
}

fn each(delta: &Delta<'_>) -> Vec<Job> {
    script::nft::by_table(delta, Batch::Each)
}

fn legacy(delta: &Delta<'_>) -> Vec<Job> {
    script::iptables::jobs(delta, super::LEGACY_RESTORES)
}
