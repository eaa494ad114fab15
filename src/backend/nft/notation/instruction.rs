//! Instructions, each in brackets.

use std::fmt;

use super::value::{VerdictText, limit, words};
use crate::backend::nft::expression::object_type;
use crate::backend::nft::field::{NFT_META_IIFTYPE, loaded};
use crate::backend::nft::instruction::{
    Base, Comparison, Instruction, NFT_REG_VERDICT, SetReference,
};
use crate::ruleset::DynamicOperation;

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload { .. }
            | Self::Meta { .. }
            | Self::MetaSet { .. }
            | Self::Ct { .. }
            | Self::Fib { .. } => load(self, f),
            Self::Compare { .. }
            | Self::NotInRange { .. }
            | Self::Bitwise { .. }
            | Self::Byteorder { .. } => arithmetic(self, f),
            Self::Lookup { .. }
            | Self::Object(..)
            | Self::ObjectMap { .. }
            | Self::Dynset { .. } => reference(self, f),
            Self::Verdict(verdict) => {
                let verdict = VerdictText(verdict);
                write!(f, "[ immediate reg {NFT_REG_VERDICT} {verdict} ]")
            }
            Self::Value { register, value } => {
                write!(f, "[ immediate reg {register} {} ]", words(value, "0x"))
            }
            Self::Counter => f.write_str("[ counter pkts 0 bytes 0 ]"),
            Self::Limit(rate) => f.write_str(&limit(rate, "0x")),
            Self::Log { prefix, group } => log(f, prefix.as_deref(), *group),
            Self::Reject { kind, code } => write!(f, "[ reject type {kind} code {code} ]"),
            Self::Notrack => f.write_str("[ notrack ]"),
        }
    }
}

/// What fills a register from the packet, and what writes one back.
fn load(instruction: &Instruction, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Instruction::Payload {
        register,
        base,
        offset,
        length,
    } = instruction
    {
        let base = match base {
            Base::Link => "link",
            Base::Network => "network",
            Base::Transport => "transport",
        };
        let from = format_args!("{length}b @ {base} header + {offset}");
        write!(f, "[ payload load {from} => reg {register} ]")?;
    }
    if let Instruction::Meta { register, key } = instruction {
        write!(f, "[ meta load {} => reg {register} ]", meta(*key))?;
    }
    if let Instruction::MetaSet { register, key } = instruction {
        write!(f, "[ meta set {} with reg {register} ]", meta(*key))?;
    }
    if let Instruction::Ct { register, .. } = instruction {
        let key = source(instruction, *register);
        let key = key.trim_start_matches("ct ");
        write!(f, "[ ct load {key} => reg {register} ]")?;
    }
    if let Instruction::Fib { register, .. } = instruction {
        let lookup = source(instruction, *register);
        write!(f, "[ {lookup} => reg {register} ]")?;
    }
    Ok(())
}

/// A meta key in nft's word, here always without `meta`.
fn meta(key: u32) -> String {
    if key == NFT_META_IIFTYPE {
        return "iiftype".to_owned();
    }
    let source = source(&Instruction::Meta { register: 0, key }, 0);
    source.trim_start_matches("meta ").to_owned()
}

/// What an instruction reads; like libnftnl, `unknown` where no rule of ours could.
fn source(instruction: &Instruction, register: u32) -> String {
    loaded(instruction, register).map_or("unknown".to_owned(), |known| known.to_string())
}

fn arithmetic(instruction: &Instruction, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Instruction::Compare {
        register,
        comparison,
        value,
    } = instruction
    {
        let operator = match comparison {
            Comparison::Eq => "eq",
            Comparison::Ne => "neq",
            Comparison::LessOrEqual => "lte",
            Comparison::GreaterOrEqual => "gte",
        };
        write!(
            f,
            "[ cmp {operator} reg {register} {} ]",
            words(value, "0x")
        )?;
    }
    if let Instruction::NotInRange {
        register,
        first,
        last,
    } = instruction
    {
        let (first, last) = (words(first, "0x"), words(last, "0x"));
        write!(f, "[ range neq reg {register} {first} {last} ]")?;
    }
    if let Instruction::Bitwise {
        register,
        mask,
        flip,
    } = instruction
    {
        let masked = format_args!("( reg {register} & {} )", words(mask, "0x"));
        let flip = words(flip, "0x");
        write!(f, "[ bitwise reg {register} = {masked} ^ {flip} ]")?;
    }
    if let Instruction::Byteorder {
        register,
        length,
        size,
    } = instruction
    {
        let swapped = format_args!("hton(reg {register}, {size}, {length})");
        write!(f, "[ byteorder reg {register} = {swapped} ]")?;
    }
    Ok(())
}

/// What names sets and objects.
fn reference(instruction: &Instruction, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Instruction::Lookup {
        register,
        set,
        inverted,
        destination,
    } = instruction
    {
        write!(f, "[ lookup reg {register} set {} ", name_of(set))?;
        if let Some(destination) = destination {
            write!(f, "dreg {destination} ")?;
        }
        // NFT_LOOKUP_F_INV (linux/netfilter/nf_tables.h).
        f.write_str(if *inverted { "0x1 ]" } else { "]" })?;
    }
    if let Instruction::Object(kind, name) = instruction {
        write!(f, "[ objref type {} name {name} ]", object_type(*kind))?;
    }
    if let Instruction::ObjectMap { register, set } = instruction {
        write!(f, "[ objref sreg {register} set {} ]", name_of(set))?;
    }
    if let Instruction::Dynset {
        register,
        operation,
        set,
        timeout,
        limit: rate,
    } = instruction
    {
        let operation = match operation {
            DynamicOperation::Add => "add",
            DynamicOperation::Update => "update",
        };
        write!(f, "[ dynset {operation} reg_key {register} set {set} ")?;
        if let Some(timeout) = timeout {
            write!(f, "timeout {}ms ", timeout.as_millis())?;
        }
        if let Some(rate) = rate {
            write!(f, "expr {} ", limit(rate, "0x"))?;
        }
        f.write_str("]")?;
    }
    Ok(())
}

fn name_of(set: &SetReference) -> &str {
    match set {
        SetReference::Named(name) => name.as_str(),
        SetReference::Anonymous { name, .. } => name,
    }
}

fn log(f: &mut fmt::Formatter<'_>, prefix: Option<&str>, group: Option<u16>) -> fmt::Result {
    f.write_str("[ log ")?;
    if let Some(prefix) = prefix {
        write!(f, "prefix {prefix} ")?;
    }
    if let Some(group) = group {
        write!(f, "group {group} snaplen 0 qthreshold 0 ")?;
    }
    f.write_str("]")
}
