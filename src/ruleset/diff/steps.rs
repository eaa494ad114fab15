//! What each transaction waits for, and which of them writes the digest.

use crate::ruleset::Table;
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::transaction::{Operation, Phase, Step, Wait};

/// Every change of what packets can reach waits until no packet is left that saw less than the one
/// before; so does taking away, or changing, what a packet may still be reading.
pub(super) fn in_order(
    phases: impl Iterator<Item = (Phase, Vec<Operation>)>,
    populate_after: Wait,
) -> Vec<Step> {
    let mut after_change = Wait::None;
    let mut steps = Vec::new();
    for (phase, operations) in phases.filter(|(_, list)| !list.is_empty()) {
        let wait = match phase {
            Phase::Populate => populate_after,
            Phase::Collect => Wait::Grace,
            Phase::Tighten | Phase::Switch | Phase::Move | Phase::Loosen => after_change,
        };
        if phase != Phase::Populate {
            after_change = Wait::Grace;
        }
        steps.push(Step {
            phase,
            wait,
            operations,
        });
    }
    steps
}

/// What makes the chain of the digest say what it should; its rules name nothing. Where it is not there it is
/// declared before.
pub(super) fn signature(applied: &Table, desired: &Table) -> Vec<Operation> {
    let Some((name, chain)) = desired.chains.get_key_value(STATE_CHAIN) else {
        return Vec::new();
    };
    let held = applied.chains.get(name);
    let held = held.map_or(&[][..], |held| &held.rules);
    if held == chain.rules.as_slice() {
        return Vec::new();
    }
    let mut operations = Vec::with_capacity(2);
    if !held.is_empty() {
        operations.push(Operation::FlushChain(name.clone()));
    }
    for rule in &chain.rules {
        operations.push(Operation::AddRule(name.clone(), rule.clone()));
    }
    operations
}

/// Puts the digest into the last transaction that changes what packets can reach. A commit that
/// changes nothing of the kind writes it with what it populates, or collects, or alone.
pub(super) fn place_digest(steps: &mut Vec<Step>, digest: Vec<Operation>) {
    if digest.is_empty() {
        return;
    }
    let last = steps.iter().rposition(is_noticed);
    let last = last.or_else(|| steps.iter().position(|step| step.phase == Phase::Populate));
    match last
        .or_else(|| steps.len().checked_sub(1))
        .and_then(|at| steps.get_mut(at))
    {
        Some(step) => step.operations.extend(digest),
        None => steps.push(Step {
            phase: Phase::Switch,
            wait: Wait::None,
            operations: digest,
        }),
    }
}

fn is_noticed(step: &Step) -> bool {
    let withdraws = |operation: &Operation| matches!(operation, Operation::DeleteElements(..));
    match step.phase {
        Phase::Populate => false,
        Phase::Collect => step.operations.iter().any(withdraws),
        Phase::Tighten | Phase::Switch | Phase::Move | Phase::Loosen => true,
    }
}
