//! What ipset and iptables-restore read.

use std::fmt::Write as _;

use crate::bench::peer::command::Job;
use crate::bench::peer::dialect::iptables::{SETS, table};
use crate::bench::peer::program::{Chain, Delta, Place, Program};
use crate::net::Family;

/// The commands of one of the two kinds of iptables, for IPv4 and for IPv6.
pub(in crate::bench::peer) type Restores = [&'static str; 2];

/// What a restore is told: to leave chains alone that it is not told of, and to wait for its turn.
const ARGUMENTS: &[&str] = &["--noflush", "--wait=10"];

/// Sets and members that come, the tables of each family in one restore, then sets that go.
pub(in crate::bench::peer) fn jobs(delta: &Delta<'_>, restores: Restores) -> Vec<Job> {
    let sets = delta.within(SETS);
    let mut jobs = vec![ipset(members(&sets))];
    for (family, program) in Family::ALL.into_iter().zip(restores) {
        let layers = ["raw", "filter"].into_iter();
        let tables = layers.map(|layer| restore(layer, &delta.within(&table(family, layer))));
        jobs.push(Job {
            program,
            arguments: ARGUMENTS,
            input: tables.collect(),
        });
    }
    jobs.push(ipset(gone(&sets)));
    jobs.retain(|job| !job.input.is_empty());
    jobs
}

/// Takes the first member of the first set away.
pub(in crate::bench::peer) fn spoil(program: &Program) -> Option<Job> {
    let (place, key) = program.first_element()?;
    Some(ipset(format!("del {} {key}\n", place.name)))
}

fn ipset(input: String) -> Job {
    Job {
        program: "ipset",
        arguments: &["restore"],
        input,
    }
}

fn members(delta: &Delta<'_>) -> String {
    let mut text = String::new();
    for (place, set) in &delta.new_sets {
        let _ = writeln!(text, "create {} {}", place.name, set.declaration);
    }
    for elements in &delta.elements {
        let name = &elements.place.name;
        for key in &elements.gone {
            let _ = writeln!(text, "del {name} {key}");
        }
        for (key, _) in &elements.new {
            let _ = writeln!(text, "add {name} {key}");
        }
    }
    text
}

fn gone(delta: &Delta<'_>) -> String {
    let sets = delta.gone_sets.iter();
    sets.map(|(place, _)| format!("destroy {}\n", place.name))
        .collect()
}

/// One table. To name a chain empties it.
fn restore(layer: &str, delta: &Delta<'_>) -> String {
    if delta.is_empty() {
        return String::new();
    }
    let mut text = format!("*{layer}\n");
    let named = [&delta.new_chains, &delta.rewritten, &delta.gone_chains];
    for (place, _) in named.into_iter().flatten().filter(|one| !is_builtin(one)) {
        let _ = writeln!(text, ":{} - [0:0]", place.name);
    }
    for (place, chain) in delta.new_chains.iter().chain(&delta.rewritten) {
        for line in &chain.lines {
            let _ = writeln!(text, "-A {} {line}", place.name);
        }
    }
    for (place, chain) in delta.gone_chains.iter().filter(|one| is_builtin(one)) {
        for line in &chain.lines {
            let _ = writeln!(text, "-D {} {line}", place.name);
        }
    }
    for (place, _) in delta.gone_chains.iter().filter(|one| !is_builtin(one)) {
        let _ = writeln!(text, "-X {}", place.name);
    }
    text.push_str("COMMIT\n");
    text
}

fn is_builtin((_, chain): &(&Place, &Chain)) -> bool {
    chain.hook.is_some()
}
