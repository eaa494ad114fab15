//! Which hooks lead to a chain.

use std::collections::{BTreeMap, BTreeSet};

use super::action::takes_a_chain;
use crate::migrate::iptables::{Hook, List, Rule, Table, Target, Test};

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

/// The lines of rules that jump deeper than nft can. All that is deeper is as deep as another: a chain is looked at
/// once for each depth up to there, however many chains lead into one another.
pub(super) fn too_deep(table: &Table, lists: &BTreeMap<String, List>) -> BTreeSet<usize> {
    let chains = table.by_name();
    let bases = table.chains.iter().filter(|chain| chain.hook.is_some());
    let mut open: Vec<(&str, usize)> = bases.map(|chain| (chain.name.as_str(), 0)).collect();
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    let mut deep = BTreeSet::new();
    while let Some((name, depth)) = open.pop() {
        if depths.get(name).is_some_and(|known| *known >= depth) {
            continue;
        }
        depths.insert(name, depth);
        let below = JUMPS.min(depth + 1);
        let rules = chains.get(name).into_iter().flat_map(|chain| &chain.rules);
        for rule in rules {
            let mut jumps = takes_a_chain(&rule.target) || counts(rule, lists);
            if let Target::Jump(next) | Target::Goto(next) = &rule.target {
                open.push((next, below));
                jumps = true;
            }
            if jumps && below == JUMPS {
                deep.insert(rule.line);
            }
        }
    }
    deep
}

/// Whether a rule asks or writes a list whose packets are counted, which is done in chains.
fn counts(rule: &Rule, lists: &BTreeMap<String, List>) -> bool {
    rule.matches.iter().any(|one| {
        let Test::Recent(recent) = &one.test else {
            return false;
        };
        let list = lists.get(&recent.name);
        list.is_some_and(|list| !list.counted.is_empty())
    })
}
