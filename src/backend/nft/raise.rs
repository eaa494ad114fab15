//! Instructions back to a rule: the inverse of the lowering, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::instruction::{Instruction, SetReference};
use super::lower::{Content, lower};
use super::statements::Statements;
use super::{expression, sayable};
use crate::ruleset::{
    Expression, Match, MetaKey, Name, Operand, Operator, RejectKind, Rule, Statement, TableFamily,
};

/// The anonymous sets of a table by the names that the kernel gave them.
pub(crate) type AnonymousSets = BTreeMap<String, Content>;

/// The rule that these instructions were lowered from, in the form in which nft lists it.
///
/// # Errors
/// What Margay would never have made, in words.
pub(crate) fn raise(
    family: TableFamily,
    instructions: &[Instruction],
    anonymous: &AnonymousSets,
    intervals: &BTreeSet<Name>,
) -> Result<Rule, String> {
    let mut statements = Statements::of(family, anonymous);
    for instruction in instructions {
        statements.take(instruction)?;
    }
    let mut rule = Rule::new(statements.finish()?);
    if !rule.statements.iter().all(sayable::statement) {
        return Err("a value that is none of its type".to_owned());
    }
    let instructions = numbered(instructions);
    leave_out_dependencies(family, &mut rule, &instructions, intervals);
    if numbered(&lower(family, &rule, intervals).instructions) == instructions {
        return Ok(rule);
    }
    Err(format!("{rule} in other instructions than ours"))
}

/// Takes out tests of a protocol that lowering puts in by itself.
fn leave_out_dependencies(
    family: TableFamily,
    rule: &mut Rule,
    instructions: &[Instruction],
    intervals: &BTreeSet<Name>,
) {
    for index in (0..rule.statements.len()).rev() {
        if !is_protocol_test(&rule.statements[index]) {
            continue;
        }
        let mut shorter = rule.clone();
        shorter.statements.remove(index);
        // nft shows the test that a TCP reset alone would put in.
        let (long, short) = (without_reset(rule), without_reset(&shorter));
        let lowered = lower(family, &short, intervals);
        let complete = long == *rule && numbered(&lowered.instructions) == instructions;
        if complete || lowered == lower(family, &long, intervals) {
            *rule = shorter;
        }
    }
}

fn is_protocol_test(statement: &Statement) -> bool {
    let Statement::Match(test) = statement else {
        return false;
    };
    let key = [MetaKey::Nfproto, MetaKey::L4proto]
        .into_iter()
        .any(|key| test.left == [Expression::Meta(key)]);
    let Match {
        mask: None,
        operator: Operator::Eq,
        right: Operand::Key(value),
        ..
    } = test
    else {
        return false;
    };
    key && value.end.is_none()
}

fn without_reset(rule: &Rule) -> Rule {
    let reset = Statement::Reject(RejectKind::TcpReset);
    let statements = rule
        .statements
        .iter()
        .filter(|statement| **statement != reset);
    Rule::new(statements.cloned().collect())
}

/// Instructions with anonymous sets numbered in the order in which they are named.
fn numbered(instructions: &[Instruction]) -> Vec<Instruction> {
    let mut next = 0;
    let mut numbered = instructions.to_vec();
    for instruction in &mut numbered {
        if let Instruction::Lookup {
            set: SetReference::Anonymous { name, id },
            ..
        } = instruction
        {
            // The kernel takes any bytes for a name, which a cut could fall into.
            *name = name
                .chars()
                .take(expression::ANONYMOUS_PREFIX_CHARS)
                .collect();
            *id = next;
            next += 1;
        }
    }
    numbered
}
