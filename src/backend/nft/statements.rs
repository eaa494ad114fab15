//! Reads instructions one by one and says what statements they are.

use super::bits;
use super::field::{self, fields_of, meta_number};
use super::instruction::{Base, Comparison, Instruction, SetReference, word_of};
use super::lower::Content;
use super::piece_reader::{Part, parts};
use super::raise::AnonymousSets;
use super::simple;
use crate::net::Family;
use crate::ruleset::{
    Bytes, Datatype, Expression, Key, MarkSource, Match, MetaKey, Operand, Operator, PayloadField,
    Statement, TableFamily, VmapSource,
};

/// The register file and the statements so far.
#[derive(Debug)]
pub(crate) struct Statements<'a> {
    statements: Vec<Statement>,
    anonymous: &'a AnonymousSets,
    loads: Vec<Load>,
    mask: Option<(Bytes, Bytes)>,
    lower_bound: Option<Bytes>,
    constant: Option<Bytes>,
    mapped: Option<(Vec<Expression>, crate::ruleset::Name)>,
    network: Option<Family>,
    transport: Option<u8>,
}

/// A value in the register file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Load {
    /// An expression that is read whole.
    Whole { word: u32, expression: Expression },
    /// Bytes of a header, which may be several fields, or a part of one.
    Header {
        word: u32,
        base: Base,
        offset: u32,
        length: u32,
    },
    /// `meta iiftype`.
    InterfaceType,
}

impl<'a> Statements<'a> {
    /// An empty rule of a table of this family.
    pub(crate) fn of(family: TableFamily, anonymous: &'a AnonymousSets) -> Self {
        let network = match family {
            TableFamily::Ip => Some(Family::V4),
            TableFamily::Ip6 => Some(Family::V6),
            TableFamily::Inet | TableFamily::Arp => None,
        };
        Self {
            statements: Vec::new(),
            anonymous,
            loads: Vec::new(),
            mask: None,
            lower_bound: None,
            constant: None,
            mapped: None,
            network,
            transport: None,
        }
    }

    /// The statements, where nothing is left unused in a register.
    pub(crate) fn finish(self) -> Result<Vec<Statement>, String> {
        let unused = self.loads.is_empty()
            && self.mask.is_none()
            && self.constant.is_none()
            && self.mapped.is_none();
        if unused {
            Ok(self.statements)
        } else {
            Err("a value that is not used".to_owned())
        }
    }

    /// Reads the next instruction.
    pub(crate) fn take(&mut self, instruction: &Instruction) -> Result<(), String> {
        match instruction {
            Instruction::Payload {
                register,
                base,
                offset,
                length,
            } => self.loads.push(Load::Header {
                word: word_of(*register),
                base: *base,
                offset: *offset,
                length: *length,
            }),
            Instruction::Meta { register, .. }
            | Instruction::Ct { register, .. }
            | Instruction::Fib { register, .. } => self.load(instruction, *register)?,
            Instruction::MetaSet { key, .. } => self.set_mark(*key)?,
            Instruction::Compare {
                comparison, value, ..
            } => self.compare(*comparison, value)?,
            Instruction::NotInRange { first, last, .. } => {
                self.range(Operator::Ne, first, last)?;
            }
            Instruction::Bitwise { mask, flip, .. } => {
                self.mask = Some((mask.clone(), flip.clone()));
            }
            // Whether it belongs there, lowering the rule again will show.
            Instruction::Byteorder { .. } => {}
            Instruction::Value { value, .. } => self.constant = Some(value.clone()),
            Instruction::Lookup {
                set,
                inverted,
                destination,
                ..
            } => {
                let operator = if *inverted {
                    Operator::Ne
                } else {
                    Operator::Eq
                };
                self.lookup(set, operator, *destination)?;
            }
            Instruction::ObjectMap { .. } | Instruction::Dynset { .. } => {
                self.keyed(instruction)?
            }
            Instruction::Verdict(_)
            | Instruction::Counter
            | Instruction::Object(..)
            | Instruction::Limit(_)
            | Instruction::Log { .. }
            | Instruction::Reject { .. }
            | Instruction::Notrack => {
                let statement = simple::statement(instruction);
                self.statements
                    .push(statement.ok_or("an unknown statement")?);
            }
        }
        Ok(())
    }

    fn load(&mut self, instruction: &Instruction, register: u32) -> Result<(), String> {
        let iiftype = field::NFT_META_IIFTYPE;
        let load = if matches!(instruction, Instruction::Meta { key, .. } if *key == iiftype) {
            Load::InterfaceType
        } else {
            let expression = field::loaded(instruction, register).ok_or("an unknown key")?;
            Load::Whole {
                word: word_of(register),
                expression,
            }
        };
        self.loads.push(load);
        Ok(())
    }

