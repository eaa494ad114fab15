//! Lays changes out as transactions.

use std::collections::{BTreeMap, BTreeSet};

use super::bridge::Bridge;
use super::cost;
use super::elements::Delta;
use super::generations::{Changes, is_owned};
use super::members::Regrouped;
use super::reach::Passage;
use super::steps;
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::tracked::Polarity;
use crate::ruleset::transaction::{Operation, Phase, Step, Wait};
use crate::ruleset::{Chain, Element, Elements, Expression, Key, Kind, Name, Set};

/// The transactions of a commit, by what they are for.
#[derive(Debug, Default)]
pub(super) struct Phases {
    declare: Vec<Operation>,
    populate: Vec<Operation>,
    fill: Vec<Operation>,
    /// A packet may still read what a commit that died left behind, so changing that waits.
    populate_after: Wait,
    /// Whether elements come before others go.
    loosens_first: bool,
    /// Entries of verdict maps that lead to a bridge until their real move.
    enter: Vec<Operation>,
    /// What comes to sets that deny. In such sets the phases have each other's place: phases are
    /// named for what becomes of elements.
    deny: Vec<Vec<Operation>>,
    tighten: Vec<Operation>,
    tighten_alone: Vec<Vec<Operation>>,
    switch: BTreeMap<Passage, Vec<Operation>>,
    relocate: Vec<Relocation>,
    loosen: Vec<Operation>,
    loosen_alone: Vec<Vec<Operation>>,
    readmit: Vec<Vec<Operation>>,
    flush: Vec<Operation>,
    withdraw: Vec<Operation>,
    delete: Vec<Operation>,
    digest: Vec<Operation>,
}

impl Phases {
    /// Sorts every difference into its phase.
    pub(super) fn of(changes: &Changes<'_>) -> Self {
        let mut phases = Self::default();
        phases.objects(changes);
        phases.sets(changes);
        phases.chains(changes);
        if phases.switch.len() > 1 {
            phases.replaced_sets(changes);
        }
        phases.state(changes);
        phases.garbage(changes);
        phases.regroup(changes);
        phases
    }

    /// Changes of groups alone have an order of their own.
    fn regroup(&mut self, changes: &Changes<'_>) {
        let moves_and_members = !(self.loosen.is_empty() && self.tighten.is_empty());
        match Regrouped::of(changes) {
            Regrouped::Peers => self.loosens_first = true,
            Regrouped::Endpoint if moves_and_members => {
                let bridge = Bridge::of(changes);
                self.loosens_first = true;
                self.declare.extend(bridge.declare);
                self.populate.extend(bridge.populate);
                self.enter = bridge.enter;
                self.flush.extend(bridge.flush);
                self.delete.extend(bridge.delete_maps);
                self.delete.extend(bridge.delete);
            }
            Regrouped::Endpoint | Regrouped::More => {}
        }
    }

    /// The transactions in order; what needs no operation is left out.
    pub(super) fn into_steps(mut self) -> Vec<Step> {
        let first = match self.loosens_first {
            true => std::mem::take(&mut self.loosen),
            false => Vec::new(),
        };
        let chained = |lists: [Vec<Operation>; 2]| lists.into_iter().flatten().collect();
        let populate = chained([chained([self.declare, self.populate]), self.fill]);
        let relocate = self.relocate.into_iter().map(|moved| moved.operations);
        let collect = chained([self.flush, self.delete]);
        let one = |phase, operations| vec![(phase, operations)];
        let each = |phase, lists: Vec<Vec<Operation>>| {
            lists
                .into_iter()
                .map(|list| (phase, list))
                .collect::<Vec<_>>()
        };
        let phases = [
            one(Phase::Populate, populate),
            each(Phase::Loosen, self.deny),
            one(Phase::Move, self.enter),
            one(Phase::Loosen, first),
            one(Phase::Tighten, self.tighten),
            each(Phase::Tighten, self.tighten_alone),
            each(Phase::Switch, self.switch.into_values().collect()),
            each(Phase::Move, relocate.collect()),
            one(Phase::Loosen, self.loosen),
            each(Phase::Loosen, self.loosen_alone),
            each(Phase::Tighten, self.readmit),
            one(Phase::Collect, self.withdraw),
            one(Phase::Collect, collect),
        ];
        let mut steps = steps::in_order(phases.into_iter().flatten(), self.populate_after);
        steps::place_digest(&mut steps, self.digest);
        steps
    }

    fn objects(&mut self, changes: &Changes<'_>) {
        let names = &changes.names;
        for (name, &comment) in &changes.wanted.counters {
            if names.kept(Kind::Counter, name).is_none() {
                let target = names.target(Kind::Counter, name);
                self.declare
                    .push(Operation::AddCounter(target, comment.clone()));
            }
        }
        for (name, &limit) in &changes.wanted.limits {
            if names.kept(Kind::Limit, name).is_none() {
                let target = names.target(Kind::Limit, name);
                self.declare.push(Operation::AddLimit(target, *limit));
            }
        }
    }

