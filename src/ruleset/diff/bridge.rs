//! What an endpoint may do while it changes groups: what its old and its new policy both allow.
//!
//! Its entries in the dispatch maps lead for a moment to copies of its old policies, in which what is
//! allowed goes on to the new policies instead of past them:
//!
//! ```text
//! from : jump policy/old/out          -- bridge -->  jump bridge/0/policy/old/out -- goto policy/new/out
//! ```
//!
//! A packet that both policies drop is dropped at every instant, and one that both accept passes.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::generations::Changes;
use super::references;
use crate::ruleset::reference::Reference;
use crate::ruleset::transaction::Operation;
use crate::ruleset::{
    Chain, Data, Element, ElementData, Elements, Key, Kind, Name, Set, Table, Verdict,
};

/// The chain of the skeleton in which packets that policies deny end. All others let them go on.
const REFUSED: &str = "refused";

/// Chains that exist for the time of one commit, and what leads to them.
#[derive(Debug, Default)]
pub(super) struct Bridge {
    /// Makes the chains.
    pub(super) declare: Vec<Operation>,
    /// Writes their rules.
    pub(super) populate: Vec<Operation>,
    /// Leads the endpoint's traffic to them.
    pub(super) enter: Vec<Operation>,
    /// Empties them.
    pub(super) flush: Vec<Operation>,
    /// Removes the verdict maps that lead to them.
    pub(super) delete_maps: Vec<Operation>,
    /// Removes them.
    pub(super) delete: Vec<Operation>,
    made: BTreeSet<Name>,
}

impl Bridge {
    /// A bridge for every entry of a verdict map that moves.
    pub(super) fn of(changes: &Changes<'_>) -> Self {
        let mut bridge = Self::default();
        let prefix = unused_prefix(changes.applied);
        for (name, delta) in &changes.deltas {
            let Some((held, set)) = changes.set_in_force(name) else {
                continue;
            };
            for (key, wanted) in &delta.moved {
                let wanted = changes.names.element(wanted, set.data.as_ref());
                let old = set.elements.get(*key).map(|element| &element.data);
                if let (Some(ElementData::Verdict(old)), ElementData::Verdict(new)) =
                    (old, &wanted.data)
                    && let Some(both) = bridge.both(changes.applied, &prefix, old, new)
                {
                    bridge.lead(held, key, both);
                }
            }
        }
        bridge
    }

    /// The verdict for what both allow; `None` where the old one already is that.
    fn both(
        &mut self,
        table: &Table,
        prefix: &str,
        old: &Verdict,
        new: &Verdict,
    ) -> Option<Verdict> {
        let exit = new.target();
        match (old, exit) {
            (Verdict::Jump(chain), Some(exit)) => {
                Some(Verdict::Jump(self.copy(table, prefix, chain, exit)))
            }
            (Verdict::Goto(chain), Some(exit)) => {
                Some(Verdict::Goto(self.copy(table, prefix, chain, exit)))
            }
            (Verdict::Jump(_) | Verdict::Goto(_), None) => Some(new.clone()),
            (Verdict::Accept | Verdict::Drop | Verdict::Continue | Verdict::Return, _) => None,
        }
    }

