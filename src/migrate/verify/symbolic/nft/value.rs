//! A reading compared with what is written on the right.

use std::net::IpAddr;

use super::super::{Condition, Pattern, Variable, fields, prefix, words};
use super::reading::{Reading, Subject};
use crate::migrate::nft::{self, Item, Value};

/// Above this many values a range of a part of a number is not written out.
const VALUES_MAX: u128 = 256;

impl Reading {
    /// The value is the item, or lies in it.
    pub(super) fn within(&self, item: &Item) -> Option<Condition> {
        match item {
            Item::One(value) => self.equals(value),
            Item::Prefix(address, length) => match &self.subject {
                Subject::Number { variable, .. } if fits(variable, *address) => {
                    Some(prefix(variable, *address, *length))
                }
                Subject::Number { .. } => Some(Condition::Never),
                Subject::Interface(_)
                | Subject::State
                | Subject::Flag(_)
                | Subject::Constant(_)
                | Subject::Text(_) => None,
            },
            Item::Range(first, last) => self.between(self.value(first)?, self.value(last)?),
        }
    }

    /// The value is between these, or is one of them.
    pub(super) fn between(&self, first: u128, last: u128) -> Option<Condition> {
        match &self.subject {
            Subject::Number {
                variable,
                low: 0,
                count,
            } if *count == variable.bits => Some(variable.within(first, last)),
            Subject::Number { count, .. } => {
                let most = (1_u128 << count) - 1;
                let last = last.min(most);
                let few = last.checked_sub(first).is_none_or(|n| n < VALUES_MAX);
                let each = (first..=last).map(|value| self.is(value));
                few.then(|| each.collect()).flatten().map(Condition::Any)
            }
            Subject::Constant(value) => {
                let inside = (first..=last).contains(value);
                Some(if inside {
                    Condition::Always
                } else {
                    Condition::Never
                })
            }
            Subject::Flag(flag) => Some(match (first, last) {
                (0, 0) => flag.clone().negated(),
                (0, _) => Condition::Always,
                (1, _) => flag.clone(),
                (_, _) => Condition::Never,
            }),
            Subject::Interface(_) | Subject::State | Subject::Text(_) => None,
        }
    }

    /// The largest value.
    pub(super) fn max(&self) -> u128 {
        match &self.subject {
            Subject::Number { count, .. } => u128::MAX >> (128 - (*count).clamp(1, 128)),
            Subject::Interface(_)
            | Subject::State
            | Subject::Flag(_)
            | Subject::Constant(_)
            | Subject::Text(_) => u128::MAX,
        }
    }

    /// The value is exactly this one.
    fn equals(&self, value: &Value) -> Option<Condition> {
        match &self.subject {
            Subject::Interface(variable) => {
                let (Value::Text(name) | Value::Word(name)) = value else {
                    return None;
                };
                Some(Condition::Name(variable.clone(), pattern(name)))
            }
            Subject::Text(what) => Some(Condition::atom(match value {
                Value::Text(text) | Value::Word(text) => format!("{what} {text}"),
                other => format!("{what} {other}"),
            })),
            Subject::Number { variable, .. } => {
                if let Value::Word(word) = value
                    && let Some((first, last)) = word.split_once('-')
                    && let (Some(first), Some(last)) = (seconds(first), seconds(last))
                {
                    return self.between(first, last);
                }
                if let Value::Address(address) = value
                    && !fits(variable, *address)
                {
                    return Some(Condition::Never);
                }
                self.is(self.value(value)?)
            }
            Subject::State | Subject::Flag(_) | Subject::Constant(_) => self.is(self.value(value)?),
        }
    }

    /// The value is exactly this number.
    pub(super) fn is(&self, value: u128) -> Option<Condition> {
        Some(match &self.subject {
            Subject::Number {
                variable,
                low: 0,
                count,
            } if *count == variable.bits => variable.is(value),
            Subject::Number {
                variable,
                low,
                count,
            } => {
                if value >> count > 0 {
                    return Some(Condition::Never);
                }
                let mask = ((1_u128 << count) - 1) << low;
                variable.masked(mask, value << low)
            }
            Subject::State => {
                let states = words::CT_STATES.iter().enumerate();
                let found = states.filter(|(_, (_, bit))| u128::from(*bit) == value);
                let found = found.map(|(at, _)| fields::ct_state().is(at.try_into().unwrap_or(0)));
                Condition::Any(found.collect())
            }
            Subject::Flag(flag) => flag.clone().negated_if(value == 0),
            Subject::Constant(constant) if *constant == value => Condition::Always,
            Subject::Constant(_) => Condition::Never,
            Subject::Interface(_) | Subject::Text(_) => return None,
        })
    }

