//! The floor under a change that brings a verdict: the kernel then walks the chains of the whole table,
//! and all entries of its verdict maps, for loops (`nft_table_validate`, net/netfilter/nf_tables_api.c).

use margay::backend::Backend;
use margay::backend::nft::NftBackend;
use margay::compile::skeleton::table_key;
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{Chain, Name, parse};

use crate::clock::processor_seconds;
use crate::record::Record;
use crate::sample::Sample;

/// Of the one rule of a chain that nothing reaches.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// It makes the kernel walk.
    Verdict,
    /// It does not: what a commit costs anyway.
    Counter,
}

/// Milliseconds of the processor that a commit of one chain with one rule costs in the table that is there.
#[derive(Debug)]
pub(crate) struct Walk {
    verdict: Sample,
    counter: Sample,
}

impl Walk {
    /// With and without a verdict by turns.
    pub(crate) fn measured(backend: &mut NftBackend, rounds: usize) -> Self {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            times[0].push(round(backend, Rule::Verdict));
            times[1].push(round(backend, Rule::Counter));
        }
        let [verdict, counter] = times.map(|times| times.into_iter().collect());
        Self { verdict, counter }
    }

    /// Reports both.
    pub(crate) fn report(&self, record: &mut Record, subject: &str) {
        let (with, without) = (
            "floor: one rule with a verdict",
            "one rule without a verdict",
        );
        record.sample(subject, with, "ms", &self.verdict);
        record.sample(subject, without, "ms", &self.counter);
    }
}

fn round(backend: &mut NftBackend, rule: Rule) -> f64 {
    let (name, chain) = alone(rule);
    let rule = chain.rules[0].clone();
    let declared = Chain {
        rules: Vec::new(),
        ..chain
    };
    let add = commit(vec![
        Operation::AddChain(name.clone(), declared),
        Operation::AddRule(name.clone(), rule),
    ]);
    let delete = commit(vec![
        Operation::FlushChain(name.clone()),
        Operation::DeleteChain(name),
    ]);
    let time = processor_seconds(|| backend.commit(&add).unwrap());
    backend.commit(&delete).unwrap();
    time * 1e3
}

fn alone(rule: Rule) -> (Name, Chain) {
    let rule = match rule {
        Rule::Verdict => "accept",
        Rule::Counter => "counter",
    };
    let text = format!("table inet margay {{\n\tchain walk {{\n\t\t{rule}\n\t}}\n}}\n");
    let ruleset = parse("walk", &text).unwrap();
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