    /// Statements that take a key out of the registers.
    fn keyed(&mut self, instruction: &Instruction) -> Result<(), String> {
        let key = self.key()?;
        let statement = simple::keyed_statement(instruction, key);
        self.statements
            .push(statement.ok_or("an unknown statement")?);
        Ok(())
    }

    fn set_mark(&mut self, key: u32) -> Result<(), String> {
        if key != meta_number(MetaKey::Mark) {
            return Err("a meta key that is set and is not the mark".to_owned());
        }
        let source = match (self.mapped.take(), self.constant.take(), self.mask.take()) {
            (Some((key, map)), None, None) => MarkSource::Map { key, map },
            (None, Some(value), None) => MarkSource::Bits {
                keep: 0,
                flip: number(&value)?,
            },
            (None, None, Some((keep, flip))) => {
                if self.key()? != [Expression::Meta(MetaKey::Mark)] {
                    return Err("a mark from something else".to_owned());
                }
                MarkSource::Bits {
                    keep: number(&keep)?,
                    flip: number(&flip)?,
                }
            }
            _ => return Err("a mark from nowhere".to_owned()),
        };
        self.statements.push(Statement::SetMark(source));
        Ok(())
    }

    fn lookup(
        &mut self,
        set: &SetReference,
        operator: Operator,
        destination: Option<u32>,
    ) -> Result<(), String> {
        let mask = self.plain_mask()?;
        let key = self.key()?;
        let content = match set {
            SetReference::Named(_) => None,
            SetReference::Anonymous { name, .. } => Some(
                self.anonymous
                    .get(name)
                    .ok_or("an anonymous set that is gone")?,
            ),
        };
        let statement = match (set, content, destination) {
            (SetReference::Named(map), None, Some(1)) => {
                self.mapped = Some((key, map.clone()));
                return Ok(());
            }
            (SetReference::Named(map), None, Some(0)) => Statement::Vmap {
                key,
                map: VmapSource::Named(map.clone()),
            },
            (_, Some(Content::Verdicts(map)), Some(0)) => Statement::Vmap {
                key,
                map: VmapSource::Anonymous(map.clone()),
            },
            (SetReference::Named(set), None, None) => {
                let right = Operand::Set(set.clone());
                Statement::Match(Match {
                    left: key,
                    mask,
                    operator,
                    right,
                })
            }
            (_, Some(Content::Keys(keys)), None) => {
                let right = Operand::Anonymous(keys.clone());
                Statement::Match(Match {
                    left: key,
                    mask,
                    operator,
                    right,
                })
            }
            _ => return Err("a lookup that leads nowhere".to_owned()),
        };
        self.statements.push(statement);
        Ok(())
    }

    /// A mask without anything flipped.
    fn plain_mask(&mut self) -> Result<Option<Bytes>, String> {
        match self.mask.take() {
            Some((_, flip)) if flip.iter().any(|b| *b != 0) => {
                Err("a comparison of flipped bits".to_owned())
            }
            other => Ok(other.map(|(mask, _)| mask)),
        }
    }

    /// What is in the registers, as the key of a lookup.
    fn key(&mut self) -> Result<Vec<Expression>, String> {
        let mut next = 0;
        let loads = std::mem::take(&mut self.loads);
        let mut key = Vec::with_capacity(loads.len());
        for load in loads {
            let (word, expression) = match load {
                Load::Whole { word, expression } => (word, expression),
                Load::Header {
                    word,
                    base,
                    offset,
                    length,
                } => {
                    let field = self
                        .field(base, offset, length)
                        .ok_or("an unknown header field")?;
                    (word, Expression::Payload(field))
                }
                Load::InterfaceType => return Err("an interface type".to_owned()),
            };
            if word != next {
                return Err("registers in another order".to_owned());
            }
            next += u32::try_from(expression.datatype().padded_bytes() / 4).unwrap_or(u32::MAX);
            key.push(expression);
        }
        Ok(key)
    }

    /// The field at a place, by what is known of the protocols.
    fn field(&self, base: Base, offset: u32, length: u32) -> Option<PayloadField> {
        fields_of(self.network, self.transport, base)
            .find(|(_, place)| place.offset == offset && place.length == length)
            .map(|(field, _)| field)
    }

    fn push_match(&mut self, left: Expression, mask: Option<Bytes>, how: Operator, right: Operand) {
        let left = vec![left];
        self.statements.push(Statement::Match(Match {
            left,
            mask,
            operator: how,
            right,
        }));
    }

