//! What an endpoint may do while it changes groups: what its old and its new policy both allow.
//!
//! Its entries in the dispatch maps lead for a moment to copies of its old policies, from which what is
//! allowed comes back with a mark and goes on to the new policies:
//!
//! ```text
//! chain bridge/0/over/from {                      chain bridge/0/bundle/old/out {
//!     jump bridge/0/bundle/old/out                    jump bridge/0/policy/old/out
//!     meta mark & 0x2000 == 0x2000 ...                meta mark & 0x2000 == 0x2000 return
//!         goto bundle/new/out                     }
//! }
//! chain bridge/0/policy/old/out {                 chain bridge/0/crossed {
//!     ip daddr @group/x/v4 goto bridge/0/crossed      meta mark set meta mark | 0x2000
//! }                                               }
//! ```
//!
//! A packet that both policies drop is dropped at every instant, and one that both accept passes. The
//! new policies do not hang below the old ones: chains may lead no more than 16 deep.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::generations::Changes;
use super::references;
use crate::ruleset::reference::Reference;
use crate::ruleset::transaction::Operation;
use crate::ruleset::{
    Chain, Data, Element, ElementData, Elements, Key, Kind, MarkSource, Match, Name, Rule, Set,
    Statement, Table, Verdict, VmapSource,
};

