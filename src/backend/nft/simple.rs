//! Instructions that are a statement by themselves.

use super::instruction::{Instruction, SetReference};
use crate::ruleset::{Expression, ObjectKind, RejectKind, Statement};

/// The statement of an instruction that takes nothing out of a register.
pub(crate) fn statement(instruction: &Instruction) -> Option<Statement> {
    if let Instruction::Verdict(verdict) = instruction {
        return Some(Statement::Verdict(verdict.clone()));
    }
    if let Instruction::Object(kind, name) = instruction {
        return Some(match kind {
            ObjectKind::Counter => Statement::NamedCounter(name.clone()),
            ObjectKind::Limit => Statement::NamedLimit(name.clone()),
        });
    }
    if let Instruction::Limit(limit) = instruction {
        return Some(Statement::Limit(*limit));
    }
    if let Instruction::Log { prefix, group } = instruction {
        let prefix = prefix.clone();
        return Some(Statement::Log {
            prefix,
            group: *group,
        });
    }
    if let Instruction::Reject { kind, code } = instruction {
        return reject(*kind, *code).map(Statement::Reject);
    }
    let plain = [
        (Instruction::Counter, Statement::Counter),
        (Instruction::Notrack, Statement::Notrack),
    ];
    let mut plain = plain.into_iter();
    plain
        .find(|(known, _)| known == instruction)
        .map(|(_, statement)| statement)
}

/// The statement of an instruction that takes a key out of the registers.
pub(crate) fn keyed_statement(
    instruction: &Instruction,
    key: Vec<Expression>,
) -> Option<Statement> {
    if let Instruction::ObjectMap {
        set: SetReference::Named(map),
        ..
    } = instruction
    {
        return Some(Statement::CounterMap {
            key,
            map: map.clone(),
        });
    }
    let Instruction::Dynset {
        operation,
        set,
        timeout,
        limit,
        ..
    } = instruction
    else {
        return None;
    };
    Some(Statement::Dynamic {
        operation: *operation,
        set: set.clone(),
        key,
        timeout: *timeout,
        limit: *limit,
    })
}

/// `NFT_REJECT_*` types and their codes (linux/netfilter/nf_tables.h, linux/icmp.h).
fn reject(kind: u32, code: u8) -> Option<RejectKind> {
    match (kind, code) {
        (0, 3 | 4) | (2, 1) => Some(RejectKind::PortUnreachable),
        (1, 0) => Some(RejectKind::TcpReset),
        (2, 3) => Some(RejectKind::AdminProhibited),
        _ => None,
    }
}
