//! Translations, and what is written to fields.

use super::super::program::Source;
use super::super::{Condition, Step, Variable, fields, labels};
use super::Ground;
use super::expression::{is_field, option_number};
use super::reading::{Reading, Subject};
use crate::migrate::nft::{Data, Expression, Field, Item, Nat, NatKind, NatTarget, Object, Value};
use crate::net::Family;

/// A number made of one variable: `(variable & mask) << shift ^ toggle`.
struct Affine {
    guard: Condition,
    variable: Option<Variable>,
    mask: u128,
    shift: i32,
    toggle: u128,
}

impl Ground<'_> {
    /// The steps of a translation.
    pub(super) fn translation(&self, nat: &Nat) -> Option<Vec<Step>> {
        let family = match nat.family.as_deref() {
            Some("ip") => self.family == Family::V4,
            Some("ip6") => self.family == Family::V6,
            _ => true,
        };
        if !family {
            return Some(vec![Step::Test(Condition::Never)]);
        }
        let label = |addresses, ports| {
            let translation = labels::Translation {
                kind: nat.kind.text(),
                addresses,
                ports,
                random: nat.random,
                fully_random: nat.fully_random,
                persistent: nat.persistent,
            };
            vec![Step::End(translation.label())]
        };
        let translated = match nat.kind {
            NatKind::Snat | NatKind::Masquerade => fields::saddr(self.width()),
            NatKind::Dnat | NatKind::Redirect => fields::daddr(self.width()),
        };
        match &nat.to {
            None => Some(label(None, None)),
            Some(NatTarget::Fixed { addresses, ports }) => Some(label(*addresses, *ports)),
            Some(NatTarget::Map { form, key, map }) => self.branches(key, map, |data| {
                let Data::Items(items) = data else {
                    return None;
                };
                match (form.as_str(), items.as_slice()) {
                    (_, [Item::One(Value::Address(address))]) if form != "prefix" => {
                        Some(label(Some((*address, *address)), None))
                    }
                    (_, [Item::Range(Value::Address(first), Value::Address(last))])
                        if form != "prefix" =>
                    {
                        Some(label(Some((*first, *last)), None))
                    }
                    (
                        _,
                        [
                            Item::One(Value::Address(address)),
                            Item::One(Value::Number(port)),
                        ],
                    ) => {
                        let port = u16::try_from(*port).ok()?;
                        Some(label(Some((*address, *address)), Some((port, port))))
                    }
                    ("prefix", [Item::Prefix(address, length)]) => {
                        Some(super::super::netmap(&translated, *address, *length))
                    }
                    ("prefix", [Item::One(Value::Address(address))]) => {
                        let length = if address.is_ipv4() { 32 } else { 128 };
                        Some(super::super::netmap(&translated, *address, length))
                    }
                    _ => None,
                }
            }),
        }
    }

    /// The steps of `FIELD set VALUE`.
    pub(super) fn set_field(&self, field: &Expression, value: &Expression) -> Option<Vec<Step>> {
        if let Expression::TcpOption { .. } = field {
            return segment(field, value);
        }
        if let Some(note) = self.set_note(field, value) {
            return Some(vec![Step::Note(note)]);
        }
        let target = self.read(field)?;
        if let Expression::Map(key, map) = value {
            return self.branches(key, map, |data| {
                let Data::Items(items) = data else {
                    return None;
                };
                let [Item::One(value)] = items.as_slice() else {
                    return None;
                };
                write(&target, &self.constant(&target, value)?)
            });
        }
        let value = self.affine(&target, value)?;
        let guard = (target.guard.clone()).and(value.guard.clone());
        let mut steps = vec![Step::Test(guard)];
        steps.extend(write(&target, &value)?);
        Some(steps)
    }

    /// What is written and cannot be read back as a number.
    fn set_note(&self, field: &Expression, value: &Expression) -> Option<String> {
        let text = match value {
            Expression::Value(Value::Text(text) | Value::Word(text)) => text.clone(),
            other => other.to_string(),
        };
        if is_field(field, Field::CtHelper) {
            return match self.object("ct helper", &text)? {
                Object::CtHelper {
                    helper, protocol, ..
                } => Some(format!("ct helper {helper} of {protocol}")),
                _ => None,
            };
        }
        let plain = [
            (Field::CtZone, "ct zone"),
            (Field::CtOriginalZone, "ct original zone"),
            (Field::CtReplyZone, "ct reply zone"),
            (Field::CtTimeout, "ct timeout"),
            (Field::CtEvent, "ct events"),
        ];
        if let Some((_, word)) = plain.iter().find(|(plain, _)| is_field(field, *plain)) {
            if is_field(value, Field::Mark) {
                return Some(format!("{word} of the mark"));
            }
            return Some(format!("{word} {text}"));
        }
        if is_field(field, Field::CtLabel) {
            return Some(format!("ct label {text} set"));
        }
        is_field(field, Field::Nftrace).then(|| "trace".to_owned())
    }

    fn constant(&self, target: &Reading, value: &Value) -> Option<Affine> {
        Some(Affine {
            guard: Condition::Always,
            variable: None,
            mask: 0,
            shift: 0,
            toggle: target.value(value)?,
        })
    }

    fn affine(&self, target: &Reading, expression: &Expression) -> Option<Affine> {
        match expression {
            Expression::Value(value) => self.constant(target, value),
            Expression::And(inner, mask) => {
                let (mut inner, mask) = (self.affine(target, inner)?, target.value(mask)?);
                inner.mask &= shifted(mask, -inner.shift);
                inner.toggle &= mask;
                Some(inner)
            }
            Expression::Or(inner, bits) => {
                let (mut inner, bits) = (self.affine(target, inner)?, target.value(bits)?);
                inner.mask &= !shifted(bits, -inner.shift);
                inner.toggle |= bits;
                Some(inner)
            }
            Expression::Xor(inner, bits) => {
                let (mut inner, bits) = (self.affine(target, inner)?, target.value(bits)?);
                inner.toggle ^= bits;
                Some(inner)
            }
            Expression::ShiftLeft(inner, bits) => self.moved(target, inner, i32::from(*bits)),
            Expression::ShiftRight(inner, bits) => self.moved(target, inner, -i32::from(*bits)),
            other => {
                let reading = self.read(other)?;
                let Subject::Number {
                    variable,
                    low: 0,
                    count,
                } = reading.subject
                else {
                    return None;
                };
                (count == variable.bits).then(|| Affine {
                    guard: reading.guard,
                    mask: variable.largest(),
                    variable: Some(variable),
                    shift: 0,
                    toggle: 0,
                })
            }
        }
    }

    fn moved(&self, target: &Reading, inner: &Expression, by: i32) -> Option<Affine> {
        let mut inner = self.affine(target, inner)?;
        inner.shift += by;
        inner.toggle = shifted(inner.toggle, by);
        // What is moved out to the right is lost.
        if by < 0 {
            inner.mask &= shifted(u128::MAX, -inner.shift);
        }
        Some(inner)
    }
}

