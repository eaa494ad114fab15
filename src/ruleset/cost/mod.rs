//! The most that a packet can cost: the longest path through a ruleset, without a packet.
//!
//! A rule counts as matching and as not matching unless the class of the packet decides it, so the
//! result is an upper bound that no trace of such a packet exceeds.

mod class;
mod path;

use std::collections::BTreeMap;

use super::packet::Route;
use super::trace::{Cost, sees};
use super::{ChainPolicy, HookPoint, Name, Ruleset, Table};

pub use class::Class;
use path::{Search, Way, Ways};

/// The dearest way of any packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongestPath {
    /// What it costs.
    pub cost: Cost,
    /// The kind of packet that takes it.
    pub class: Class,
    /// The chains in the order in which they are entered.
    pub chains: Vec<Name>,
}

/// The longest path of any class of packets that is forwarded or comes in; `None` without a base chain.
pub fn longest_path(ruleset: &Ruleset) -> Option<LongestPath> {
    let paths = Class::all().map(|class| {
        let way = longest_way(ruleset, class);
        LongestPath {
            cost: way.cost,
            class,
            chains: way.chains(),
        }
    });
    // The first of equals, so that the answer does not depend on how the classes are counted.
    paths
        .filter(|path| !path.chains.is_empty())
        .reduce(|best, path| {
            if path.cost.total() > best.cost.total() {
                path
            } else {
                best
            }
        })
}

/// The longest way of a class over all its hooks: a drop ends it, an accept goes on.
fn longest_way(ruleset: &Ruleset, class: Class) -> Way {
    let mut passed = Some(Way::default());
    let mut ended = None;
    for &hook in class.route.hooks() {
        for (table, name, policy) in base_chains(ruleset, class, hook) {
            let Some(before) = passed.take() else { break };
            let ways = Search::new(table, class, hook).chain(name);
            let (accepted, dropped) = decided(ways, policy);
            ended = longer(ended, dropped.map(|way| before.then(&way)));
            passed = accepted.map(|way| before.then(&way));
        }
    }
    longer(ended, passed).unwrap_or_default()
}

/// What a base chain makes of the ways through it: accepted and dropped.
fn decided(ways: Ways, policy: ChainPolicy) -> (Option<Way>, Option<Way>) {
    match policy {
        ChainPolicy::Accept => (longer(ways.accept, ways.back), ways.drop),
        ChainPolicy::Drop => (ways.accept, longer(ways.drop, ways.back)),
    }
}

/// The longer of two ways; the first of equals.
fn longer(one: Option<Way>, other: Option<Way>) -> Option<Way> {
    match (one, other) {
        (Some(one), Some(other)) if other.cost.total() > one.cost.total() => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

fn base_chains(
    ruleset: &Ruleset,
    class: Class,
    point: HookPoint,
) -> Vec<(&Table, &Name, ChainPolicy)> {
    let mut found = BTreeMap::new();
    for (key, table) in ruleset
        .tables
        .iter()
        .filter(|(key, _)| sees(key.family, class.family))
    {
        for (name, chain) in &table.chains {
            if let Some(hook) = chain.hook.filter(|hook| hook.point == point) {
                found.insert((hook.priority, key, name), (table, name, hook.policy));
            }
        }
    }
    found.into_values().collect()
}

/// The ways of packets that the static cost covers.
const ROUTES: [Route; 2] = [Route::Forward, Route::Input];

#[cfg(test)]
mod tests;
