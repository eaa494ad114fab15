//! The same for tables that the compiler makes, of worlds that share little.

use margay::backend::Backend;
use margay::backend::memory::MemoryBackend;
use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::model::State;
use margay::ruleset::Table;
use margay::ruleset::diff::{applied_after, between, normalised};
use margay::ruleset::transaction::Commit;
use margay::scenario::{Random, World};
use proptest::prelude::*;

use super::world::table_key;

/// Parts of two worlds: each endpoint and group of one, of the other, or of neither.
pub(super) fn mixed(worlds: &[World; 2], choice: u64) -> State {
    let mut random = Random::new(choice);
    let settings = random.pick(worlds).state.settings.clone();
    let mut state = State {
        settings,
        ..State::default()
    };
    for world in worlds {
        for (name, endpoint) in &world.state.endpoints {
            if random.percent(70) {
                state.endpoints.insert(name.clone(), endpoint.clone());
            }
        }
        for (name, group) in &world.state.groups {
            if random.percent(70) {
                state.groups.insert(name.clone(), group.clone());
            }
        }
    }
    state
}

fn run(applied: Option<&Table>, commit: &Commit) -> Result<Option<Table>, TestCaseError> {
    let mut backend = MemoryBackend::default();
    if let Some(table) = applied {
        let ruleset = margay::ruleset::Ruleset {
            tables: [(table_key(), table.clone())].into(),
        };
        backend = MemoryBackend::holding(ruleset);
    }
    if let Err(error) = backend.commit(commit) {
        prop_assert!(false, "{}: {:#?}", error, commit);
    }
    let held = backend.observe(&table_key()).unwrap();
    if !commit.is_empty() {
        prop_assert_eq!(held.as_ref(), Some(&applied_after(applied, commit)));
    }
    Ok(held)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_compiled_history_is_safe_and_leaves_no_trace(
        seeds in any::<[u64; 2]>(),
        choices in prop::collection::vec((any::<u64>(), prop::option::weighted(0.3, 0..5_usize)), 1..6),
    ) {
        let skeleton = Skeleton::builtin().unwrap();
        let worlds = seeds.map(World::random);
        let mut applied: Option<Table> = None;
        for (choice, dies_after) in choices {
            let state = mixed(&worlds, choice);
            let desired = compile(&state, worlds[0].host, &skeleton);
            let desired = desired.tables.get(&table_key()).unwrap();
            let mut commit = between(applied.as_ref(), desired, &table_key());
            commit.steps.truncate(dies_after.unwrap_or(usize::MAX));
            applied = run(applied.as_ref(), &commit)?;
            if let (None, Some(after)) = (dies_after, &applied) {
                prop_assert_eq!(normalised(after), normalised(desired));
                prop_assert!(between(Some(after), desired, &table_key()).is_empty());
            }
        }
    }
}