/// A segment size is written where the packet names one; others go on as they are.
fn segment(option: &Expression, value: &Expression) -> Option<Vec<Step>> {
    let Expression::TcpOption { kind, field } = option else {
        return None;
    };
    if option_number(kind) != "2" || field.as_deref() != Some("size") {
        return None;
    }
    let written = match value {
        route if is_field(route, Field::RtMtu) => labels::segment(labels::OF_THE_ROUTE),
        size => labels::segment(&size.to_string()),
    };
    let there = Condition::atom(labels::SEGMENT_OPTION);
    // The kernel drops a packet whose option ends before the size does.
    let short = fields::segment_option().within(0, 3);
    let gone = vec![Step::End(super::super::program::DROP.to_owned())];
    Some(vec![
        Step::Test(fields::transport(6)),
        Step::Branch(vec![
            (there.clone().and(short.clone()), gone),
            (
                there.clone().and(short.negated()),
                vec![Step::Note(written)],
            ),
            (there.negated(), Vec::new()),
        ]),
    ])
}

fn shifted(value: u128, by: i32) -> u128 {
    if by >= 0 {
        value.checked_shl(by.unsigned_abs()).unwrap_or(0)
    } else {
        value.checked_shr(by.unsigned_abs()).unwrap_or(0)
    }
}

fn write(target: &Reading, value: &Affine) -> Option<Vec<Step>> {
    let Subject::Number {
        variable,
        low,
        count,
    } = &target.subject
    else {
        return None;
    };
    let part = if *count >= 128 {
        u128::MAX
    } else {
        (1_u128 << count) - 1
    };
    let others = variable.largest() & !(part << low);
    let toggle = Step::Write {
        variable: variable.clone(),
        keep: variable.largest(),
        source: Source::Constant((value.toggle & part) << low),
    };
    let own = value.variable.as_ref() == Some(variable) && value.shift == 0;
    let first = match &value.variable {
        Some(_) if own => Step::Write {
            variable: variable.clone(),
            keep: value.mask | others,
            source: Source::Constant((value.toggle & part) << low),
        },
        Some(source) => Step::Write {
            variable: variable.clone(),
            keep: others,
            source: Source::Of(source.clone(), value.mask, value.shift),
        },
        None => Step::Write {
            variable: variable.clone(),
            keep: others,
            source: Source::Constant((value.toggle & part) << low),
        },
    };
    let again = value.variable.is_some() && !own && value.toggle != 0;
    Some([first].into_iter().chain(again.then_some(toggle)).collect())
}

#[cfg(test)]
mod tests {
    use super::shifted;

    #[test]
    fn a_shift_goes_both_ways() {
        assert_eq!(shifted(1, 4), 16);
        assert_eq!(shifted(16, -4), 1);
        assert_eq!(shifted(1, 200), 0);
    }
}
