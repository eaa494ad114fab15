//! Which hooks lead to a chain.

use std::collections::{BTreeMap, BTreeSet};

use crate::migrate::iptables::{Hook, Table, Target};

/// The hooks from which packets come to each chain.
pub(super) fn hooks(table: &Table) -> BTreeMap<&str, BTreeSet<Hook>> {
    let chains = table.by_name();
    let mut reached: BTreeMap<&str, BTreeSet<Hook>> = BTreeMap::new();
    for base in table.chains.iter().filter(|chain| chain.hook.is_some()) {
        let Some(hook) = base.hook else { continue };
        let mut open = vec![base.name.as_str()];
        while let Some(name) = open.pop() {
            if !reached.entry(name).or_default().insert(hook) {
                continue;
            }
            let rules = chains.get(name).into_iter().flat_map(|chain| &chain.rules);
            for rule in rules {
                if let Target::Jump(next) | Target::Goto(next) = &rule.target {
                    open.push(next.as_str());
                }
            }
        }
    }
    reached
}

/// The kernel follows so many jumps from a base chain, less one (`NFT_JUMP_STACK_SIZE`).
const JUMPS: usize = 16;

/// The lines of rules that jump deeper than nft can.
pub(super) fn too_deep(table: &Table) -> Vec<usize> {
    let bases = table.chains.iter().filter(|chain| chain.hook.is_some());
    let mut depths: BTreeMap<&str, usize> = bases.map(|chain| (chain.name.as_str(), 0)).collect();
    let mut deep = Vec::new();
    for _ in 0..=JUMPS {
        for chain in &table.chains {
            let Some(depth) = depths.get(chain.name.as_str()).copied() else {
                continue;
            };
            for rule in &chain.rules {
                if let Target::Jump(next) | Target::Goto(next) = &rule.target {
                    let known = depths.entry(next).or_default();
                    *known = (*known).max(depth + 1);
                    if depth + 1 >= JUMPS && !deep.contains(&rule.line) {
                        deep.push(rule.line);
                    }
                }
            }
        }
    }
    deep
}
