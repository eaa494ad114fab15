//! Rules and their statements.

use std::fmt::{self, Formatter};
use std::time::Duration;

use super::expression::write_expressions;
use super::value::{write_bits, write_key, write_value};
use super::{write_comment, write_duration, write_quoted, write_separated};
use crate::ruleset::keyword::{self, BURST_DEFAULT, LIMIT_UNITS, REJECTS, word};
use crate::ruleset::{
    Datatype, DynamicOperation, Expression, Limit, MarkSource, Match, Name, Operand, Operator,
    RejectKind, Rule, Statement, Verdict, VmapSource,
};

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_separated(f, " ", &self.statements, |f, statement| {
            write!(f, "{statement}")
        })?;
        write_comment(f, self.comment.as_deref())
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match(test) => write_match(f, test),
            Self::Verdict(verdict) => write!(f, "{verdict}"),
            Self::Vmap { key, map } => write_vmap(f, key, map),
            Self::Counter => f.write_str("counter"),
            Self::NamedCounter(name) => write!(f, "counter name \"{name}\""),
            Self::CounterMap { key, map } => {
                f.write_str("counter name ")?;
                write_map(f, key, map)
            }
            Self::Limit(limit) => write!(f, "limit {limit}"),
            Self::NamedLimit(name) => write!(f, "limit name \"{name}\""),
            Self::Log { prefix, group } => write_log(f, prefix.as_deref(), *group),
            Self::Reject(kind) => write_reject(f, *kind),
            Self::Notrack => f.write_str("notrack"),
            Self::SetMark(source) => write_mark(f, source),
            Self::Dynamic {
                operation,
                set,
                key,
                timeout,
                limit,
            } => {
                f.write_str(match operation {
                    DynamicOperation::Add => "add",
                    DynamicOperation::Update => "update",
                })?;
                write!(f, " @{set} {{ ")?;
                write_dynamic_element(f, key, *timeout, *limit)
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let over = if self.over { "over " } else { "" };
        write!(
            f,
            "rate {over}{}/{}",
            self.rate,
            word(&LIMIT_UNITS, &self.unit)
        )?;
        if self.burst == BURST_DEFAULT {
            return Ok(());
        }
        write!(f, " burst {} packets", self.burst)
    }
}

fn write_match(f: &mut Formatter<'_>, test: &Match) -> fmt::Result {
    write_expressions(f, &test.left)?;
    let types = datatypes(&test.left);
    if let (Some(mask), [datatype]) = (&test.mask, types.as_slice()) {
        write_mask(f, *datatype, mask)?;
    }
    f.write_str(relation(test))?;
    match (&test.right, types.as_slice()) {
        (Operand::Key(key), types) => write_key(f, key, types),
        (Operand::AnyBit(bits), [datatype, ..]) => write_bits(f, *datatype, bits, ","),
        (Operand::AnyBit(_), []) => Ok(()),
        (Operand::Set(name), _) => write!(f, "@{name}"),
        (Operand::Anonymous(keys), types) => {
            f.write_str("{ ")?;
            write_separated(f, ", ", keys, |f, key| write_key(f, key, types))?;
            f.write_str(" }")
        }
    }
}

/// Where nft would read a value of a bitmask type as "any of these bits", equality is spelled out.
fn relation(test: &Match) -> &'static str {
    let exact = matches!(test.right, Operand::Key(_));
    match (test.operator, &test.right) {
        (Operator::Eq, _) if test.mask.is_some() => " == ",
        (Operator::Eq, _) if exact && keyword::is_bitmask(&test.left) => " == ",
        (Operator::Eq, _) => " ",
        (Operator::Ne, Operand::AnyBit(_)) => " ! ",
        (Operator::Ne, Operand::Key(_) | Operand::Set(_) | Operand::Anonymous(_)) => " != ",
    }
}

fn write_mask(f: &mut Formatter<'_>, datatype: Datatype, mask: &[u8]) -> fmt::Result {
    let several = mask.iter().map(|byte| byte.count_ones()).sum::<u32>() > 1;
    if several && crate::ruleset::symbol::is_bitmask(datatype) {
        f.write_str(" & (")?;
        write_value(f, datatype, mask)?;
        return f.write_str(")");
    }
    f.write_str(" & ")?;
    write_value(f, datatype, mask)
}

fn write_vmap(f: &mut Formatter<'_>, key: &[Expression], map: &VmapSource) -> fmt::Result {
    write_expressions(f, key)?;
    f.write_str(" vmap ")?;
    match map {
        VmapSource::Named(name) => write!(f, "@{name}"),
        VmapSource::Anonymous(elements) => {
            let types = datatypes(key);
            f.write_str("{ ")?;
            write_separated(f, ", ", elements, |f, (key, verdict)| {
                write_key(f, key, &types)?;
                write!(f, " : {verdict}")
            })?;
            f.write_str(" }")
        }
    }
}

fn write_map(f: &mut Formatter<'_>, key: &[Expression], map: &Name) -> fmt::Result {
    write_expressions(f, key)?;
    write!(f, " map @{map}")
}

fn write_log(f: &mut Formatter<'_>, prefix: Option<&str>, group: Option<u16>) -> fmt::Result {
    f.write_str("log")?;
    if let Some(prefix) = prefix {
        f.write_str(" prefix ")?;
        // nft reads variables in a log prefix, and nowhere else in a string.
        write_quoted(f, &prefix.replace('$', " "))?;
    }
    match group {
        Some(group) => write!(f, " group {group}"),
        None => Ok(()),
    }
}

/// The kind is always spelled out: behind a match of one family nft makes `icmp` of a bare `reject`.
fn write_reject(f: &mut Formatter<'_>, kind: RejectKind) -> fmt::Result {
    let mut spelled = REJECTS.iter().filter(|(known, ..)| *known == kind);
    spelled.try_for_each(|(_, with, what)| write!(f, "reject with {with} {what}"))
}

/// A packet's new mark is `(mark & keep) ^ flip`. nft prints bits that are both cleared and flipped
/// as `|`, and so do we.
fn write_mark(f: &mut Formatter<'_>, source: &MarkSource) -> fmt::Result {
    f.write_str("meta mark set ")?;
    let (keep, flip) = match source {
        MarkSource::Map { key, map } => return write_map(f, key, map),
        MarkSource::Bits { keep: 0, flip } => return write!(f, "0x{flip:08x}"),
        MarkSource::Bits { keep, flip } => (*keep, *flip),
    };
    f.write_str("meta mark")?;
    let (set, inverted) = (flip & !keep, flip & keep);
    if keep | set != u32::MAX || flip == 0 {
        write!(f, " & 0x{:08x}", keep | set)?;
    }
    if inverted != 0 {
        write!(f, " ^ 0x{inverted:08x}")?;
    }
    if set != 0 {
        write!(f, " | 0x{set:08x}")?;
    }
    Ok(())
}

fn write_dynamic_element(
    f: &mut Formatter<'_>,
    key: &[Expression],
    timeout: Option<Duration>,
    limit: Option<Limit>,
) -> fmt::Result {
    write_expressions(f, key)?;
    if let Some(timeout) = timeout {
        f.write_str(" timeout ")?;
        write_duration(f, timeout)?;
    }
    if let Some(limit) = limit {
        write!(f, " limit {limit}")?;
    }
    f.write_str(" }")
}

fn datatypes(expressions: &[Expression]) -> Vec<Datatype> {
    expressions
        .iter()
        .map(|expression| expression.datatype())
        .collect()
}