    /// `(value & mask) == wanted`.
    pub(super) fn masked(&self, mask: u128, wanted: u128) -> Option<Condition> {
        match &self.subject {
            Subject::Number {
                variable,
                low,
                count,
            } => {
                let inside = (1_u128 << (*count).min(127)) - 1;
                let inside = if *count >= 128 { u128::MAX } else { inside };
                if wanted & !mask != 0 {
                    return Some(Condition::Never);
                }
                Some(variable.masked((mask & inside) << low, wanted << low))
            }
            Subject::State => {
                let states = words::CT_STATES.iter().enumerate();
                let found = states.filter(|(_, (_, bit))| u128::from(*bit) & mask == wanted);
                let found = found.map(|(at, _)| fields::ct_state().is(at.try_into().unwrap_or(0)));
                Some(Condition::Any(found.collect()))
            }
            Subject::Text(what) if mask == wanted && mask.count_ones() == 1 => {
                Some(Condition::atom(format!("{what} {}", mask.trailing_zeros())))
            }
            Subject::Interface(_) | Subject::Flag(_) | Subject::Constant(_) | Subject::Text(_) => {
                None
            }
        }
    }

    /// The number that a value stands for.
    pub(super) fn value(&self, value: &Value) -> Option<u128> {
        match value {
            Value::Number(number) | Value::Hex(number) => Some((*number).into()),
            Value::Address(address) => Some(number(*address)),
            Value::Mac(mac) => Some(
                mac.iter()
                    .fold(0, |value, byte| value << 8 | u128::from(*byte)),
            ),
            Value::Word(word) => {
                let known = words::number(self.words, word).map(u128::from);
                known.or_else(|| class(word)).or_else(|| seconds(word))
            }
            Value::Bits(bits) => {
                let each = bits.iter().map(|bit| words::number(self.words, bit));
                let each: Option<Vec<_>> = each.collect();
                Some(each?.into_iter().fold(0, |all, bit| all | u128::from(bit)))
            }
            Value::Text(text) => {
                let time = time_of_day(text).or_else(|| date(text));
                time.or_else(|| words::number(self.words, text).map(u128::from))
            }
        }
    }
}

/// An address of the other family never equals.
fn fits(variable: &Variable, address: IpAddr) -> bool {
    variable.bits == if address.is_ipv4() { 32 } else { 128 }
}

fn pattern(name: &str) -> Pattern {
    if let Some(begin) = name.strip_suffix("\\*") {
        return Pattern::Exactly(format!("{begin}*"));
    }
    match name.strip_suffix('*') {
        Some(begin) => Pattern::Prefix(begin.to_owned()),
        None => Pattern::Exactly(name.to_owned()),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// `1:20`, a class of traffic: two halves in hexadecimal.
fn class(word: &str) -> Option<u128> {
    let (major, minor) = word.split_once(':')?;
    let half = |text| u16::from_str_radix(text, 16).ok();
    Some(u128::from(half(major)?) << 16 | u128::from(half(minor)?))
}

/// `20s999ms`: whole seconds.
fn seconds(word: &str) -> Option<u128> {
    let time = nft::read_time(word)?;
    Some(time.as_secs().into())
}

/// `08:00` or `08:00:30`, in UTC.
fn time_of_day(text: &str) -> Option<u128> {
    let parts: Option<Vec<u128>> = text.split(':').map(|part| part.parse().ok()).collect();
    match parts?.as_slice() {
        [hours, minutes] => Some(hours * 3_600 + minutes * 60),
        [hours, minutes, seconds] => Some(hours * 3_600 + minutes * 60 + seconds),
        _ => None,
    }
}

/// `2024-01-01 00:00:00`, in UTC: seconds since 1970.
fn date(text: &str) -> Option<u128> {
    let (day, time) = text.split_once(' ')?;
    let parts: Option<Vec<u128>> = day.split('-').map(|part| part.parse().ok()).collect();
    let [year @ 1970..=9999, month @ 1..=12, day @ 1..=31] = parts?[..] else {
        return None;
    };
    // Years begin in March here, so that the day in February comes last.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap + (month * 153 + 2) / 5 + day - 1;
    Some(days.checked_sub(719_468)? * 86_400 + time_of_day(time)?)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_seconds() {
        for (text, seconds) in [
            ("1970-01-01 00:00:00", 0),
            ("2024-01-01 00:00:00", 1_704_067_200),
            ("2024-02-29 23:59:59", 1_709_251_199),
            ("2024-03-01 00:00", 1_709_251_200),
            ("2030-01-01 00:00:01", 1_893_456_001),
        ] {
            assert_eq!(date(text), Some(seconds), "{text}");
        }
        assert_eq!(date("2024-13-01 00:00:00"), None);
        assert_eq!(date("08:00"), None);
    }
}
