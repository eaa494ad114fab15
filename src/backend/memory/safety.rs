//! Whether a packet in flight could read two of the things that one transaction changes.
//!
//! The check is structural and errs on the side of refusing. A packet takes its rules once per base
//! chain and reads sets at each lookup, so what a transaction may touch depends on what packets reach
//! before or after it, and the phase of a step says which kind of change it claims to be.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{SetChange, set_changes};
use super::publication::{Publication, own_set, publication};
use crate::ruleset::packet::Route;
use crate::ruleset::reach::{Reach, reach};
use crate::ruleset::reference::Reference;
use crate::ruleset::transaction::{Operation, Phase, Step};
use crate::ruleset::{
    Chain, ChainPolicy, Expression, Hook, Key, Name, Rule, SetFlags, Statement, Table, VmapSource,
};

/// Whether packets can see a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that a packet reaches changed.
    Invisible,
    /// Something did.
    Visible,
}

/// What packets reach before or after a transaction, and what of it the transaction changes.
struct Visible<'a> {
    /// The base chains behind which rules change.
    bases: BTreeMap<&'a Name, Hook>,
    /// The chains whose rules change.
    chains: BTreeSet<&'a Name>,
    /// The sets whose elements change.
    sets: BTreeMap<&'a Name, SetChange<'a>>,
}

/// Refuses a step that packets could see half done, with the reason.
pub(super) fn check(before: &Table, after: &Table, step: &Step) -> Result<Effect, String> {
    let seen = visible(before, after, step);
    match step.phase {
        Phase::Populate => seen.no_rules().and_then(|()| seen.no_elements()),
        Phase::Tighten => seen.no_rules().and_then(|()| seen.only_removals()),
        Phase::Switch => seen.no_elements().and_then(|()| seen.one_base_chain()),
        Phase::Move => seen.no_rules().and_then(|()| seen.one_key(before)),
        Phase::Loosen => seen.no_rules().and_then(|()| seen.only_additions()),
        Phase::Collect => seen.no_rules().and_then(|()| seen.only_entries_gone()),
    }?;
    if step.phase == Phase::Switch {
        rules_use_what_is_in_force(before, &seen.chains, step)?;
    }
    Ok(if seen.bases.is_empty() && seen.sets.is_empty() {
        Effect::Invisible
    } else {
        Effect::Visible
    })
}

fn visible<'a>(before: &'a Table, after: &'a Table, step: &'a Step) -> Visible<'a> {
    let rewritten = rewritten(before, after, step);
    let mut seen = Visible {
        bases: BTreeMap::new(),
        chains: BTreeSet::new(),
        sets: BTreeMap::new(),
    };
    let mut sets = BTreeSet::new();
    for (
        base,
        Reach {
            hook,
            chains,
            sets: looked_up,
        },
    ) in reach(before).into_iter().chain(reach(after))
    {
        sets.extend(looked_up);
        let changed: Vec<&Name> = chains.intersection(&rewritten).copied().collect();
        if !changed.is_empty() {
            seen.bases.insert(base, hook);
            seen.chains.extend(changed);
        }
    }
    seen.sets = set_changes(before, after, step);
    seen.sets
        .retain(|name, change| sets.contains(name) && !change.is_empty());
    seen
}

/// The chains whose rules or policy a step writes. Writing the same rules again counts, because their
/// anonymous sets are new; a base chain that accepts without rules does nothing.
fn rewritten<'a>(before: &'a Table, after: &'a Table, step: &'a Step) -> BTreeSet<&'a Name> {
    let idle = |chain: Option<&Chain>| match chain {
        Some(Chain {
            hook: Some(hook),
            rules,
            ..
        }) => rules.is_empty() && hook.policy == ChainPolicy::Accept,
        Some(Chain { hook: None, .. }) | None => true,
    };
    let policy = |table: &Table, name: &Name| {
        table
            .chains
            .get(name)
            .and_then(|chain| chain.hook)
            .map(|hook| hook.policy)
    };
    let mut chains = BTreeSet::new();
    for operation in &step.operations {
        match operation {
            Operation::AddRule(name, _) | Operation::FlushChain(name) => {
                chains.insert(name);
            }
            Operation::AddChain(name, _) => {
                let declared = before.chains.contains_key(name);
                let same = policy(before, name) == policy(after, name);
                if !(same || (!declared && policy(after, name) == Some(ChainPolicy::Accept))) {
                    chains.insert(name);
                }
            }
            Operation::DeleteChain(name) => {
                let chain = before.chains.get(name);
                if chain.is_some_and(|chain| chain.hook.is_none()) || !idle(chain) {
                    chains.insert(name);
                }
            }
            Operation::DeleteTable => {
                chains.extend(
                    before
                        .chains
                        .iter()
                        .filter(|(_, c)| !idle(Some(c)))
                        .map(|(n, _)| n),
                );
            }
            Operation::AddTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_)
            | Operation::AddSet(..)
            | Operation::DeleteSet(_)
            | Operation::AddElements(..)
            | Operation::DeleteElements(..) => {}
        }
    }
    chains
}

