//! Rules of a group that come and go one by one leave the table that all of them make from scratch.

use margay::compile::skeleton::{Skeleton, table_key};
use margay::compile::{Compiler, compile};
use margay::model::{Event, GroupRule, GroupRules, SecurityGroup, State};
use margay::scenario::Random;
use margay::scenario::flat::{Flat, POLICY, flat};
use margay::scenario::place::HOST;
use proptest::prelude::*;

/// A policy of some of the rules that a large world has, and a few members in few groups.
fn world(rules: usize, groups_named: usize, seed: u64) -> State {
    let size = Flat {
        rules,
        groups_named,
        endpoints: 4,
        ..Flat::default()
    };
    flat(size, seed)
}

fn policy(state: &State) -> SecurityGroup {
    state.groups[&POLICY.parse().unwrap()].clone()
}

/// One rule goes, or one of the others comes.
fn change(random: &mut Random, list: &mut GroupRules, others: &[GroupRule]) {
    let mut rules: Vec<GroupRule> = list.iter().cloned().collect();
    if random.percent(50) && !rules.is_empty() {
        rules.remove(random.below(rules.len()));
    } else {
        rules.push(random.pick(others).clone());
    }
    // As one is that was read anew, or one that is known to be a change of another.
    let rules = GroupRules::from(rules);
    *list = match random.percent(50) {
        true => rules.sharing(list),
        false => rules,
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rules_that_come_and_go_leave_what_is_made_from_scratch(
        (rules, groups_named, seed) in (1..150_usize, 0..6_usize, any::<u64>()),
        at_once in prop::collection::vec(1..4_usize, 1..12),
    ) {
        let skeleton = Skeleton::builtin().unwrap();
        let mut state = world(rules, groups_named, seed);
        let others = policy(&world(400, groups_named, seed ^ 1)).ingress;
        let others: Vec<GroupRule> = others.iter().cloned().collect();
        let mut compiler = Compiler::of(state.clone(), HOST, &skeleton);
        let mut random = Random::new(seed);
        for several in at_once {
            let mut events = Vec::new();
            for _ in 0..several {
                let mut group = policy(&state);
                change(&mut random, &mut group.ingress, &others);
                change(&mut random, &mut group.egress, &others);
                state.groups.insert(group.name.clone(), group.clone());
                events.push(Event::Group(group));
            }
            compiler.apply_all(events);
            let scratch = compile(&state, HOST, &skeleton);
            prop_assert_eq!(compiler.table().table(), &scratch.tables[&table_key()]);
            prop_assert!(compiler.table().is_up_to_date());
        }
    }
}