    /// Copies a chain and those below it that belong to objects; what leaves them goes to the exit.
    fn copy(&mut self, table: &Table, prefix: &str, chain: &Name, exit: &Name) -> Name {
        let name = |chain: &Name| Name::from_parts(&format!("{prefix}{chain}"));
        let (copied, mut pending) = (name(chain), vec![chain.clone()]);
        while let Some(chain) = pending.pop() {
            let copy = name(&chain);
            if !self.made.insert(copy.clone()) {
                continue;
            }
            let empty = Chain::default();
            let rules = &table.chains.get(&chain).unwrap_or(&empty).rules;
            self.declare
                .push(Operation::AddChain(copy.clone(), Chain::default()));
            for rule in rules {
                let renamed = references::renamed_rule(rule, &|kind, target| match kind {
                    Kind::Chain if is_of_an_object(target) => name(target),
                    Kind::Chain if target.as_str() == REFUSED => target.clone(),
                    Kind::Chain => exit.clone(),
                    Kind::Set if is_verdict_map(table, target) => name(target),
                    Kind::Set | Kind::Counter | Kind::Limit => target.clone(),
                });
                self.populate
                    .push(Operation::AddRule(copy.clone(), renamed));
                for reference in rule.references() {
                    pending.extend(chain_below(reference));
                    if let Reference::Set(map) = reference
                        && is_verdict_map(table, map)
                    {
                        pending.extend(self.copy_map(table, map, exit, &name));
                    }
                }
            }
            if !rules.is_empty() {
                self.flush.push(Operation::FlushChain(copy.clone()));
            }
            self.delete.push(Operation::DeleteChain(copy));
        }
        copied
    }

    /// Copies the verdict map of a policy like its chains; gives the chains that the map leads to.
    fn copy_map(
        &mut self,
        table: &Table,
        map: &Name,
        exit: &Name,
        name: &impl Fn(&Name) -> Name,
    ) -> Vec<Name> {
        let (copy, Some(set)) = (name(map), table.sets.get(map)) else {
            return Vec::new();
        };
        if !self.made.insert(copy.clone()) {
            return Vec::new();
        }
        let rename = |_, target: &Name| match is_of_an_object(target) {
            true => name(target),
            false if target.as_str() == REFUSED => target.clone(),
            false => exit.clone(),
        };
        let elements = set.elements.iter().map(|(key, element)| {
            let renamed = references::renamed_element(element, set.data.as_ref(), &rename);
            (key.clone(), renamed)
        });
        let elements: Elements = elements.collect();
        let declaration = Set {
            elements: Elements::new(),
            ..set.clone()
        };
        self.declare
            .push(Operation::AddSet(copy.clone(), Box::new(declaration)));
        self.populate
            .push(Operation::AddElements(copy.clone(), elements));
        self.delete_maps.push(Operation::DeleteSet(copy));
        let below = set.elements.values().filter_map(Element::target);
        below
            .filter(|chain| is_of_an_object(chain))
            .cloned()
            .collect()
    }

    fn lead(&mut self, map: &Name, key: &Key, verdict: Verdict) {
        let element = Element::of(ElementData::Verdict(verdict));
        self.enter
            .push(Operation::DeleteElements(map.clone(), vec![key.clone()]));
        let elements = Elements::from([(key.clone(), element)]);
        self.enter
            .push(Operation::AddElements(map.clone(), elements));
    }
}

fn chain_below(reference: Reference<'_>) -> Option<Name> {
    match reference {
        Reference::Chain(name) => is_of_an_object(name).then(|| name.clone()),
        Reference::Set(_) | Reference::Counter(_) | Reference::Limit(_) => None,
    }
}

/// Whether a set is the verdict map of a policy, whose elements lead out of it.
fn is_verdict_map(table: &Table, set: &Name) -> bool {
    let held = table.sets.get(set);
    is_of_an_object(set) && held.is_some_and(|set| set.data == Some(Data::Verdict))
}

/// Objects' names have a `/`, those of the skeleton have none.
pub(super) fn is_of_an_object(chain: &Name) -> bool {
    chain.as_str().contains('/')
}

/// The beginning of names that nothing in the table has, not even what a commit that died left.
fn unused_prefix(table: &Table) -> String {
    let prefixes = (0..).map(|number: u32| format!("bridge/{number}/"));
    let is_free = |prefix: &String| {
        let bounds = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let mut from = table.chains.range::<str, _>(bounds);
        from.next()
            .is_none_or(|(name, _)| !name.as_str().starts_with(prefix))
    };
    prefixes.into_iter().find(is_free).unwrap_or_default()
}
