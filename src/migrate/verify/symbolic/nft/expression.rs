//! Expressions and matches as conditions.

use super::super::{Condition, Step, fields, labels, words};
use super::Ground;
use super::reading::{Reading, Subject};
use crate::migrate::nft::{Expression, Field, Item, Match, Operand, Operator, Value};

impl Ground<'_> {
    /// What an expression reads, without arithmetic.
    pub(super) fn read(&self, expression: &Expression) -> Option<Reading> {
        match expression {
            Expression::Field(field) => self.field(*field),
            Expression::Fib(fib) => {
                let what = format!("fib {}", fib.flags.join(" . "));
                if fib.result == "type" {
                    let flags: Vec<_> = fib.flags.iter().map(String::as_str).collect();
                    let variable = super::super::fields::fib_type(&flags);
                    let reading = Reading::number(Condition::Always, variable);
                    return Some(reading.in_words(words::FIB_TYPES));
                }
                Some(Reading::flag(Condition::atom(format!("{what} oif exists"))))
            }
            Expression::Cgroupv2(_) => {
                let guard = super::super::fields::has_socket();
                Some(Reading::text(guard, "cgroup"))
            }
            Expression::TcpOption { kind, field: None } => {
                let kind = option_number(kind);
                let there = Condition::atom(format!("tcp option {kind}"));
                let readable = super::super::fields::transport(6);
                Some(Reading::flag(there.and(readable)))
            }
            Expression::TcpOption {
                kind,
                field: Some(field),
            } if option_number(kind) == "2" && ["size", "length"].contains(&field.as_str()) => {
                let there = fields::transport(6).and(Condition::atom(labels::SEGMENT_OPTION));
                let length = fields::segment_option();
                // The kernel takes an option that says 0 or 1 for one octet, in which there is no length.
                let (octets, read) = match field.as_str() {
                    "length" => (2, length.clone()),
                    _ => (4, fields::segment_size()),
                };
                let there = there.and(length.within(octets, length.largest()));
                Some(Reading::number(there, read))
            }
            Expression::SctpChunk(kind) => {
                let there = Condition::atom(format!("sctp chunk {kind}"));
                Some(Reading::flag(there.and(fields::transport(132))))
            }
            Expression::Exthdr(header) => Some(self.header(header)),
            Expression::Ipsec { input, number, key } => {
                let word = if *input { "in" } else { "out" };
                let bits = if key.contains("addr") {
                    self.width().bits()
                } else {
                    32
                };
                let name = format!("ipsec {word} {number} {key}");
                let variable = super::super::Variable::new(&name, bits);
                let there = Condition::atom(format!("ipsec {word}"));
                Some(Reading::number(there, variable))
            }
            Expression::Raw { .. }
            | Expression::TcpOption { .. }
            | Expression::Value(_)
            | Expression::Numgen { .. }
            | Expression::Jhash { .. }
            | Expression::And(..)
            | Expression::Or(..)
            | Expression::Xor(..)
            | Expression::ShiftLeft(..)
            | Expression::Map(..) => self.raw(expression),
            Expression::ShiftRight(inner, count) => self.shifted(inner, u32::from(*count)),
        }
    }

    /// `(@nh,8,8 & 0xfc) >> 2`: bits of a number that lie side by side.
    fn shifted(&self, inner: &Expression, low: u32) -> Option<Reading> {
        let Expression::And(whole, mask) = inner else {
            return None;
        };
        let whole = self.read(whole)?;
        let (variable, mask) = (whole.variable()?, whole.value(mask)?);
        let count = mask.count_ones();
        let bits = 1_u128.checked_shl(count)?.checked_sub(1)?;
        let same = bits.checked_shl(low)? == mask && low + count <= variable.bits;
        (same && count > 0).then(|| Reading::part(whole.guard.clone(), variable, low, count))
    }

    /// Bits that the kernel knows without a name.
    fn raw(&self, expression: &Expression) -> Option<Reading> {
        let Expression::Raw { base, offset, bits } = expression else {
            return None;
        };
        let v4 = self.width() == super::super::fields::Width::V4;
        // The second octet of an IPv4 header is the type of service, whole.
        if base == "nh" && v4 && (*offset, *bits) == (8, 8) {
            let variable = super::super::fields::tos();
            return Some(Reading::number(Condition::Always, variable));
        }
        let variable = super::super::Variable::new(&format!("{expression}"), *bits);
        let guard = match base.as_str() {
            "th" => super::super::fields::not_a_later_fragment(),
            _ => Condition::Always,
        };
        (*bits <= 128).then(|| Reading::number(guard, variable))
    }

    /// The steps of a match.
    pub(super) fn test(&self, test: &Match) -> Option<Vec<Step>> {
        if let [Expression::Numgen { .. }] = test.left.as_slice() {
            return self.by_chance(test);
        }
        let (guards, core) = match (test.left.as_slice(), &test.right) {
            ([Expression::And(left, mask)], right) => {
                self.masked(left, mask, test.operator, right)?
            }
            (left, Operand::Set(name)) => {
                let set = self.find_set(name.as_str())?;
                let (guards, found) = self.member(left, set)?;
                (guards, negated(test.operator, found)?)
            }
            (left, Operand::Anonymous(elements)) => {
                let readings = self.readings(left)?;
                let each = elements
                    .iter()
                    .map(|element| self.element(&readings, element, None));
                let each: Option<Vec<_>> = each.collect();
                let found = Condition::Any(each?);
                (guards(&readings), negated(test.operator, found)?)
            }
            ([single], Operand::AnyOf(bits)) => {
                let reading = self.read(single)?;
                let value = Value::Bits(bits.clone());
                (
                    reading.guard.clone(),
                    compare(&reading, test.operator, &value)?,
                )
            }
            ([single], Operand::Items(items)) => {
                let reading = self.read(single)?;
                let [item] = items.as_slice() else {
                    return None;
                };
                let core = match item {
                    Item::One(value) => compare(&reading, test.operator, value)?,
                    Item::Prefix(..) | Item::Range(..) => {
                        negated(test.operator, reading.within(item)?)?
                    }
                };
                (reading.guard, core)
            }
            (left, Operand::Items(items)) if left.len() == items.len() => {
                let readings = self.readings(left)?;
                let each = readings
                    .iter()
                    .zip(items)
                    .map(|(reading, item)| reading.within(item));
                let each: Option<Vec<_>> = each.collect();
                (
                    guards(&readings),
                    negated(test.operator, Condition::All(each?))?,
                )
            }
            (_, Operand::Items(_) | Operand::AnyOf(_)) => return None,
        };
        Some(vec![Step::Test(guards), Step::Test(core)])
    }

    pub(super) fn readings(&self, key: &[Expression]) -> Option<Vec<Reading>> {
        key.iter().map(|part| self.read(part)).collect()
    }

    /// `meta mark & 0xff == 0x1`.
    fn masked(
        &self,
        left: &Expression,
        mask: &Value,
        operator: Operator,
        right: &Operand,
    ) -> Option<(Condition, Condition)> {
        let mut reading = self.read(left)?;
        let mask = reading.value(mask)?;
        // The lower thirteen bits say where in the packet the fragment belongs: nowhere else than at its start or not.
        if is_field(left, Field::IpFragOff) && mask == 0x1fff {
            reading = Reading::number(reading.guard, fields::fragment());
        }
        let values: Vec<Value> = match right {
            Operand::Items(items) => match items.as_slice() {
                [Item::One(value)] => vec![value.clone()],
                _ => return None,
            },
            Operand::Anonymous(elements) => {
                let each = elements.iter().map(|element| match element.key.as_slice() {
                    [Item::One(value)] => Some(value.clone()),
                    _ => None,
                });
                each.collect::<Option<_>>()?
            }
            Operand::AnyOf(_) | Operand::Set(_) => return None,
        };
        let each = values
            .iter()
            .map(|value| reading.masked(mask, reading.value(value)?));
        let each: Option<Vec<_>> = each.collect();
        Some((
            reading.guard.clone(),
            negated(operator, Condition::Any(each?))?,
        ))
    }

    /// `numgen random mod 100 < 25`, `numgen inc mod 4 0`.
    fn by_chance(&self, test: &Match) -> Option<Vec<Step>> {
        use super::super::iptables::{chance, nth};
        let [
            Expression::Numgen {
                random,
                modulus,
                offset,
            },
        ] = test.left.as_slice()
        else {
            return None;
        };
        let Operand::Items(items) = &test.right else {
            return None;
        };
        let [Item::One(value)] = items.as_slice() else {
            return None;
        };
        let value = value.number()?.checked_sub(u64::from(*offset))?;
        let all = u64::from(*modulus);
        let (device, negated) = match (random, test.operator) {
            (true, Operator::Less) => (chance(value, all), false),
            (true, Operator::LessOrEqual) => (chance(value + 1, all), false),
            (true, Operator::GreaterOrEqual) => (chance(value, all), true),
            (true, Operator::Greater) => (chance(value + 1, all), true),
            (true, Operator::Implicit | Operator::Equal) => (chance(1, all), false),
            (false, Operator::Implicit | Operator::Equal) => {
                (nth(*modulus, u32::try_from(value).ok()?), false)
            }
            (false, Operator::NotEqual) => (nth(*modulus, u32::try_from(value).ok()?), true),
            (true | false, _) => return None,
        };
        Some(vec![Step::Ask { device, negated }])
    }
}