    fn sets(&mut self, changes: &Changes<'_>) {
        for (&name, &set) in &changes.wanted.sets {
            let delta = changes.deltas.get(name);
            let target = changes.names.target(Kind::Set, name);
            let kept = changes.names.kept(Kind::Set, name);
            let is_kept = kept.is_some();
            let edits = delta.filter(|_| is_kept);
            let edits = edits.map(|delta| Edits::of(delta, target.clone(), set, changes));
            match edits {
                _ if !is_kept => self.new_set(target, set, changes),
                None => {}
                Some(edits) if !changes.is_read(name) => self.unread_set(edits),
                Some(edits) if set.data.is_some() => {
                    let lookups = kept.map(|kept| changes.reach().lookups(kept));
                    self.map(edits, set, &lookups.unwrap_or_default());
                }
                Some(edits) => self.set(edits, set, changes.polarity(name)),
            }
        }
    }

    fn new_set(&mut self, target: Name, set: &Set, changes: &Changes<'_>) {
        let declaration = Set {
            key: set.key.clone(),
            data: set.data.clone(),
            comment: set.comment.clone(),
            elements: Elements::new(),
            size: cost::declared_size(set),
            ..*set
        };
        self.declare
            .push(Operation::AddSet(target.clone(), Box::new(declaration)));
        if !set.elements.is_empty() {
            // Put together anew: a tree that grew key by key is half empty, and its clone as well,
            // which takes whoever encodes it twice as long to walk.
            let elements = renamed(set.elements.iter(), set, changes);
            self.fill.push(Operation::AddElements(target, elements));
        }
    }

    fn unread_set(&mut self, edits: Edits) {
        self.populate_after = Wait::Grace;
        self.populate.extend(edits.relocate_first);
        self.populate.extend(edits.remove);
        self.fill.extend(edits.relocate_then);
        self.fill.extend(edits.add);
    }

    fn map(&mut self, edits: Edits, set: &Set, lookups: &[&[Expression]]) {
        if edits.relocate_first.is_some() {
            let moved = self.relocation(lookups);
            moved.operations.extend(edits.relocate_first);
            moved.operations.extend(edits.relocate_then);
        }
        self.withdraw.extend(edits.remove);
        gather(edits.add, set, &mut self.loosen, &mut self.loosen_alone);
    }

    /// The first transaction in which no map is read with what this one is read with: a packet
    /// shows the one key that moves to both, and would see one moved and one not.
    fn relocation(&mut self, lookups: &[&[Expression]]) -> &mut Relocation {
        let is_free = |moved: &Relocation| {
            !moved
                .lookups
                .iter()
                .any(|key| lookups.contains(&key.as_slice()))
        };
        let at = self
            .relocate
            .iter()
            .position(is_free)
            .unwrap_or(self.relocate.len());
        if at == self.relocate.len() {
            self.relocate.push(Relocation::default());
        }
        let moved = &mut self.relocate[at];
        moved.lookups.extend(lookups.iter().map(|key| key.to_vec()));
        moved
    }

    fn set(&mut self, edits: Edits, set: &Set, polarity: Polarity) {
        if polarity.contains(Polarity::DENIES) {
            self.deny.extend(edits.add.map(|operation| vec![operation]));
            self.readmit
                .extend(edits.remove.map(|operation| vec![operation]));
            return;
        }
        gather(
            edits.remove,
            set,
            &mut self.tighten,
            &mut self.tighten_alone,
        );
        gather(edits.add, set, &mut self.loosen, &mut self.loosen_alone);
    }

    /// Where rules switch at two points of a packet's path, a set that many share and that is replaced
    /// loses its elements first like any other: its readers switch one after the other.
    fn replaced_sets(&mut self, changes: &Changes<'_>) {
        for (name, delta) in &changes.deltas {
            let is_kept = changes.names.kept(Kind::Set, name).is_some();
            let Some((in_force, held)) = changes.set_in_force(name).filter(|_| !is_kept) else {
                continue;
            };
            let is_shared = held.data.is_none() && cost::is_hash(held) && !is_owned(name);
            let admits = changes.polarity(name) == Polarity::ADMITS;
            if is_shared && admits && changes.is_read(name) && !delta.removed.is_empty() {
                let keys = delta.removed.iter().map(|key| (*key).clone()).collect();
                self.tighten
                    .push(Operation::DeleteElements(in_force.clone(), keys));
            }
        }
    }

    fn chains(&mut self, changes: &Changes<'_>) {
        for (&name, &chain) in &changes.wanted.chains {
            if name.as_str() == STATE_CHAIN || changes.names.kept(Kind::Chain, name).is_some() {
                continue;
            }
            let target = changes.names.target(Kind::Chain, name);
            let declaration = Chain {
                rules: Vec::new(),
                ..chain.clone()
            };
            let declaration = Operation::AddChain(target.clone(), declaration);
            match chain.hook {
                None => {
                    self.declare.push(declaration);
                    add_rules(&mut self.populate, &target, chain, changes);
                }
                Some(hook) => {
                    let at = Passage::of(hook.point);
                    let switch = self.switch.entry(at).or_default();
                    switch.push(declaration);
                    add_rules(switch, &target, chain, changes);
                }
            }
        }
        for name in &changes.rewritten {
            self.rewritten_chain(name, changes);
        }
    }

