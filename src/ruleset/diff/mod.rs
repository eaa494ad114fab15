//! Turns the difference between two tables into transactions that are each safe for packets in flight.
//!
//! A packet reads its rules once per base chain, but every set, map and new chain at the instant of
//! each lookup. So no transaction changes two things of which one packet could read the first before
//! and the second after, unless every mixture of the two lies between the old and the new policy:
//!
//! 1. *Populate* builds what is new where nothing leads to it.
//! 2. *Tighten* takes elements out of sets. Sets only admit, so each mixture admits no more than the
//!    old policy and no less than what is left.
//! 3. *Switch* rewrites rules in place, for one point of the packet's path at a time. *Move* points
//!    elements of verdict maps elsewhere, for one key. Both in one commit, or two keys, would be two
//!    things: then the maps are copied and the rules switch to the copies.
//! 4. *Loosen* adds elements to sets and maps; by now rules and maps are the new ones, so each mixture
//!    admits no more than the new policy.
//! 5. *Collect* takes away entries of verdict maps that no packet needs, then what is no longer reached.
//!
//! Where nothing but groups changes, of other hosts' endpoints or of one endpoint of this host, 4 comes
//! before 2 (see `members`), and the endpoint's traffic passes a `bridge` meanwhile. What else cannot
//! change one after the other is copied and changes with the rules (see `entangled`).
//!
//! Where one set alone changes one way, as most often, a short way gives the same (see `single`).
//!
//! What must drop before and after drops at every instant, and what must pass passes, with the
//! exceptions that docs/commit-safety.md names.

mod apply;
mod bridge;
mod cost;
mod elements;
mod entangled;
mod generations;
mod leftovers;
mod members;
mod names;
mod normal;
mod phases;
mod reach;
mod references;
mod scope;
mod single;
mod steps;

pub use apply::applied_after;
pub use cost::SIZED_FROM;
pub use leftovers::without_leftovers;
pub use normal::normalised;

use self::generations::Changes;
use self::phases::Phases;
use self::scope::Scope;
use super::transaction::{Commit, Operation, Phase, Step, Wait};
use super::{Chain, Kind, Table, TableKey, Tracked};

/// The commit that makes the desired table of the one that the kernel holds.
///
/// Only what was touched in either since both were settled is looked at, and what that leads to. The
/// names of `desired` are all in generation 0; those of `applied` in any, and what a commit that died
/// left behind is collected.
pub fn diff(applied: Option<&Tracked>, desired: &Tracked, key: &TableKey) -> Commit {
    let steps = match applied {
        Some(applied) => steps(applied, desired),
        None => first(steps(&Tracked::default(), desired)),
    };
    Commit {
        table: key.clone(),
        steps,
    }
}

/// The commit between two tables of which nothing is known: all of both is looked at.
pub fn between(applied: Option<&Table>, desired: &Table, key: &TableKey) -> Commit {
    let applied = applied.cloned().map(Tracked::from);
    diff(applied.as_ref(), &Tracked::from(desired.clone()), key)
}

/// The commit that replaces whatever a table holds. It is one transaction and not gapless: a packet
/// may pass one hook by the old table and the next by the new one.
pub fn rebuilt(desired: &Tracked, key: &TableKey) -> Commit {
    Commit {
        table: key.clone(),
        steps: vec![rebuild(desired)],
    }
}

/// Puts the table itself before all that goes into it.
fn first(mut steps: Vec<Step>) -> Vec<Step> {
    match steps.first_mut() {
        Some(step) if step.phase == Phase::Populate => {
            step.operations.insert(0, Operation::AddTable)
        }
        Some(_) | None => steps.insert(
            0,
            Step {
                phase: Phase::Populate,
                wait: Wait::None,
                operations: vec![Operation::AddTable],
            },
        ),
    }
    steps
}

fn steps(applied: &Tracked, desired: &Tracked) -> Vec<Step> {
    single::steps(applied, desired).unwrap_or_else(|| compared(applied, desired))
}

fn compared(applied: &Tracked, desired: &Tracked) -> Vec<Step> {
    let scope = Scope::of(applied, desired);
    if is_foreign(applied.table(), desired.table(), &scope) {
        return vec![rebuild(desired)];
    }
    Phases::of(&Changes::between(applied, desired, scope)).into_steps()
}

/// Whether base chains hang elsewhere than they should. The kernel cannot move a base chain.
fn is_foreign(applied: &Table, desired: &Table, scope: &Scope<'_>) -> bool {
    let is_base = |chain: &Chain| chain.hook.is_some();
    let mut held = scope.among(Kind::Chain, &applied.chains);
    held.any(|(name, held)| match desired.chains.get(name) {
        Some(wanted) => {
            (is_base(held) || is_base(wanted))
                && (held.hook != wanted.hook || held.comment != wanted.comment)
        }
        None => is_base(held),
    })
}

/// One transaction that replaces the whole table.
///
/// It happens only between versions with different base chains, and it is not gapless: a packet may
/// pass one hook by the old table and the next by the new one.
fn rebuild(desired: &Tracked) -> Step {
    let mut operations = vec![Operation::DeleteTable, Operation::AddTable];
    let steps = steps(&Tracked::default(), desired).into_iter();
    operations.extend(steps.flat_map(|step| step.operations));
    Step {
        phase: Phase::Switch,
        wait: Wait::None,
        operations,
    }
}