/// What must hold to read all of them.
pub(super) fn guards(readings: &[Reading]) -> Condition {
    Condition::All(
        readings
            .iter()
            .map(|reading| reading.guard.clone())
            .collect(),
    )
}

/// Contained or not.
pub(super) fn negated(operator: Operator, found: Condition) -> Option<Condition> {
    match operator {
        Operator::Implicit | Operator::Equal => Some(found),
        Operator::NotEqual => Some(found.negated()),
        Operator::None
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual => None,
    }
}

/// A comparison with one value. Bits that nothing stands before are any of them, as nft reads them.
fn compare(reading: &Reading, operator: Operator, value: &Value) -> Option<Condition> {
    let exactly = || reading.within(&Item::One(value.clone()));
    if let (Subject::Text(_), Operator::None) = (&reading.subject, operator) {
        return Some(exactly()?.negated());
    }
    let number = || reading.value(value);
    match operator {
        Operator::Implicit if reading.bits => Some(none_of(reading, number()?)?.negated()),
        Operator::None => none_of(reading, number()?),
        Operator::Implicit | Operator::Equal => exactly(),
        Operator::NotEqual => Some(exactly()?.negated()),
        Operator::Less => match number()? {
            0 => Some(Condition::Never),
            above => reading.between(0, above - 1),
        },
        Operator::LessOrEqual => reading.between(0, number()?),
        Operator::Greater if number()? >= reading.max() => Some(Condition::Never),
        Operator::Greater => reading.between(number()? + 1, reading.max()),
        Operator::GreaterOrEqual => reading.between(number()?, reading.max()),
    }
}

fn none_of(reading: &Reading, bits: u128) -> Option<Condition> {
    reading.masked(bits, 0)
}

/// The number of a TCP option.
pub(super) fn option_number(kind: &str) -> String {
    const KINDS: [(&str, u8); 10] = [
        ("eol", 0),
        ("nop", 1),
        ("maxseg", 2),
        ("mss", 2),
        ("window", 3),
        ("sack-permitted", 4),
        ("sack-perm", 4),
        ("sack", 5),
        ("timestamp", 8),
        ("mptcp", 30),
    ];
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    known.map_or_else(|| kind.to_owned(), |(_, number)| number.to_string())
}

/// Whether a field is the one that is meant.
pub(super) fn is_field(expression: &Expression, field: Field) -> bool {
    *expression == Expression::Field(field)
}

/// What a reading's variable is called in a key.
pub(super) fn named(reading: &Reading) -> Option<super::super::Variable> {
    match &reading.subject {
        Subject::Number { .. } | Subject::Interface(_) => reading.variable(),
        Subject::State | Subject::Flag(_) | Subject::Constant(_) | Subject::Text(_) => None,
    }
}
