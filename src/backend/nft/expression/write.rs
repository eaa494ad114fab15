//! Instructions as attributes.

use std::time::Duration;

use super::{
    NFT_BYTEORDER_HTON, NFT_LIMIT_F_INV, NFT_LOOKUP_F_INV, NFT_RANGE_NEQ, NFTA_DATA_VALUE,
    NFTA_DATA_VERDICT, NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CODE,
    seconds,
};
use crate::backend::nft::instruction::{Instruction, NFT_REG_VERDICT, SetReference};
use crate::netlink::attribute::Writer;
use crate::ruleset::{Limit, ObjectKind, Verdict};

/// Writes an expression; `first_id` is the id of the rule's first anonymous set.
pub(crate) fn write(writer: &mut Writer, instruction: &Instruction, first_id: u32) {
    let name = name_of(instruction);
    writer.text(NFTA_EXPR_NAME, name);
    // The kernel's notrack has no attributes at all.
    if *instruction != Instruction::Notrack {
        writer.nest(NFTA_EXPR_DATA, |w| write_data(w, instruction, first_id));
    }
}

fn name_of(instruction: &Instruction) -> &'static str {
    match instruction {
        Instruction::Payload { .. } => "payload",
        Instruction::Meta { .. } | Instruction::MetaSet { .. } => "meta",
        Instruction::Ct { .. } => "ct",
        Instruction::Fib { .. } => "fib",
        Instruction::Compare { .. } => "cmp",
        Instruction::NotInRange { .. } => "range",
        Instruction::Bitwise { .. } => "bitwise",
        Instruction::Byteorder { .. } => "byteorder",
        Instruction::Lookup { .. } => "lookup",
        Instruction::Verdict(_) | Instruction::Value { .. } => "immediate",
        Instruction::Counter => "counter",
        Instruction::Object(..) | Instruction::ObjectMap { .. } => "objref",
        Instruction::Limit(_) => "limit",
        Instruction::Log { .. } => "log",
        Instruction::Reject { .. } => "reject",
        Instruction::Notrack => "notrack",
        Instruction::Dynset { .. } => "dynset",
    }
}

fn write_data(w: &mut Writer, instruction: &Instruction, first_id: u32) {
    match instruction {
        Instruction::Payload { .. }
        | Instruction::Meta { .. }
        | Instruction::MetaSet { .. }
        | Instruction::Ct { .. }
        | Instruction::Fib { .. } => write_load(w, instruction),
        Instruction::Compare {
            register,
            comparison,
            value: operand,
        } => {
            numbers(w, &[(1, *register), (2, *comparison as u32)]);
            value(w, 3, operand);
        }
        Instruction::NotInRange {
            register,
            first,
            last,
        } => {
            numbers(w, &[(1, *register), (2, NFT_RANGE_NEQ)]);
            value(w, 3, first);
            value(w, 4, last);
        }
        Instruction::Bitwise {
            register,
            mask,
            flip,
        } => {
            let length = u32::try_from(mask.len()).unwrap_or(u32::MAX);
            numbers(w, &[(1, *register), (2, *register), (3, length)]);
            value(w, 4, mask);
            value(w, 5, flip);
        }
        Instruction::Byteorder {
            register,
            length,
            size,
        } => {
            let direction = (3, NFT_BYTEORDER_HTON);
            numbers(
                w,
                &[
                    (1, *register),
                    (2, *register),
                    direction,
                    (4, *length),
                    (5, *size),
                ],
            );
        }
        Instruction::Verdict(_)
        | Instruction::Value { .. }
        | Instruction::Counter
        | Instruction::Notrack
        | Instruction::Log { .. }
        | Instruction::Reject { .. }
        | Instruction::Limit(_) => write_action(w, instruction),
        Instruction::Lookup { .. }
        | Instruction::Object(..)
        | Instruction::ObjectMap { .. }
        | Instruction::Dynset { .. } => {
            write_reference(w, instruction, first_id);
        }
    }
}

/// The instructions that fill a register, and the one that empties it.
fn write_load(w: &mut Writer, instruction: &Instruction) {
    if let Instruction::Payload {
        register,
        base,
        offset,
        length,
    } = instruction
    {
        numbers(
            w,
            &[
                (1, *register),
                (2, *base as u32),
                (3, *offset),
                (4, *length),
            ],
        );
    }
    if let Instruction::Meta { register, key } | Instruction::Ct { register, key } = instruction {
        numbers(w, &[(2, *key), (1, *register)]);
    }
    if let Instruction::MetaSet { register, key } = instruction {
        numbers(w, &[(2, *key), (3, *register)]);
    }
    if let Instruction::Fib {
        register,
        flags,
        result,
    } = instruction
    {
        numbers(w, &[(3, *flags), (2, *result), (1, *register)]);
    }
}

