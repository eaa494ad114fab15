//! The floor under a change that brings a verdict: the kernel then walks the chains of the whole table,
//! and all entries of its verdict maps, for loops (`nft_table_validate`, net/netfilter/nf_tables_api.c).

use margay::backend::Backend;
use margay::backend::nft::NftBackend;
use margay::compile::skeleton::table_key;
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{Chain, Name, parse};

use crate::clock::processor_seconds;
use crate::sample::Sample;

/// A chain that nothing reaches, with the one rule that makes the kernel walk.
const ALONE: &str = "table inet margay {\n\tchain walk {\n\t\taccept\n\t}\n}\n";

/// Milliseconds of the processor that a commit of one chain with one rule costs in the table that is there: no
/// less than the walk, and next to nothing in a small table.
pub(crate) fn sample(backend: &mut NftBackend, rounds: usize) -> Sample {
    let (name, chain) = alone();
    let rule = chain.rules[0].clone();
    let declared = Chain {
        rules: Vec::new(),
        ..chain
    };
    let add = vec![
        Operation::AddChain(name.clone(), declared),
        Operation::AddRule(name.clone(), rule),
    ];
    let delete = vec![
        Operation::FlushChain(name.clone()),
        Operation::DeleteChain(name),
    ];
    let (add, delete) = (commit(add), commit(delete));
    let mut round = || {
        let time = processor_seconds(|| backend.commit(&add).unwrap());
        backend.commit(&delete).unwrap();
        time * 1e3
    };
    (0..rounds).map(|_| round()).collect()
}

fn alone() -> (Name, Chain) {
    let ruleset = parse("walk", ALONE).unwrap();
    let table = ruleset.tables.into_values().next().unwrap();
    table.chains.into_iter().next().unwrap()
}

fn commit(operations: Vec<Operation>) -> Commit {
    let step = Step {
        phase: Phase::Populate,
        wait: Wait::None,
        operations,
    };
    Commit {
        table: table_key(),
        steps: vec![step],
    }
}
