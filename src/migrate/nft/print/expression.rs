//! Values, expressions and matches as text.

use std::fmt;

use super::super::{Expression, Fib, Item, MapSource, Match, Operand, Operator, Value};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Hex(number) => write!(f, "{number:#x}"),
            Self::Address(address) => address.fmt(f),
            Self::Mac(mac) => {
                let bytes: Vec<_> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
                f.write_str(&bytes.join(":"))
            }
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Word(word) => f.write_str(word),
            Self::Bits(bits) => write!(f, "({})", bits.join(" | ")),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => value.fmt(f),
            Self::Prefix(address, length) => write!(f, "{address}/{length}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// A concatenation of items.
pub(in crate::migrate::nft) fn items(f: &mut fmt::Formatter<'_>, items: &[Item]) -> fmt::Result {
    joined(f, items)
}

/// A concatenation of expressions.
pub(in crate::migrate::nft) fn concatenation(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
) -> fmt::Result {
    joined(f, parts)
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: &[T]) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        let dot = if at > 0 { " . " } else { "" };
        write!(f, "{dot}{part}")?;
    }
    Ok(())
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Value(value) => value.fmt(f),
            Self::Fib(fib) => fib.fmt(f),
            Self::Cgroupv2(level) => write!(f, "socket cgroupv2 level {level}"),
            Self::Numgen {
                random,
                modulus,
                offset,
            } => {
                let kind = if *random { "random" } else { "inc" };
                write!(f, "numgen {kind} mod {modulus}")?;
                if *offset > 0 {
                    write!(f, " offset {offset}")?;
                }
                Ok(())
            }
            Self::Jhash { key, modulus, seed } => {
                f.write_str("jhash ")?;
                concatenation(f, key)?;
                write!(f, " mod {modulus}")?;
                match seed {
                    Some(seed) => write!(f, " seed {seed:#x}"),
                    None => Ok(()),
                }
            }
            Self::Raw { base, offset, bits } => write!(f, "@{base},{offset},{bits}"),
            Self::TcpOption { kind, field } => {
                write!(f, "tcp option {kind}")?;
                match field {
                    Some(field) => write!(f, " {field}"),
                    None => Ok(()),
                }
            }
            Self::SctpChunk(kind) => write!(f, "sctp chunk {kind}"),
            Self::Exthdr(header) => write!(f, "exthdr {header}"),
            Self::Ipsec { input, number, key } => {
                let direction = if *input { "in" } else { "out" };
                write!(f, "ipsec {direction} spnum {number} {key}")
            }
            Self::And(left, mask) => arithmetic(f, left, "&", mask),
            Self::Or(left, bits) => arithmetic(f, left, "|", bits),
            Self::Xor(left, bits) => arithmetic(f, left, "^", bits),
            Self::ShiftLeft(left, bits) => arithmetic(f, left, "<<", &u64::from(*bits)),
            Self::ShiftRight(left, bits) => arithmetic(f, left, ">>", &u64::from(*bits)),
            Self::Map(key, map) => {
                concatenation(f, key)?;
                write!(f, " map {map}")
            }
        }
    }
}

/// An operation, with parentheses around one inside it.
fn arithmetic(
    f: &mut fmt::Formatter<'_>,
    left: &Expression,
    operator: &str,
    right: &dyn fmt::Display,
) -> fmt::Result {
    let nested = matches!(
        left,
        Expression::And(..)
            | Expression::Or(..)
            | Expression::Xor(..)
            | Expression::ShiftLeft(..)
            | Expression::ShiftRight(..)
    );
    if nested {
        write!(f, "({left}) {operator} {right}")
    } else {
        write!(f, "{left} {operator} {right}")
    }
}

impl fmt::Display for Fib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fib {} {}", self.flags.join(" . "), self.result)
    }
}

impl fmt::Display for MapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "@{name}"),
            Self::Anonymous(elements) => {
                f.write_str("{ ")?;
                for (at, (key, data)) in elements.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    items(f, key)?;
                    write!(f, " : {data}")?;
                }
                f.write_str(" }")
            }
        }
    }
}

impl Operator {
    /// The operators that are written, longer ones before their beginnings.
    pub(in crate::migrate::nft) const WRITTEN: [(Self, &'static str); 7] = [
        (Self::Equal, "=="),
        (Self::NotEqual, "!="),
        (Self::None, "!"),
        (Self::LessOrEqual, "<="),
        (Self::Less, "<"),
        (Self::GreaterOrEqual, ">="),
        (Self::Greater, ">"),
    ];
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        concatenation(f, &self.left)?;
        f.write_str(" ")?;
        let written = Operator::WRITTEN.iter().find(|(o, _)| *o == self.operator);
        if let Some((_, text)) = written {
            write!(f, "{text} ")?;
        }
        match &self.right {
            Operand::Items(right) => items(f, right),
            Operand::AnyOf(bits) => f.write_str(&bits.join(",")),
            Operand::Set(name) => write!(f, "@{name}"),
            Operand::Anonymous(elements) => {
                f.write_str("{ ")?;
                for (at, element) in elements.iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    element.fmt(f)?;
                }
                f.write_str(" }")
            }
        }
    }
}