impl Visible<'_> {
    fn no_rules(&self) -> Result<(), String> {
        match self.chains.first() {
            None => Ok(()),
            Some(chain) => Err(format!("packets reach chain {chain:?}, whose rules change")),
        }
    }

    fn no_elements(&self) -> Result<(), String> {
        self.each(|_| false, "whose elements change")
    }

    fn only_removals(&self) -> Result<(), String> {
        let shrinks = |change: &SetChange<'_>| {
            !change.is_map && change.added.is_empty() && change.moved.is_empty()
        };
        self.each(shrinks, "which is not a set that only loses elements")
    }

    fn only_entries_gone(&self) -> Result<(), String> {
        let shrinks = |change: &SetChange<'_>| {
            change.is_map && change.added.is_empty() && change.moved.is_empty()
        };
        self.each(shrinks, "which is not a map that only loses elements")
    }

    fn only_additions(&self) -> Result<(), String> {
        let grows = |change: &SetChange<'_>| {
            !change.replaced && change.removed.is_empty() && change.moved.is_empty()
        };
        self.each(grows, "which does not only gain elements")?;
        let alone = self.sets.len() == 1;
        self.each(
            |change| alone || !change.flags.contains(SetFlags::INTERVAL),
            "which shows its elements later than the other sets that change",
        )
    }

    /// One packet reads a map once per kind of key, so one interface may move in several maps.
    fn one_key(&self, before: &Table) -> Result<(), String> {
        let moves = |change: &SetChange<'_>| {
            change.is_map
                && !change.replaced
                && change.added.is_empty()
                && change.removed.is_empty()
        };
        self.each(moves, "which does more than change values of a map")?;
        let keys: BTreeSet<&Key> = self
            .sets
            .values()
            .flat_map(|change| change.moved.iter().copied())
            .collect();
        if keys.len() > 1 {
            return Err(format!("{} keys change their value", keys.len()));
        }
        let mut read = BTreeMap::new();
        for (map, expressions) in map_lookups(before).filter(|(map, _)| self.sets.contains_key(map))
        {
            if *read.entry(expressions).or_insert(map) != map {
                return Err(format!(
                    "packets look the same key up in map {map:?} and another"
                ));
            }
        }
        Ok(())
    }

    fn one_base_chain(&self) -> Result<(), String> {
        for route in [Route::Input, Route::Forward, Route::Output] {
            let on_it = |hook: &Hook| route.hooks().contains(&hook.point);
            let passed: Vec<&&Name> = self
                .bases
                .iter()
                .filter(|(_, hook)| on_it(hook))
                .map(|(name, _)| name)
                .collect();
            if let [first, second, ..] = passed.as_slice() {
                return Err(format!(
                    "one packet passes {first:?} and {second:?}, and rules of both change"
                ));
            }
        }
        Ok(())
    }

    fn each(&self, fine: impl Fn(&SetChange<'_>) -> bool, fault: &str) -> Result<(), String> {
        match self.sets.iter().find(|(_, change)| !fine(change)) {
            None => Ok(()),
            Some((set, _)) => Err(format!("packets reach set {set:?}, {fault}")),
        }
    }
}

/// Every lookup in a named verdict map: the map and what is looked up.
fn map_lookups(table: &Table) -> impl Iterator<Item = (&Name, &[Expression])> {
    let rules = table.chains.values().flat_map(|chain| &chain.rules);
    let statements = rules.flat_map(|rule| &rule.statements);
    statements.filter_map(|statement| match statement {
        Statement::Vmap {
            key,
            map: VmapSource::Named(map),
        } => Some((map, key.as_slice())),
        Statement::Vmap {
            map: VmapSource::Anonymous(_),
            ..
        }
        | Statement::Match(_)
        | Statement::Verdict(_)
        | Statement::Counter
        | Statement::NamedCounter(_)
        | Statement::CounterMap { .. }
        | Statement::Limit(_)
        | Statement::NamedLimit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(_)
        | Statement::Dynamic { .. } => None,
    })
}

/// Rules that packets reach at once may use nothing that shows later than they do.
fn rules_use_what_is_in_force(
    before: &Table,
    chains: &BTreeSet<&Name>,
    step: &Step,
) -> Result<(), String> {
    for operation in &step.operations {
        if let Operation::AddRule(chain, rule) = operation
            && chains.contains(chain)
        {
            if let Some(new) = rule
                .references()
                .into_iter()
                .find(|r| !in_force(before, *r))
            {
                return Err(format!(
                    "a new rule of {chain:?} uses {new:?}, which is new too"
                ));
            }
            let mut sets = rule.statements.iter().filter_map(own_set);
            if sets.any(|(store, answer)| publication(store, answer) == Publication::Later) {
                return Err(late_rule(chain, rule));
            }
        }
    }
    Ok(())
}

fn late_rule(chain: &Name, rule: &Rule) -> String {
    let comment = rule.comment.as_deref().unwrap_or("without a comment");
    format!("a new rule of {chain:?} ({comment}) has an anonymous interval set or verdict map")
}

fn in_force(before: &Table, reference: Reference<'_>) -> bool {
    match reference {
        Reference::Chain(name) => before.chains.contains_key(name),
        Reference::Set(name) => before.sets.contains_key(name),
        Reference::Counter(name) => before.counters.contains_key(name),
        Reference::Limit(name) => before.limits.contains_key(name),
    }
}