/// The chain of the skeleton in which packets that policies deny end. All others let them go on.
const REFUSED: &str = "refused";
/// The bit of the mark that the skeleton's `allowed` sets. Until a packet comes there nobody reads it.
const CROSSED: u32 = 0x2000;

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
        let from = Bank {
            table: changes.applied,
            prefix: unused_prefix(changes.applied),
        };
        for (name, delta) in &changes.deltas {
            let Some((held, set)) = changes.set_in_force(name) else {
                continue;
            };
            for (key, wanted) in &delta.moved {
                let wanted = changes.names.element(wanted, set.data.as_ref());
                let old = set.elements.get(*key).map(|element| &element.data);
                if let (Some(ElementData::Verdict(old)), ElementData::Verdict(new)) =
                    (old, &wanted.data)
                    && let Some(both) = bridge.both(&from, name, old, new)
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
        from: &Bank<'_>,
        map: &Name,
        old: &Verdict,
        new: &Verdict,
    ) -> Option<Verdict> {
        match (old, new.target()) {
            (Verdict::Jump(chain), Some(exit)) => {
                Some(Verdict::Jump(self.over(from, map, chain, exit)))
            }
            (Verdict::Goto(chain), Some(exit)) => {
                Some(Verdict::Goto(self.over(from, map, chain, exit)))
            }
            (Verdict::Jump(_) | Verdict::Goto(_), None) => Some(new.clone()),
            (Verdict::Accept | Verdict::Drop | Verdict::Continue | Verdict::Return, _) => None,
        }
    }

    /// The chain that asks the old policies, and of what they allow the new ones.
    fn over(&mut self, from: &Bank<'_>, map: &Name, old: &Name, new: &Name) -> Name {
        let over = from.name(format!("over/{map}"));
        self.copy(from, old);
        let ask_old = vec![Statement::Verdict(Verdict::Jump(from.name(old)))];
        let ask_new = vec![
            Statement::Match(Match::mark_has(CROSSED)),
            Statement::SetMark(MarkSource::without(CROSSED)),
            Statement::Verdict(Verdict::Goto(new.clone())),
        ];
        self.chain(over.clone(), [ask_old, ask_new].map(Rule::new).into());
        over
    }

    /// Copies a chain and those below it that belong to objects; what leaves them comes back marked.
    fn copy(&mut self, from: &Bank<'_>, chain: &Name) {
        let crossed = Statement::SetMark(MarkSource::with(CROSSED));
        self.chain(from.crossed(), vec![Rule::new(vec![crossed])]);
        let mut pending = vec![chain.clone()];
        while let Some(chain) = pending.pop() {
            if self.made.contains(&from.name(&chain)) {
                continue;
            }
            let rules = from.table.chains.get(&chain).map_or(&[][..], |c| &c.rules);
            let mut copies = Vec::new();
            for rule in rules {
                copies.push(references::renamed_rule(rule, &|kind, name| {
                    from.renamed(kind, name)
                }));
                if from.comes_back(rule) {
                    copies.push(Rule::new(vec![
                        Statement::Match(Match::mark_has(CROSSED)),
                        Statement::Verdict(Verdict::Return),
                    ]));
                }
                for reference in rule.references() {
                    pending.extend(chain_below(reference));
                    if let Reference::Set(map) = reference
                        && from.is_verdict_map(map)
                    {
                        pending.extend(self.copy_map(from, map));
                    }
                }
            }
            self.chain(from.name(&chain), copies);
        }
    }

    fn chain(&mut self, name: Name, rules: Vec<Rule>) {
        if !self.made.insert(name.clone()) {
            return;
        }
        self.declare
            .push(Operation::AddChain(name.clone(), Chain::default()));
        if !rules.is_empty() {
            self.flush.push(Operation::FlushChain(name.clone()));
        }
        let rules = rules.into_iter();
        self.populate
            .extend(rules.map(|rule| Operation::AddRule(name.clone(), rule)));
        self.delete.push(Operation::DeleteChain(name));
    }

    /// Copies the verdict map of a policy like its chains; gives the chains that the map leads to.
    fn copy_map(&mut self, from: &Bank<'_>, map: &Name) -> Vec<Name> {
        let (copy, Some(set)) = (from.name(map), from.table.sets.get(map)) else {
            return Vec::new();
        };
        if !self.made.insert(copy.clone()) {
            return Vec::new();
        }
        let rename = |kind, target: &Name| from.renamed(kind, target);
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

/// Where a bridge begins: what is in force, and what the names of copies begin with.
struct Bank<'a> {
    table: &'a Table,
    prefix: String,
}

impl Bank<'_> {
    fn name(&self, original: impl std::fmt::Display) -> Name {
        Name::from_parts(&format!("{}{original}", self.prefix))
    }

    /// The chain to which all goes that the old policies allow.
    fn crossed(&self) -> Name {
        self.name("crossed")
    }

    /// What a copy names instead of what the original does.
    fn renamed(&self, kind: Kind, target: &Name) -> Name {
        match kind {
            Kind::Chain if is_of_an_object(target) => self.name(target),
            Kind::Chain if target.as_str() == REFUSED => target.clone(),
            Kind::Chain => self.crossed(),
            Kind::Set if self.is_verdict_map(target) => self.name(target),
            Kind::Set | Kind::Counter | Kind::Limit => target.clone(),
        }
    }

    /// Whether a set is the verdict map of a policy, whose elements lead out of it.
    fn is_verdict_map(&self, set: &Name) -> bool {
        let held = self.table.sets.get(set);
        is_of_an_object(set) && held.is_some_and(|set| set.data == Some(Data::Verdict))
    }

    /// Whether packets that the rule leads away may come back behind it.
    fn comes_back(&self, rule: &Rule) -> bool {
        let jumps = |verdict: &Verdict| matches!(verdict, Verdict::Jump(_));
        let element_jumps = |element: &Element| match &element.data {
            ElementData::Verdict(verdict) => jumps(verdict),
            ElementData::None | ElementData::Value(_) | ElementData::Object(_) => false,
        };
        rule.statements.iter().any(|statement| match statement {
            Statement::Verdict(verdict) => jumps(verdict),
            Statement::Vmap {
                map: VmapSource::Anonymous(map),
                ..
            } => map.values().any(jumps),
            Statement::Vmap {
                map: VmapSource::Named(map),
                ..
            } => {
                let held = self.table.sets.get(map);
                held.is_some_and(|held| held.elements.values().any(element_jumps))
            }
            Statement::Match(_)
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::CounterMap { .. }
            | Statement::Limit(_)
            | Statement::NamedLimit(_)
            | Statement::Log { .. }
            | Statement::Reject(_)
            | Statement::Notrack
            | Statement::SetMark(_)
            | Statement::Dynamic { .. } => false,
        })
    }
}

fn chain_below(reference: Reference<'_>) -> Option<Name> {
    match reference {
        Reference::Chain(name) => is_of_an_object(name).then(|| name.clone()),
        Reference::Set(_) | Reference::Counter(_) | Reference::Limit(_) => None,
    }
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
