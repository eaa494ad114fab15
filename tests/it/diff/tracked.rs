//! Only what was touched is looked at, and the commit is the same as if everything were.

use std::collections::{BTreeMap, BTreeSet};

use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::ruleset::diff::{between, diff, normalised};
use margay::ruleset::reference::Reference;
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Data, ElementData, Name, ObjectKind, Table, Tracked};
use margay::scenario::{Random, World as Scenario};
use proptest::prelude::*;

use super::compiled::mixed;
use super::history::updates;
use super::world::{World, table_key};
use crate::support::rulesets::arbitrary_ruleset;

/// What the kernel holds, and what it should hold, over a history.
#[derive(Debug, Default)]
struct Pair {
    applied: Option<Tracked>,
    desired: Tracked,
}

impl Pair {
    /// Goes on to another table; its process may die after so many steps.
    fn update(&mut self, table: &Table, dies_after: Option<usize>) -> Result<(), TestCaseError> {
        become_table(&mut self.desired, table);
        prop_assert_eq!(self.desired.table(), table);
        let held = self.applied.as_ref().map(Tracked::table);
        let mut commit = diff(self.applied.as_ref(), &self.desired, &table_key());
        prop_assert_eq!(&commit, &between(held, table, &table_key()));
        commit.steps.truncate(dies_after.unwrap_or(usize::MAX));
        self.apply(&commit);
        if dies_after.is_none() {
            self.applied.iter_mut().for_each(Tracked::settle);
            self.desired.settle();
        }
        for tracked in self.applied.iter().chain([&self.desired]) {
            prop_assert!(tracked.is_up_to_date());
        }
        Ok(())
    }

    fn apply(&mut self, commit: &Commit) {
        if !commit.is_empty() {
            self.applied.get_or_insert_default().apply(commit);
        }
    }

    /// A history that ends leaves the table that is made from scratch.
    fn assert_arrived(&self) -> Result<(), TestCaseError> {
        let held = self.applied.as_ref().map(|held| normalised(held.table()));
        prop_assert_eq!(held, Some(normalised(self.desired.table())));
        Ok(())
    }
}

/// Makes every object what it is in the table, one by one.
fn become_table(tracked: &mut Tracked, table: &Table) {
    let old = tracked.table().clone();
    for name in gone(&old.sets, &table.sets) {
        tracked.remove_set(name);
    }
    for name in gone(&old.chains, &table.chains) {
        tracked.remove_chain(name);
    }
    for name in gone(&old.counters, &table.counters) {
        tracked.remove_counter(name);
    }
    for name in gone(&old.limits, &table.limits) {
        tracked.remove_limit(name);
    }
    for (name, set) in &table.sets {
        tracked.put_set(name.clone(), set.clone());
    }
    for (name, chain) in &table.chains {
        tracked.put_chain(name.clone(), chain.clone());
    }
    for (name, comment) in &table.counters {
        tracked.put_counter(name.clone(), comment.clone());
    }
    for (name, limit) in &table.limits {
        tracked.put_limit(name.clone(), *limit);
    }
}

fn gone<'a, T>(
    held: &'a BTreeMap<Name, T>,
    wanted: &BTreeMap<Name, T>,
) -> impl Iterator<Item = &'a Name> {
    held.keys().filter(|name| !wanted.contains_key(*name))
}

/// A table of the objects of several, each as one of them has it or not at all. Its base chains are
/// those of the first, with the rules of any.
fn mixture(tables: &[Table], choice: u64) -> Table {
    let mut random = Random::new(choice);
    let bases = tables[0].chains.iter();
    let bases = bases.filter(|(_, chain)| chain.hook.is_some());
    let mut mixed = Table {
        chains: bases.map(|(n, c)| (n.clone(), c.clone())).collect(),
        ..Table::default()
    };
    for table in tables {
        for (name, chain) in some(&table.chains, &mut random) {
            match mixed.chains.get_mut(&name) {
                Some(base) if base.hook.is_some() => base.rules = chain.rules,
                Some(_) | None if chain.hook.is_some() => {}
                Some(_) | None => drop(mixed.chains.insert(name, chain)),
            }
        }
        mixed.sets.extend(some(&table.sets, &mut random));
        mixed.counters.extend(some(&table.counters, &mut random));
        mixed.limits.extend(some(&table.limits, &mut random));
    }
    complete(&mut mixed, tables);
    mixed
}

/// Adds what is named and not there: the kernel holds no table that names what it lacks.
fn complete(mixed: &mut Table, tables: &[Table]) {
    loop {
        let before = objects(mixed);
        for table in tables {
            let named = Named::of(mixed);
            add(&mut mixed.chains, &table.chains, &named.chains);
            add(&mut mixed.sets, &table.sets, &named.sets);
            add(&mut mixed.counters, &table.counters, &named.counters);
            add(&mut mixed.limits, &table.limits, &named.limits);
        }
        if objects(mixed) == before {
            return;
        }
    }
}

fn objects(table: &Table) -> usize {
    table.chains.len() + table.sets.len() + table.counters.len() + table.limits.len()
}