/// The instructions that decide, count or tell.
fn write_action(w: &mut Writer, instruction: &Instruction) {
    match instruction {
        Instruction::Verdict(target) => {
            w.number(1, NFT_REG_VERDICT);
            verdict(w, 2, target);
        }
        Instruction::Value {
            register,
            value: constant,
        } => {
            w.number(1, *register);
            value(w, 2, constant);
        }
        Instruction::Counter | Instruction::Notrack => {}
        Instruction::Log { prefix, group } => {
            if let Some(prefix) = prefix {
                w.text(2, prefix);
            }
            if let Some(group) = group {
                w.short(1, *group);
            }
        }
        Instruction::Reject { kind, code } => {
            w.number(1, *kind);
            w.byte(2, *code);
        }
        Instruction::Limit(rate) => limit(w, rate),
        Instruction::Payload { .. }
        | Instruction::Meta { .. }
        | Instruction::MetaSet { .. }
        | Instruction::Ct { .. }
        | Instruction::Fib { .. }
        | Instruction::Compare { .. }
        | Instruction::NotInRange { .. }
        | Instruction::Bitwise { .. }
        | Instruction::Byteorder { .. }
        | Instruction::Lookup { .. }
        | Instruction::Object(..)
        | Instruction::ObjectMap { .. }
        | Instruction::Dynset { .. } => {}
    }
}

/// The instructions that name sets and objects.
fn write_reference(w: &mut Writer, instruction: &Instruction, first_id: u32) {
    match instruction {
        Instruction::Lookup {
            register,
            set,
            inverted,
            destination,
        } => {
            w.number(2, *register);
            if let Some(destination) = destination {
                w.number(3, *destination);
            }
            reference(w, 1, 4, set, first_id);
            if *inverted {
                w.number(5, NFT_LOOKUP_F_INV);
            }
        }
        Instruction::Object(kind, name) => {
            w.number(1, object_type(*kind));
            w.text(2, name.as_str());
        }
        Instruction::ObjectMap { register, set } => {
            w.number(3, *register);
            reference(w, 4, 5, set, first_id);
        }
        Instruction::Dynset {
            register,
            operation,
            set,
            timeout,
            limit: rate,
        } => {
            numbers(w, &[(4, *register), (3, *operation as u32)]);
            if let Some(timeout) = timeout {
                w.long(6, milliseconds(*timeout));
            }
            w.text(1, set.as_str());
            if let Some(rate) = rate {
                w.nest(7, |w| write(w, &Instruction::Limit(*rate), 0));
            }
        }
        Instruction::Payload { .. }
        | Instruction::Meta { .. }
        | Instruction::MetaSet { .. }
        | Instruction::Ct { .. }
        | Instruction::Fib { .. }
        | Instruction::Compare { .. }
        | Instruction::NotInRange { .. }
        | Instruction::Bitwise { .. }
        | Instruction::Byteorder { .. }
        | Instruction::Verdict(_)
        | Instruction::Value { .. }
        | Instruction::Counter
        | Instruction::Notrack
        | Instruction::Log { .. }
        | Instruction::Reject { .. }
        | Instruction::Limit(_) => {}
    }
}

fn numbers(w: &mut Writer, attributes: &[(u16, u32)]) {
    for (kind, number) in attributes {
        w.number(*kind, *number);
    }
}

/// `NFTA_DATA_VALUE` in a nest.
pub(crate) fn value(w: &mut Writer, kind: u16, bytes: &[u8]) {
    w.wrapped([kind, NFTA_DATA_VALUE], bytes);
}

/// `NFTA_DATA_VERDICT` in a nest.
pub(crate) fn verdict(w: &mut Writer, kind: u16, target: &Verdict) {
    w.nest(kind, |w| {
        w.nest(NFTA_DATA_VERDICT, |w| {
            w.raw(NFTA_VERDICT_CODE, &verdict_code(target).to_be_bytes());
            if let Some(chain) = target.target() {
                w.text(NFTA_VERDICT_CHAIN, chain.as_str());
            }
        });
    });
}

/// `NF_*` (linux/netfilter.h) and `NFT_*` verdicts.
fn verdict_code(verdict: &Verdict) -> i32 {
    match verdict {
        Verdict::Drop => 0,
        Verdict::Accept => 1,
        Verdict::Continue => -1,
        Verdict::Jump(_) => -3,
        Verdict::Goto(_) => -4,
        Verdict::Return => -5,
    }
}

/// The attributes of a limit, the same in a rule and in an object.
pub(crate) fn limit(w: &mut Writer, limit: &Limit) {
    w.long(1, limit.rate);
    w.long(2, seconds(limit.unit));
    w.number(3, limit.burst);
    w.number(4, 0);
    w.number(5, if limit.over { NFT_LIMIT_F_INV } else { 0 });
}

/// A time as the kernel takes it.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `NFT_OBJECT_*`.
pub(crate) fn object_type(kind: ObjectKind) -> u32 {
    match kind {
        ObjectKind::Counter => 1,
        ObjectKind::Limit => 4,
    }
}

fn reference(w: &mut Writer, name_kind: u16, id_kind: u16, set: &SetReference, first_id: u32) {
    match set {
        SetReference::Named(name) => w.text(name_kind, name.as_str()),
        SetReference::Anonymous { name, id } => {
            w.text(name_kind, name);
            w.number(id_kind, first_id + id);
        }
    }
}
