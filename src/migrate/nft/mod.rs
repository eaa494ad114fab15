//! nft's text as `migrate translate` prints it: a model, a printer for nft 1.0.6, and a parser that reads it back.
//!
//! `ruleset` has the words of Margay's own table and compiles each of them to the bytes of the kernel. What an
//! iptables host says needs several times as many (NAT, exthdr, tcp options, ct objects, arithmetic on marks) and none
//! of the bytes; so this model is closer to the text: a value is what is written, and only `verify` gives it a meaning.

pub mod expression;
pub mod field;
pub mod object;
pub mod parse;
pub mod print;
pub mod set;
pub mod statement;
pub mod table;
pub mod value;

pub use expression::{Expression, Fib, MapSource, Match, Operand, Operator};
pub use field::Field;
pub use object::Object;
pub(in crate::migrate) use parse::read_time;
pub use parse::{NftError, Parsed, RulePlace, parse};
pub use set::{Data, Element, Set, SetKind};
pub use statement::{Amount, Limit, Log, Nat, NatKind, NatTarget, RejectWith, Statement, Verdict};
pub use table::{Base, Chain, Family, HookPoint, Policy, Rule, Ruleset, Table};
pub use value::{Item, Value};
