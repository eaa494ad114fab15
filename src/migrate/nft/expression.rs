//! What is read of a packet, and how it is compared.

use crate::ruleset::Name;

use super::{Data, Element, Field, Item, Value};

/// What stands on the left of a match, in the key of a lookup, or is written to a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expression {
    /// `meta mark`.
    Field(Field),
    /// A constant: what is written to a field.
    Value(Value),
    /// `fib daddr type`.
    Fib(Fib),
    /// `socket cgroupv2 level 2`.
    Cgroupv2(u8),
    /// `numgen random mod 10 offset 1`.
    Numgen {
        /// `random`, or `inc`: one after the other.
        random: bool,
        /// Numbers are below this.
        modulus: u32,
        /// Added to each.
        offset: u32,
    },
    /// `jhash ip saddr . tcp sport mod 4 seed 0x1`.
    Jhash {
        /// What is hashed.
        key: Vec<Self>,
        /// Results are below this.
        modulus: u32,
        /// What the hash starts from.
        seed: Option<u32>,
    },
    /// `@nh,64,8`: so many bits from that bit on.
    Raw {
        /// `ll`, `nh`, `th` or `ih`.
        base: String,
        /// The first bit.
        offset: u32,
        /// How many.
        bits: u32,
    },
    /// `tcp option maxseg size`; without a field, whether the option is there.
    TcpOption {
        /// `maxseg`, `sack-permitted`, or a number.
        kind: String,
        /// `size`, `kind`, `length`, ...
        field: Option<String>,
    },
    /// `sctp chunk data`: whether such a chunk is there.
    SctpChunk(String),
    /// `exthdr hbh`: whether the header is there.
    Exthdr(String),
    /// `ipsec in spnum 0 reqid`.
    Ipsec {
        /// `in` or `out`.
        input: bool,
        /// Which transformation, from 0.
        number: u8,
        /// `reqid`, `spi`, `ip saddr`, ...
        key: String,
    },
    /// `meta mark & 0xff`.
    And(Box<Self>, Value),
    /// `meta mark | 0x1`.
    Or(Box<Self>, Value),
    /// `(meta mark & 0xfffffffe) ^ 0x1`.
    Xor(Box<Self>, Value),
    /// `meta mark << 8`.
    ShiftLeft(Box<Self>, u8),
    /// `meta mark >> 8`.
    ShiftRight(Box<Self>, u8),
    /// `ip saddr map @m`.
    Map(Vec<Self>, MapSource),
}

impl Expression {
    /// The field, masked: `meta mark & 0xff`.
    pub fn masked(field: Field, mask: u64) -> Self {
        Self::And(Box::new(Self::Field(field)), Value::Hex(mask))
    }
}

impl From<Field> for Expression {
    fn from(field: Field) -> Self {
        Self::Field(field)
    }
}

/// `fib saddr . iif oif`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fib {
    /// `saddr`, `daddr`, `mark`, `iif`, `oif`, in this order.
    pub flags: Vec<String>,
    /// `type`, `oif` or `oifname`.
    pub result: String,
}

/// Where something is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapSource {
    /// `@m`.
    Named(Name),
    /// `{ 1.2.3.4 : 80, 1.2.3.5 : 81 }`.
    Anonymous(Vec<(Vec<Item>, Data)>),
}

/// `ip saddr . tcp dport { 10.0.0.1 . 22 }`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// What is read; more than one for a concatenation.
    pub left: Vec<Expression>,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub right: Operand,
}

/// How a match compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// Nothing written: equal or contained; for a list of bits, any of them.
    Implicit,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `!`: none of these bits.
    None,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// What a match compares with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// One value, prefix or range for each expression on the left.
    Items(Vec<Item>),
    /// `new,established`: bits, for fields that are bits; two at least.
    AnyOf(Vec<String>),
    /// `{ 22, 80 }`.
    Anonymous(Vec<Element>),
    /// `@s`.
    Set(Name),
}

impl Match {
    /// A field equal to, or within, an item.
    pub fn new(field: Field, item: impl Into<Item>) -> Self {
        Self::with(field, Operator::Implicit, item)
    }

    /// A field compared with an item.
    pub fn with(field: Field, operator: Operator, item: impl Into<Item>) -> Self {
        Self {
            left: vec![field.into()],
            operator,
            right: Operand::Items(vec![item.into()]),
        }
    }
}