    fn rewritten_chain(&mut self, name: &Name, changes: &Changes<'_>) {
        let (Some(held), Some(chain)) = (
            changes.names.kept(Kind::Chain, name),
            changes.wanted.chains.get(name),
        ) else {
            return;
        };
        let operations = match changes.reach().passage(held) {
            None => {
                self.populate_after = Wait::Grace;
                &mut self.populate
            }
            // Of a chain that packets meet twice the first meeting decides.
            Some(first) => self.switch.entry(first).or_default(),
        };
        flush(operations, held, changes);
        add_rules(operations, held, chain, changes);
    }

    /// The digest is written when all that it speaks of is in force.
    fn state(&mut self, changes: &Changes<'_>) {
        let Some((name, chain)) = changes.desired.chains.get_key_value(STATE_CHAIN) else {
            return;
        };
        let held = changes.applied.chains.get(name);
        if held.is_none() {
            let declaration = Chain {
                rules: Vec::new(),
                ..chain.clone()
            };
            self.declare
                .push(Operation::AddChain(name.clone(), declaration));
        }
        self.digest = steps::signature(changes.applied, changes.desired);
    }

    /// References go before what they refer to: rules, maps' elements, maps, chains, the rest.
    fn garbage(&mut self, changes: &Changes<'_>) {
        let (names, wanted) = (&changes.names, &changes.wanted);
        let sets = names.garbage(Kind::Set, wanted.sets.keys());
        let chains = names.garbage(Kind::Chain, wanted.chains.keys());
        let counters = names.garbage(Kind::Counter, wanted.counters.keys());
        let limits = names.garbage(Kind::Limit, wanted.limits.keys());
        for name in &chains {
            flush(&mut self.flush, name, changes);
        }
        let mut delete = |names: BTreeSet<&Name>, operation: fn(Name) -> Operation| {
            let operations = names.into_iter().cloned().map(operation);
            self.delete.extend(operations);
        };
        delete(sets, Operation::DeleteSet);
        delete(chains, Operation::DeleteChain);
        delete(counters, Operation::DeleteCounter);
        delete(limits, Operation::DeleteLimit);
    }
}

/// Values of maps that change together.
#[derive(Debug, Default)]
struct Relocation {
    /// What packets look up in the maps.
    lookups: Vec<Vec<Expression>>,
    operations: Vec<Operation>,
}

/// The changes of one set's elements as operations.
#[derive(Debug)]
struct Edits {
    remove: Option<Operation>,
    relocate_first: Option<Operation>,
    relocate_then: Option<Operation>,
    add: Option<Operation>,
}

impl Edits {
    fn of(delta: &Delta<'_>, target: Name, set: &Set, changes: &Changes<'_>) -> Self {
        let removal = |keys: Vec<Key>| {
            (!keys.is_empty()).then(|| Operation::DeleteElements(target.clone(), keys))
        };
        let addition = |elements: Elements| {
            (!elements.is_empty()).then(|| Operation::AddElements(target.clone(), elements))
        };
        Self {
            remove: removal(delta.removed.iter().map(|key| (*key).clone()).collect()),
            relocate_first: removal(delta.moved.iter().map(|(key, _)| (*key).clone()).collect()),
            relocate_then: addition(renamed(delta.moved.iter().copied(), set, changes)),
            add: addition(renamed(delta.added.iter().copied(), set, changes)),
        }
    }
}

/// Hash sets flip together; what the kernel publishes in its own time goes alone.
fn gather(
    operation: Option<Operation>,
    set: &Set,
    together: &mut Vec<Operation>,
    alone: &mut Vec<Vec<Operation>>,
) {
    if cost::is_hash(set) {
        together.extend(operation);
    } else {
        alone.extend(operation.map(|operation| vec![operation]));
    }
}

fn renamed<'a>(
    elements: impl Iterator<Item = (&'a Key, &'a Element)>,
    set: &Set,
    changes: &Changes<'_>,
) -> Elements {
    let rename = |element| changes.names.element(element, set.data.as_ref());
    elements
        .map(|(key, element)| (key.clone(), rename(element)))
        .collect()
}

fn add_rules(into: &mut Vec<Operation>, target: &Name, chain: &Chain, changes: &Changes<'_>) {
    let rules = chain.rules.iter().map(|rule| changes.names.rule(rule));
    into.extend(rules.map(|rule| Operation::AddRule(target.clone(), rule)));
}

fn flush(into: &mut Vec<Operation>, held: &Name, changes: &Changes<'_>) {
    if changes
        .applied
        .chains
        .get(held)
        .is_some_and(|chain| !chain.rules.is_empty())
    {
        into.push(Operation::FlushChain(held.clone()));
    }
}
