//! Every instant of every kind of update, walked: what packets at full speed may miss is not missed here.

use margay::backend::Backend;
use margay::backend::memory::MemoryBackend;
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::{DenyAction, Endpoint, State};
use margay::ruleset::diff::{applied_after, between, normalised};
use margay::ruleset::packet::Packet;
use margay::ruleset::trace::{Fate, Trace, trace, traces_between};
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Ruleset, Table};
use margay::scenario::{World, packets as packets_of, place};

use super::kinds::{self, Kind, Size};
use super::load::probes;
use crate::support::probe::traced;
use crate::support::reference::Connection;

/// How many pairs of random worlds, and how many packets of each.
const WORLDS: u64 = 15;
const PACKETS: usize = 40;

#[test]
fn no_instant_of_any_update_is_wrong() {
    let packets = packets();
    let kinds = kinds::all();
    let small: Vec<&Kind> = kinds
        .iter()
        .filter(|kind| kind.size == Size::Small)
        .collect();
    assert!(small.len() > 15);
    let wrong: Vec<String> = small
        .into_iter()
        .flat_map(|kind| [kind.states.clone(), refusing(&kind.states)].map(|states| (kind, states)))
        .flat_map(|(kind, states)| wrong_between(&states, kind.name, &packets))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} are wrong: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(9)]
    );
}

/// Worlds that have little in common: groups, and then policies in tiers.
#[test]
fn no_instant_between_random_worlds_is_wrong() {
    let mut wrong = Vec::new();
    for seed in 0..WORLDS {
        for make in [World::random, World::labelled] {
            let worlds = [make(seed), make(seed + WORLDS)];
            let probes = worlds
                .iter()
                .flat_map(|world| packets_of(world, seed, PACKETS));
            let packets: Vec<Packet> = probes
                .map(|probe| traced(&probe, Connection::New))
                .collect();
            let states = worlds.map(|world| alike(world.state));
            wrong.extend(wrong_between(&states, &format!("world {seed}"), &packets));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(9)]
    );
}

/// The state without what docs/commit-safety.md excepts: endpoints whose MAC becomes known, and those of
/// an interface that is no workload's without them.
fn alike(mut state: State) -> State {
    let is_workload = |endpoint: &Endpoint| endpoint.interface.as_str() != "vm6";
    state.endpoints.retain(|_, endpoint| is_workload(endpoint));
    for endpoint in state.endpoints.values_mut() {
        endpoint.mac = None;
    }
    state
}

/// The packets of the prober, and what answers them.
fn packets() -> Vec<Packet> {
    let opening = probes(0);
    opening
        .iter()
        .map(|probe| traced(probe, Connection::New))
        .collect()
}

/// The same states where senders are told that their packets are denied.
fn refusing(states: &[State; 2]) -> [State; 2] {
    let mut states = states.clone();
    for state in &mut states {
        state.settings.deny_action = DenyAction::Reject;
    }
    states
}

/// What is wrong on the way there and back.
fn wrong_between(states: &[State; 2], name: &str, packets: &[Packet]) -> Vec<String> {
    let skeleton = Skeleton::builtin().unwrap();
    let [one, other] = states.each_ref().map(|state| {
        let mut ruleset = compile(state, place::HOST, &skeleton);
        ruleset.tables.remove(&table_key()).unwrap()
    });
    let mut wrong = Vec::new();
    let mut applied = one.clone();
    for desired in [&other, &one] {
        let commit = between(Some(&applied), desired, &table_key());
        assert!(!commit.is_empty(), "{name}: nothing changes");
        let mut backend = MemoryBackend::holding(ruleset(&applied));
        if let Err(error) = backend.commit(&commit) {
            return vec![format!("{name}: {error}")];
        }
        let wronged = wronged(&applied, &commit, packets);
        if let Some((packet, trace)) = wronged.first() {
            let count = wronged.len();
            wrong.push(format!("{name}: {count} like {packet:?}: {trace:?}"));
        }
        applied = applied_after(Some(&applied), &commit);
        assert_eq!(normalised(&applied), normalised(desired), "{name}");
    }
    wrong
}

/// Every packet that meets what neither end gives it, at any instant of any step.
fn wronged<'p>(
    applied: &Table,
    commit: &Commit,
    packets: &'p [Packet],
) -> Vec<(&'p Packet, Trace)> {
    let mut wronged = Vec::new();
    let first = ruleset(applied);
    let last = ruleset(&applied_after(Some(applied), commit));
    let mut before = applied.clone();
    for step in &commit.steps {
        let one = Commit {
            steps: vec![step.clone()],
            ..commit.clone()
        };
        let after = applied_after(Some(&before), &one);
        let (old, new) = (ruleset(&before), ruleset(&after));
        for packet in packets {
            let ends = [&first, &last].map(|end| passes(&trace(end, packet)));
            let traces = traces_between(&old, &new, packet).into_iter();
            let wrong = traces.filter(|seen| !ends.contains(&passes(seen)));
            wronged.extend(wrong.map(|seen| (packet, seen)));
        }
        before = after;
    }
    wronged
}

/// How a packet is denied may change on the way, but not whether.
fn passes(trace: &Trace) -> bool {
    trace.fate == Fate::Accepted
}

fn ruleset(table: &Table) -> Ruleset {
    Ruleset {
        tables: [(table_key(), table.clone())].into(),
    }
}