    fn compare(&mut self, comparison: Comparison, value: &Bytes) -> Result<(), String> {
        let operator = match comparison {
            Comparison::GreaterOrEqual => {
                self.lower_bound = Some(value.clone());
                return Ok(());
            }
            Comparison::LessOrEqual => {
                let first = self
                    .lower_bound
                    .take()
                    .ok_or("a comparison that is no range")?;
                return self.range(Operator::Eq, &first, value);
            }
            Comparison::Eq => Operator::Eq,
            Comparison::Ne => Operator::Ne,
        };
        let mask = self.plain_mask()?;
        match (self.loads.as_slice(), mask) {
            ([Load::InterfaceType], None) => {
                self.loads.clear();
                Ok(())
            }
            ([Load::Header { base, offset, .. }], None) => {
                let (base, offset) = (*base, *offset);
                self.loads.clear();
                self.compare_header(base, offset, operator, value)
            }
            ([_], mask) => {
                let left = self.single()?;
                self.compare_whole(left, mask, operator, value);
                Ok(())
            }
            _ => Err("a comparison of several values".to_owned()),
        }
    }

    fn single(&mut self) -> Result<Expression, String> {
        match self.key()?.as_slice() {
            [single] => Ok(*single),
            _ => Err("a comparison of several values".to_owned()),
        }
    }

    /// Header bytes can be several fields, or the first bytes of an address.
    fn compare_header(
        &mut self,
        base: Base,
        offset: u32,
        operator: Operator,
        value: &Bytes,
    ) -> Result<(), String> {
        let known = fields_of(self.network, self.transport, base);
        for part in parts(known, base, offset, value).ok_or("an unknown header field")? {
            match part {
                Part::EtherType(family) => self.network = Some(family),
                Part::Field(field, key) => {
                    let left = Expression::Payload(field);
                    if operator == Operator::Eq && key.end.is_none() {
                        self.learn(left, &key.start);
                    }
                    self.push_match(left, None, operator, Operand::Key(key));
                }
            }
        }
        Ok(())
    }

    fn compare_whole(
        &mut self,
        left: Expression,
        mask: Option<Bytes>,
        operator: Operator,
        value: &Bytes,
    ) {
        let datatype = left.datatype();
        let zero = value.iter().all(|b| *b == 0);
        let (mask, operator, right) = match (mask, datatype) {
            (Some(bits), Datatype::CtState | Datatype::TcpFlag) if zero => {
                let operator = match operator {
                    Operator::Eq => Operator::Ne,
                    Operator::Ne => Operator::Eq,
                };
                (None, operator, Operand::AnyBit(bits))
            }
            (Some(mask), Datatype::Ipv4Addr | Datatype::Ipv6Addr)
                if bits::mask_length(&mask).is_some() =>
            {
                let last: Bytes = value.iter().zip(&mask).map(|(v, m)| v | !m).collect();
                (None, operator, Operand::Key(Key::range(value, &last)))
            }
            (None, Datatype::IfName) if value.len() < datatype.bytes() => (
                None,
                operator,
                Operand::Key(wildcard(value, datatype.bytes())),
            ),
            (mask, _) => (mask, operator, Operand::Key(Key::value(value))),
        };
        if mask.is_none() && operator == Operator::Eq {
            self.learn(left, value);
        }
        self.push_match(left, mask, operator, right);
    }

    fn range(&mut self, operator: Operator, first: &Bytes, last: &Bytes) -> Result<(), String> {
        let mask = self.plain_mask()?;
        let left = self.single()?;
        let swap = |bytes: &Bytes| bits::network_order(left.datatype(), bytes);
        let key = Key::range(&swap(first), &swap(last));
        self.push_match(left, mask, operator, Operand::Key(key));
        Ok(())
    }

    fn learn(&mut self, left: Expression, value: &[u8]) {
        match left {
            Expression::Meta(MetaKey::Nfproto) => {
                self.network = match value {
                    [2] => Some(Family::V4),
                    [10] => Some(Family::V6),
                    _ => None,
                };
            }
            Expression::Meta(MetaKey::L4proto)
            | Expression::Payload(PayloadField::IpProtocol | PayloadField::Ip6Nexthdr) => {
                self.transport = value.first().copied();
            }
            Expression::Meta(_)
            | Expression::Payload(_)
            | Expression::Ct(_)
            | Expression::Fib(..) => {}
        }
    }
}

/// The range of names that begin with these bytes.
fn wildcard(prefix: &[u8], bytes: usize) -> Key {
    let (mut first, mut last) = (Bytes::from_slice(prefix), Bytes::from_slice(prefix));
    first.resize(bytes, 0);
    last.resize(bytes, 0xff);
    Key::range(&first, &last)
}

fn number(bytes: &[u8]) -> Result<u32, String> {
    let four = bytes
        .try_into()
        .map_err(|_| "a mark that has not four bytes")?;
    Ok(u32::from_ne_bytes(four))
}
