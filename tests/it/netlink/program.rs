//! Transactions that make whole tables, in the order of the text.

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{Elements, Ruleset, Set, Table, TableKey};

/// A commit of one transaction.
pub(crate) fn commit_of(table: &TableKey, operations: Vec<Operation>) -> Commit {
    Commit {
        table: table.clone(),
        steps: vec![Step {
            phase: Phase::Populate,
            wait: Wait::None,
            operations,
        }],
    }
}

/// Everything that makes a table where there is none.
pub(crate) fn operations(table: &Table) -> Vec<Operation> {
    let mut operations = vec![Operation::AddTable];
    let counters = table.counters.iter();
    operations.extend(counters.map(|(n, c)| Operation::AddCounter(n.clone(), c.clone())));
    let limits = table.limits.iter();
    operations.extend(limits.map(|(n, limit)| Operation::AddLimit(n.clone(), *limit)));
    for (name, chain) in &table.chains {
        operations.push(Operation::AddChain(name.clone(), chain.clone()));
    }
    for (name, set) in &table.sets {
        let declared = Set {
            elements: Elements::new(),
            ..set.clone()
        };
        operations.push(Operation::AddSet(name.clone(), Box::new(declared)));
        if !set.elements.is_empty() {
            operations.push(Operation::AddElements(name.clone(), set.elements.clone()));
        }
    }
    for (name, chain) in &table.chains {
        let rules = chain.rules.iter().cloned();
        operations.extend(rules.map(|rule| Operation::AddRule(name.clone(), rule)));
    }
    operations
}

/// Programs a ruleset in one transaction a table.
pub(crate) fn commit(backend: &mut NftBackend, ruleset: &Ruleset) {
    for (key, table) in &ruleset.tables {
        let commit = commit_of(key, operations(table));
        backend
            .commit(&commit)
            .unwrap_or_else(|error| panic!("{error}: {error:?}"));
    }
}

/// Programs a ruleset and reads it back.
pub(crate) fn program(ruleset: &Ruleset) -> Ruleset {
    let mut backend = NftBackend::new(Ownership::None).unwrap();
    commit(&mut backend, ruleset);
    let mut observed = Ruleset::default();
    for key in ruleset.tables.keys() {
        let table = backend
            .observe(key)
            .unwrap_or_else(|error| panic!("{error}"));
        observed.tables.insert(key.clone(), table.unwrap());
    }
    observed
}
