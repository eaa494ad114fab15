//! The kernel's bound on the graph of chains, validated at the end of a batch (`nft_chain_validate`).

use std::collections::BTreeMap;

use rustix::io::Errno;

use super::apply::Refusal;
use crate::ruleset::reference::Reference;
use crate::ruleset::trace::CHAIN_DEPTH_MAX;
use crate::ruleset::{Name, Table};

/// Refuses loops and chains deeper than [`CHAIN_DEPTH_MAX`] below a base chain; what no base chain
/// reaches is not looked at.
pub(super) fn check(table: &Table) -> Result<(), Refusal> {
    let mut heights = BTreeMap::new();
    let bases = table
        .chains
        .iter()
        .filter(|(_, chain)| chain.hook.is_some());
    for (name, _) in bases {
        if height(table, name, 1, &mut heights).is_none() {
            return Err(Refusal::new(
                Errno::MLINK,
                format!(
                    "chain {name:?} leads more than {CHAIN_DEPTH_MAX} chains deep, or in a circle"
                ),
            ));
        }
    }
    Ok(())
}

/// Chains on the longest way down from a chain, itself included; `None` where it is too long.
fn height<'a>(
    table: &'a Table,
    name: &'a Name,
    depth: usize,
    heights: &mut BTreeMap<&'a Name, usize>,
) -> Option<usize> {
    if depth > CHAIN_DEPTH_MAX {
        return None;
    }
    let known = heights.get(name).copied();
    let height = match known {
        Some(known) => known,
        None => {
            let mut longest = 0;
            for target in targets(table, name) {
                longest = longest.max(height(table, target, depth + 1, heights)?);
            }
            heights.insert(name, longest + 1);
            longest + 1
        }
    };
    (depth + height <= CHAIN_DEPTH_MAX + 1).then_some(height)
}

/// The chains that a chain's rules lead to, also through maps.
fn targets<'a>(table: &'a Table, name: &Name) -> Vec<&'a Name> {
    let mut targets = Vec::new();
    let rules = table.chains.get(name).map_or(&[][..], |chain| &chain.rules);
    for reference in rules.iter().flat_map(|rule| rule.references()) {
        match reference {
            Reference::Chain(target) => targets.push(target),
            Reference::Set(set) => {
                let elements = table
                    .sets
                    .get(set)
                    .into_iter()
                    .flat_map(|set| set.elements.values());
                targets.extend(elements.filter_map(|element| element.target()));
            }
            Reference::Counter(_) | Reference::Limit(_) => {}
        }
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}
