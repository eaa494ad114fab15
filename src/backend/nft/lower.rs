//! A rule as instructions: exactly those that nft 1.0.6 makes of the same text.

use std::collections::{BTreeMap, BTreeSet};

use super::bits;
use super::dependency::Context;
use super::field::{Standing, is_swapped, load, location, meta_number};
use super::instruction::{
    Comparison, Instruction, NFT_REG_1, NFT_REG_VERDICT, NFT_REJECT_ICMP_UNREACH,
    NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_TCP_RST, SetReference, register_at,
};
use super::piece::{Piece, merge};
use crate::net::Protocol;
use crate::ruleset::{
    Bytes, Datatype, Expression, Key, MarkSource, Match, MetaKey, Name, Operand, Operator,
    RejectKind, Rule, Statement, TableFamily, Verdict, VmapSource,
};

/// The instructions of a rule and the anonymous sets that they look up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lowered {
    pub(crate) instructions: Vec<Instruction>,
    /// In the order of their ids, which count from 0.
    pub(crate) sets: Vec<AnonymousSet>,
}

/// A set that lives and dies with its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnonymousSet {
    /// What is looked up.
    pub(crate) key: Vec<Expression>,
    /// Whether a mask is applied before the lookup.
    pub(crate) masked: bool,
    /// What is in it.
    pub(crate) content: Content,
}

/// The elements of an anonymous set or verdict map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Keys(Vec<Key>),
    Verdicts(BTreeMap<Key, Verdict>),
}

impl AnonymousSet {
    /// Whether any element is a range.
    pub(crate) fn is_interval(&self) -> bool {
        match &self.content {
            Content::Keys(keys) => keys.iter().any(|key| key.end.is_some()),
            Content::Verdicts(map) => map.keys().any(|key| key.end.is_some()),
        }
    }

    /// The name that the kernel completes with a number.
    pub(crate) fn template(&self) -> &'static str {
        match self.content {
            Content::Keys(_) => "__set%d",
            Content::Verdicts(_) => "__map%d",
        }
    }
}

/// Lowers a rule of a table of this family. `intervals` are the named sets that hold ranges.
pub(crate) fn lower(family: TableFamily, rule: &Rule, intervals: &BTreeSet<Name>) -> Lowered {
    let mut lowering = Lowering {
        family,
        context: Context::of(family),
        pieces: Vec::new(),
        sets: Vec::new(),
        intervals,
    };
    for statement in &rule.statements {
        lowering.statement(statement);
    }
    Lowered {
        instructions: merge(lowering.pieces),
        sets: lowering.sets,
    }
}

struct Lowering<'a> {
    family: TableFamily,
    context: Context,
    pieces: Vec<Piece>,
    sets: Vec<AnonymousSet>,
    intervals: &'a BTreeSet<Name>,
}

/// What the loaded key is compared with or looked up in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the packet has it.
    Native,
    /// In network order, so that ranges can be compared.
    Network,
}