fn add<T: Clone>(to: &mut BTreeMap<Name, T>, from: &BTreeMap<Name, T>, named: &BTreeSet<Name>) {
    for (name, object) in from.iter().filter(|(name, _)| named.contains(*name)) {
        to.entry(name.clone()).or_insert_with(|| object.clone());
    }
}

/// What rules and elements of a table name.
#[derive(Debug, Default)]
struct Named {
    chains: BTreeSet<Name>,
    sets: BTreeSet<Name>,
    counters: BTreeSet<Name>,
    limits: BTreeSet<Name>,
}

impl Named {
    fn of(table: &Table) -> Self {
        let mut named = Self::default();
        for rule in table.chains.values().flat_map(|chain| &chain.rules) {
            for object in rule.references() {
                match object {
                    Reference::Chain(name) => named.chains.insert(name.clone()),
                    Reference::Set(name) => named.sets.insert(name.clone()),
                    Reference::Counter(name) => named.counters.insert(name.clone()),
                    Reference::Limit(name) => named.limits.insert(name.clone()),
                };
            }
        }
        for set in table.sets.values() {
            for element in set.elements.values() {
                match (&element.data, &set.data) {
                    (ElementData::Verdict(_), _) => named.chains.extend(element.target().cloned()),
                    (ElementData::Object(name), Some(Data::Object(ObjectKind::Counter))) => {
                        named.counters.insert(name.clone());
                    }
                    (ElementData::Object(name), Some(Data::Object(ObjectKind::Limit))) => {
                        named.limits.insert(name.clone());
                    }
                    (ElementData::Object(_), _)
                    | (ElementData::None | ElementData::Value(_), _) => {}
                }
            }
        }
        named
    }
}

/// Some of the objects, in most cases.
fn some<T: Clone>(objects: &BTreeMap<Name, T>, random: &mut Random) -> Vec<(Name, T)> {
    let taken = objects.iter().filter(|_| random.percent(60));
    taken
        .map(|(name, object)| (name.clone(), object.clone()))
        .collect()
}

fn any_table() -> impl Strategy<Value = Table> {
    arbitrary_ruleset().prop_map(|ruleset| {
        let first = ruleset.tables.values().next();
        first.map(normalised).unwrap_or_default()
    })
}

/// A table in which one set has some of the elements that it has in another one, and nothing else differs
/// but the digest.
fn with_some_of_a_set(table: &Table, whole: &Table, random: &mut Random) -> Table {
    let mut table = table.clone();
    let sets: Vec<&Name> = whole.sets.keys().collect();
    let name = random.pick(&sets);
    let most = *random.pick(&[0, 50, 90, 100]);
    if let Some(set) = table.sets.get_mut(*name) {
        set.elements = whole.sets[*name].elements.clone();
        set.elements.retain(|_, _| random.percent(most));
    }
    let mut signed = Tracked::from(table);
    signed.sign();
    signed.into_table()
}

/// Choices of what comes next, each with the number of steps after which its process dies.
fn choices(most: usize) -> impl Strategy<Value = Vec<(u64, Option<usize>)>> {
    let choice = (any::<u64>(), prop::option::weighted(0.3, 0..5_usize));
    prop::collection::vec(choice, 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn edits_of_a_world_make_the_same_commits(updates in updates()) {
        let (mut world, mut pair) = (World::default(), Pair::default());
        for (edits, dies_after) in updates {
            edits.iter().for_each(|edit| edit.apply(&mut world));
            pair.update(&world.table(), dies_after)?;
        }
        pair.update(&world.table(), None)?;
        pair.assert_arrived()?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn compiled_worlds_make_the_same_commits(seeds in any::<[u64; 2]>(), choices in choices(6)) {
        let skeleton = Skeleton::builtin().unwrap();
        let worlds = seeds.map(Scenario::random);
        let mut pair = Pair::default();
        let mut table = Table::default();
        for (choice, dies_after) in choices {
            let compiled = compile(&mixed(&worlds, choice), worlds[0].host, &skeleton);
            table = compiled.tables[&table_key()].clone();
            pair.update(&table, dies_after)?;
        }
        pair.update(&table, None)?;
        pair.assert_arrived()?;
    }

    #[test]
    fn one_set_after_another_makes_the_same_commits(
        seeds in any::<[u64; 2]>(),
        choices in choices(12),
    ) {
        let skeleton = Skeleton::builtin().unwrap();
        let worlds = seeds.map(Scenario::random);
        let mut pair = Pair::default();
        for (choice, dies_after) in choices {
            // What went before leaves sets in later generations.
            let compiled = compile(&mixed(&worlds, choice), worlds[0].host, &skeleton);
            let whole = &compiled.tables[&table_key()];
            pair.update(whole, dies_after)?;
            let (mut random, mut table) = (Random::new(choice), whole.clone());
            for _ in 0..10 {
                table = with_some_of_a_set(&table, whole, &mut random);
                pair.update(&table, None)?;
            }
        }
        pair.assert_arrived()?;
    }

    #[test]
    fn whatever_tables_hold_makes_the_same_commits(
        tables in prop::collection::vec(any_table(), 2..4),
        choices in choices(6),
    ) {
        let mut pair = Pair::default();
        for (choice, dies_after) in choices {
            pair.update(&mixture(&tables, choice), dies_after)?;
        }
    }
}
