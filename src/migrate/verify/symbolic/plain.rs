//! Chains that do the same with a packet whatever happened to it before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, Program, Step, Variable};

/// What a chain reads of packets, with all that it leads to; nothing for a chain that writes, or asks what remembers.
pub(super) type Reads<'a> = Option<BTreeSet<&'a Variable>>;

/// Every chain that packets can come to from these steps, judged. Chains lead into one another as deep as whoever wrote
/// them likes, so where this is on its way is kept in a list.
pub(super) fn plain(program: &Program) -> BTreeMap<&str, Reads<'_>> {
    let mut judged = BTreeMap::new();
    for name in program.chains.keys() {
        let mut way = vec![At::Before(name.as_str())];
        while let Some(at) = way.pop() {
            match at {
                At::Before(name) if judged.contains_key(name) => {}
                At::Before(name) => {
                    // A chain that leads to itself finds this, and is not plain.
                    judged.insert(name, None);
                    way.push(At::Behind(name));
                    way.extend(leads(program, name).into_iter().map(At::Before));
                }
                At::Behind(name) => {
                    let reads = reads(program, name, &judged);
                    judged.insert(name, reads);
                }
            }
        }
    }
    judged
}

/// Where the way through the chains is: before those that a chain leads to, or behind them.
enum At<'a> {
    Before(&'a str),
    Behind(&'a str),
}

fn steps<'a>(program: &'a Program, name: &str) -> impl Iterator<Item = &'a Step> {
    let rules = program.chains.get(name).into_iter().flatten();
    rules.flat_map(|rule| &rule.steps)
}

fn leads<'a>(program: &'a Program, name: &str) -> Vec<&'a str> {
    let mut leads = Vec::new();
    for step in steps(program, name) {
        step.each_chain(&mut |chain| leads.push(chain));
    }
    leads
}

/// What a chain reads, where all that it leads to is judged.
fn reads<'a>(program: &'a Program, name: &str, judged: &BTreeMap<&str, Reads<'a>>) -> Reads<'a> {
    let mut reads = Some(BTreeSet::new());
    for step in steps(program, name) {
        step_reads(step, judged, &mut reads);
    }
    reads
}

fn step_reads<'a>(step: &'a Step, judged: &BTreeMap<&str, Reads<'a>>, reads: &mut Reads<'a>) {
    match step {
        Step::Test(condition) => condition_reads(condition, reads),
        Step::Branch(branches) => {
            for (condition, steps) in branches {
                condition_reads(condition, reads);
                for step in steps {
                    step_reads(step, judged, reads);
                }
            }
        }
        Step::Jump(chain) | Step::Goto(chain) => {
            let inner = judged.get(chain.as_str()).cloned().flatten();
            *reads = reads.take().zip(inner).map(|(mut own, inner)| {
                own.extend(inner);
                own
            });
        }
        Step::Write { .. } | Step::Add { .. } | Step::Ask { .. } => *reads = None,
        Step::Note(_) | Step::End(_) | Step::Return => {}
    }
}

fn condition_reads<'a>(condition: &'a Condition, reads: &mut Reads<'a>) {
    let Some(reads) = reads else { return };
    condition.each_leaf(&mut |leaf| match leaf {
        Condition::Within(variable, _, _)
        | Condition::Masked(variable, _, _)
        | Condition::Name(variable, _) => {
            reads.insert(variable);
        }
        Condition::Atom(_)
        | Condition::Always
        | Condition::Never
        | Condition::All(_)
        | Condition::Any(_)
        | Condition::Not(_) => {}
    });
}