impl Lowering<'_> {
    fn emit(&mut self, instruction: Instruction) {
        self.pieces.push(Piece::Plain(instruction));
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Match(test) => self.test(test),
            Statement::Verdict(verdict) => self.emit(Instruction::Verdict(verdict.clone())),
            Statement::Vmap { key, map } => self.vmap(key, map),
            Statement::Counter => self.emit(Instruction::Counter),
            Statement::NamedCounter(name) => {
                let kind = crate::ruleset::ObjectKind::Counter;
                self.emit(Instruction::Object(kind, name.clone()));
            }
            Statement::CounterMap { key, map } => {
                self.load(key, self.order_of(map));
                let set = SetReference::Named(map.clone());
                self.emit(Instruction::ObjectMap {
                    register: NFT_REG_1,
                    set,
                });
            }
            Statement::Limit(limit) => self.emit(Instruction::Limit(*limit)),
            Statement::NamedLimit(name) => {
                let kind = crate::ruleset::ObjectKind::Limit;
                self.emit(Instruction::Object(kind, name.clone()));
            }
            Statement::Log { prefix, group } => self.emit(Instruction::Log {
                prefix: prefix.clone(),
                group: *group,
            }),
            Statement::Reject(kind) => self.reject(*kind),
            Statement::Notrack => self.emit(Instruction::Notrack),
            Statement::SetMark(source) => self.set_mark(source),
            Statement::Dynamic {
                operation,
                set,
                key,
                timeout,
                limit,
            } => {
                self.load(key, Order::Native);
                self.emit(Instruction::Dynset {
                    register: NFT_REG_1,
                    operation: *operation,
                    set: set.clone(),
                    timeout: *timeout,
                    limit: *limit,
                });
            }
        }
    }

    fn order_of(&self, set: &Name) -> Order {
        if self.intervals.contains(set) {
            Order::Network
        } else {
            Order::Native
        }
    }

    /// Loads the fields of a key side by side, after whatever nft tests first.
    fn load(&mut self, key: &[Expression], order: Order) {
        for expression in key {
            self.context.require(*expression, &mut self.pieces);
        }
        let standing = Standing::among(key.len());
        let mut word = 0;
        for expression in key {
            let register = register_at(word);
            self.emit(load(*expression, register));
            if order == Order::Network && is_swapped(*expression, standing) {
                self.swap(register, expression.datatype());
            }
            word += words(expression.datatype());
        }
    }

    fn swap(&mut self, register: u32, datatype: Datatype) {
        let length = u32::try_from(datatype.bytes()).unwrap_or(u32::MAX);
        // nft has no unit of one byte.
        let size = length.max(2);
        self.emit(Instruction::Byteorder {
            register,
            length,
            size,
        });
    }

    fn lookup(&mut self, set: SetReference, operator: Operator, destination: Option<u32>) {
        self.emit(Instruction::Lookup {
            register: NFT_REG_1,
            set,
            inverted: operator == Operator::Ne,
            destination,
        });
    }

    fn anonymous(&mut self, set: AnonymousSet) -> SetReference {
        let id = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let name = set.template().to_owned();
        self.sets.push(set);
        SetReference::Anonymous { name, id }
    }

    fn vmap(&mut self, key: &[Expression], map: &VmapSource) {
        let (order, set) = match map {
            VmapSource::Named(name) => (self.order_of(name), SetReference::Named(name.clone())),
            VmapSource::Anonymous(verdicts) => {
                let set = AnonymousSet {
                    key: key.to_vec(),
                    masked: false,
                    content: Content::Verdicts(verdicts.clone()),
                };
                (interval_order(&set), self.anonymous(set))
            }
        };
        self.load(key, order);
        self.lookup(set, Operator::Eq, Some(NFT_REG_VERDICT));
    }

    fn set_mark(&mut self, source: &MarkSource) {
        let key = meta_number(MetaKey::Mark);
        match source {
            MarkSource::Bits { keep: 0, flip } => self.emit(Instruction::Value {
                register: NFT_REG_1,
                value: Bytes::from_slice(&flip.to_ne_bytes()),
            }),
            MarkSource::Bits { keep, flip } => {
                self.emit(Instruction::Meta {
                    register: NFT_REG_1,
                    key,
                });
                self.emit(Instruction::Bitwise {
                    register: NFT_REG_1,
                    mask: Bytes::from_slice(&keep.to_ne_bytes()),
                    flip: Bytes::from_slice(&flip.to_ne_bytes()),
                });
            }
            MarkSource::Map { key, map } => {
                self.load(key, self.order_of(map));
                self.lookup(
                    SetReference::Named(map.clone()),
                    Operator::Eq,
                    Some(NFT_REG_1),
                );
            }
        }
        self.emit(Instruction::MetaSet {
            register: NFT_REG_1,
            key,
        });
    }

    fn reject(&mut self, reject: RejectKind) {
        let (kind, code) = match (reject, self.family) {
            (RejectKind::TcpReset, _) => {
                // nft puts this test first in the rule.
                let mut first = Vec::new();
                self.context.require_transport(Protocol::TCP, &mut first);
                self.pieces.splice(0..0, first);
                (NFT_REJECT_TCP_RST, 0)
            }
            // ICMP_PORT_UNREACH, ICMPV6_PORT_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH.
            (RejectKind::PortUnreachable, TableFamily::Ip) => (NFT_REJECT_ICMP_UNREACH, 3),
            (RejectKind::PortUnreachable, TableFamily::Ip6) => (NFT_REJECT_ICMP_UNREACH, 4),
            (RejectKind::PortUnreachable, TableFamily::Inet | TableFamily::Arp) => {
                (NFT_REJECT_ICMPX_UNREACH, 1)
            }
            // NFT_REJECT_ICMPX_ADMIN_PROHIBITED.
            (RejectKind::AdminProhibited, _) => (NFT_REJECT_ICMPX_UNREACH, 3),
        };
        self.emit(Instruction::Reject { kind, code });
    }

    fn test(&mut self, test: &Match) {
        match (&test.right, test.left.as_slice()) {
            (Operand::Key(key), [single]) => self.compare(*single, test, key),
            // nft takes a set of one element for that element.
            (Operand::Anonymous(keys), [single]) if keys.len() == 1 => {
                self.compare(*single, test, &keys[0]);
            }
            (Operand::AnyBit(bits), _) => self.any_bit(test, bits),
            (Operand::Set(name), _) => {
                self.load_masked(test, self.order_of(name));
                self.lookup(SetReference::Named(name.clone()), test.operator, None);
            }
            (Operand::Anonymous(keys), _) => self.look_up_anonymous(test, keys),
            (Operand::Key(key), _) => self.look_up_anonymous(test, std::slice::from_ref(key)),
        }
    }

    fn look_up_anonymous(&mut self, test: &Match, keys: &[Key]) {
        let set = AnonymousSet {
            key: test.left.clone(),
            masked: test.mask.is_some(),
            content: Content::Keys(keys.to_vec()),
        };
        let order = interval_order(&set);
        let reference = self.anonymous(set);
        self.load_masked(test, order);
        self.lookup(reference, test.operator, None);
    }

    fn any_bit(&mut self, test: &Match, bits: &Bytes) {
        self.load_masked(test, Order::Native);
        self.mask(bits);
        let none = Bytes::from_elem(0, bits.len());
        let comparison = match test.operator {
            Operator::Eq => Comparison::Ne,
            Operator::Ne => Comparison::Eq,
        };
        self.emit(compare(comparison, none));
    }

    /// Loads what a match reads; the mask comes before the change of byte order.
    fn load_masked(&mut self, test: &Match, order: Order) {
        let Some(mask) = &test.mask else {
            return self.load(&test.left, order);
        };
        self.load(&test.left, Order::Native);
        self.mask(mask);
        for expression in test.left.iter().take(1) {
            if order == Order::Network && is_swapped(*expression, Standing::Alone) {
                self.swap(NFT_REG_1, expression.datatype());
            }
        }
    }

    fn mask(&mut self, mask: &Bytes) {
        self.emit(Instruction::Bitwise {
            register: NFT_REG_1,
            mask: mask.clone(),
            flip: Bytes::from_elem(0, mask.len()),
        });
    }

    fn compare(&mut self, left: Expression, test: &Match, key: &Key) {
        let comparison = match test.operator {
            Operator::Eq => Comparison::Eq,
            Operator::Ne => Comparison::Ne,
        };
        let Some(last) = &key.end else {
            return self.compare_value(left, test, comparison, &key.start);
        };
        if left.datatype() == Datatype::IfName {
            self.load_masked(test, Order::Native);
            let same = bits::common_bytes(&key.start, last);
            return self.emit(compare(comparison, Bytes::from_slice(&key.start[..same])));
        }
        let address = [Datatype::Ipv4Addr, Datatype::Ipv6Addr].contains(&left.datatype());
        let prefix = bits::prefix_length(&key.start, last).filter(|_| address);
        match prefix {
            Some(length) => self.compare_prefix(left, comparison, &key.start, length),
            None => self.compare_range(left, test, &key.start, last),
        }
    }

    fn compare_value(&mut self, left: Expression, test: &Match, how: Comparison, value: &Bytes) {
        if let (Expression::Payload(field), None) = (left, &test.mask) {
            self.context.require(left, &mut self.pieces);
            let place = location(field);
            self.pieces.push(Piece::field(place, how, value));
        } else {
            self.load_masked(test, Order::Native);
            self.emit(compare(how, value.clone()));
        }
        if how == Comparison::Eq && test.mask.is_none() {
            self.context.learn(left, value);
        }
    }

    /// Whole bytes of a prefix are loaded alone, other prefixes are masked.
    fn compare_prefix(&mut self, left: Expression, how: Comparison, first: &Bytes, length: usize) {
        self.context.require(left, &mut self.pieces);
        let mut instruction = load(left, NFT_REG_1);
        let bytes = length / 8;
        if length.is_multiple_of(8) && bytes > 0 {
            if let Instruction::Payload { length, .. } = &mut instruction {
                *length = u32::try_from(bytes).unwrap_or(u32::MAX);
            }
            self.emit(instruction);
            self.emit(compare(how, Bytes::from_slice(&first[..bytes])));
        } else {
            self.emit(instruction);
            self.mask(&bits::mask(length, first.len()));
            self.emit(compare(how, first.clone()));
        }
    }

    fn compare_range(&mut self, left: Expression, test: &Match, first: &Bytes, last: &Bytes) {
        self.load_masked(test, Order::Network);
        let swap = |bytes: &Bytes| bits::network_order(left.datatype(), bytes);
        let (first, last) = (swap(first), swap(last));
        match test.operator {
            Operator::Eq => {
                self.emit(compare(Comparison::GreaterOrEqual, first));
                self.emit(compare(Comparison::LessOrEqual, last));
            }
            Operator::Ne => self.emit(Instruction::NotInRange {
                register: NFT_REG_1,
                first,
                last,
            }),
        }
    }
}

fn compare(comparison: Comparison, value: Bytes) -> Instruction {
    Instruction::Compare {
        register: NFT_REG_1,
        comparison,
        value,
    }
}

fn interval_order(set: &AnonymousSet) -> Order {
    if set.is_interval() {
        Order::Network
    } else {
        Order::Native
    }
}

/// Registers of four bytes that a field of a concatenation takes.
fn words(datatype: Datatype) -> u32 {
    u32::try_from(datatype.padded_bytes() / 4).unwrap_or(u32::MAX)
}
