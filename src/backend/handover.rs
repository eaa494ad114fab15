//! Commits for a table of nf_tables that comes, or goes, while packets pass that another backend lets.
//!
//! A packet looks sets up as they are at that moment, and not as they were when its rules were. So sets
//! come before the chains at the hooks, whose rules would not find their elements yet, and go after
//! them, when no packet is left that follows these rules.

use std::collections::BTreeMap;

use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use crate::ruleset::{Name, Table, TableKey};

/// The commit that makes a table of nothing, with its base chains last and one by one.
pub(super) fn arrival(commit: &Commit) -> Commit {
    let mut hooked: BTreeMap<&Name, Vec<Operation>> = BTreeMap::new();
    let mut rest = Vec::new();
    for operation in commit.steps.iter().flat_map(|step| &step.operations) {
        if let Operation::AddChain(name, chain) = operation
            && chain.hook.is_some()
        {
            hooked.insert(name, Vec::new());
        }
        let chain = operation.subject().and_then(|name| hooked.get_mut(name));
        chain.unwrap_or(&mut rest).push(operation.clone());
    }
    let mut steps = vec![step(Phase::Populate, Wait::None, rest)];
    let chains = hooked.into_values();
    steps.extend(chains.map(|operations| step(Phase::Switch, Wait::Grace, operations)));
    Commit {
        table: commit.table.clone(),
        steps,
    }
}

/// The commit after which there is no table, with its base chains first and one by one.
pub(super) fn departure(key: &TableKey, table: &Table) -> Commit {
    let chains = table.chains.iter();
    let hooked = chains.filter(|(_, chain)| chain.hook.is_some());
    let steps = hooked.map(|(name, _)| {
        let flush = Operation::FlushChain(name.clone());
        let operations = vec![flush, Operation::DeleteChain(name.clone())];
        step(Phase::Switch, Wait::None, operations)
    });
    let end = step(Phase::Collect, Wait::Grace, vec![Operation::DeleteTable]);
    Commit {
        table: key.clone(),
        steps: steps.chain([end]).collect(),
    }
}

fn step(phase: Phase, wait: Wait, operations: Vec<Operation>) -> Step {
    Step {
        phase,
        wait,
        operations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::diff::{applied_after, diff};
    use crate::ruleset::{Tracked, parse};

    const TABLE: &str = "table inet t {
    set a { type ifname; elements = { \"tap0\" } }
    chain c { iifname @a drop }
    chain f { type filter hook forward priority filter; policy accept; jump c }
}";

    #[test]
    fn chains_at_hooks_come_last_and_go_first() {
        let ruleset = parse("t.nft", TABLE).unwrap();
        let (key, table) = ruleset.tables.into_iter().next().unwrap();
        let desired = Tracked::from(table);
        let commit = arrival(&diff(None, &desired, &key));
        assert_eq!(commit.steps.len(), 2);
        let last = &commit.steps[1].operations;
        assert!(matches!(&last[0], Operation::AddChain(name, _) if name.as_str() == "f"));
        assert_eq!(applied_after(None, &commit), *desired.table());
        let commit = departure(&key, desired.table());
        assert_eq!(commit.steps.len(), 2);
        assert_eq!(commit.steps[1].operations, [Operation::DeleteTable]);
        let after = applied_after(Some(desired.table()), &commit);
        assert_eq!(after, Table::default());
    }
}
