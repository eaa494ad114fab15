//! What the peer of rustables reads.

use std::fmt::Write as _;

use crate::bench::peer::command::Job;
use crate::bench::peer::program::{Chain, Delta, Place, Program};

/// The command, which is built from `benches/rustables`.
pub(in crate::bench::peer) const PROGRAM: &str = "margay-bench-rustables";
/// Addresses in one message, of which 65,535 bytes is the end.
const AT_ONCE: usize = 2_000;

/// Everything in one run; in how many transactions is for the command to see.
pub(in crate::bench::peer) fn jobs(delta: &Delta<'_>) -> Vec<Job> {
    let mut text = String::new();
    if delta.gone_tables.is_empty() {
        write(&mut text, delta);
    } else {
        text.push_str("drop-table\n");
    }
    match delta.is_empty() {
        true => Vec::new(),
        false => vec![job(text)],
    }
}

/// Takes the first member of the first set away.
pub(in crate::bench::peer) fn spoil(program: &Program) -> Option<Job> {
    let (place, key) = program.first_element()?;
    Some(job(format!("remove {} {key}\n", place.name)))
}

fn job(input: String) -> Job {
    Job {
        program: PROGRAM,
        arguments: &[],
        input,
    }
}

fn write(text: &mut String, delta: &Delta<'_>) {
    if !delta.new_tables.is_empty() {
        text.push_str("table\n");
    }
    for (place, set) in &delta.new_sets {
        let _ = writeln!(text, "set {} {}", place.name, set.declaration);
    }
    for elements in &delta.elements {
        let name = &elements.place.name;
        for keys in elements.gone.chunks(AT_ONCE) {
            let _ = writeln!(text, "remove {name} {}", keys.join(" "));
        }
        for pairs in elements.new.chunks(AT_ONCE) {
            let keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
            let _ = writeln!(text, "add {name} {}", keys.join(" "));
        }
    }
    chains(text, delta);
    for (place, _) in &delta.gone_sets {
        let _ = writeln!(text, "drop-set {}", place.name);
    }
}

fn chains(text: &mut String, delta: &Delta<'_>) {
    for (place, chain) in &delta.new_chains {
        let hook = chain.hook.as_deref();
        let hook = hook.map(|hook| format!(" {hook}")).unwrap_or_default();
        let _ = writeln!(text, "chain {}{hook}", place.name);
    }
    let emptied = [&delta.rewritten, &delta.gone_chains];
    for (place, _) in emptied.into_iter().flatten() {
        let _ = writeln!(text, "flush {}", place.name);
    }
    for (place, chain) in delta.new_chains.iter().chain(&delta.rewritten) {
        rules(text, place, chain);
    }
    for (place, _) in &delta.gone_chains {
        let _ = writeln!(text, "drop-chain {}", place.name);
    }
}

fn rules(text: &mut String, place: &Place, chain: &Chain) {
    for line in &chain.lines {
        let _ = writeln!(text, "rule {} {line}", place.name);
    }
}
