//! Chains that do the same with a packet whatever happened to it before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, Program, Step, Variable};

/// What a chain reads of packets, with all that it leads to; nothing for a chain that writes, or asks what remembers.
pub(super) type Reads<'a> = Option<BTreeSet<&'a Variable>>;

/// Every chain that packets can come to from these steps, judged.
pub(super) fn plain(program: &Program) -> BTreeMap<&str, Reads<'_>> {
    let mut judged = BTreeMap::new();
    for name in program.chains.keys() {
        judge(program, name, &mut judged);
    }
    judged
}

fn judge<'a>(program: &'a Program, name: &'a str, judged: &mut BTreeMap<&'a str, Reads<'a>>) {
    if judged.contains_key(name) {
        return;
    }
    // A chain that leads to itself finds this, and is not plain.
    judged.insert(name, None);
    let rules = program.chains.get(name).map_or(&[][..], Vec::as_slice);
    let mut reads = Some(BTreeSet::new());
    for step in rules.iter().flat_map(|rule| &rule.steps) {
        step_reads(program, step, judged, &mut reads);
    }
    judged.insert(name, reads);
}

fn step_reads<'a>(
    program: &'a Program,
    step: &'a Step,
    judged: &mut BTreeMap<&'a str, Reads<'a>>,
    reads: &mut Reads<'a>,
) {
    match step {
        Step::Test(condition) => condition_reads(condition, reads),
        Step::Branch(branches) => {
            for (condition, steps) in branches {
                condition_reads(condition, reads);
                for step in steps {
                    step_reads(program, step, judged, reads);
                }
            }
        }
        Step::Jump(chain) | Step::Goto(chain) => {
            judge(program, chain, judged);
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
