//! Numbers, marks and ranges as iptables writes them.

use crate::migrate::iptables::{Masked, Sense, Span};
use crate::net::decimal;

/// A number as C reads it: `0x` is hexadecimal, a leading zero octal.
pub(super) fn number(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let plain = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        return plain.then(|| u32::from_str_radix(hex, 16).ok()).flatten();
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => {
            let plain = octal.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| u32::from_str_radix(octal, 8).ok()).flatten()
        }
        _ => decimal(text),
    }
}

/// A number, or what is wrong.
pub(super) fn required<T: TryFrom<u32>>(what: &str, text: &str) -> Result<T, String> {
    number(text)
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("{text:?} is no {what}"))
}

/// `value/mask`, or a value of which every bit counts.
pub(super) fn masked(text: &str, all: u32) -> Result<Masked, String> {
    let (value, mask) = match text.split_once('/') {
        Some((value, mask)) => (number(value), number(mask)),
        None => (number(text), Some(all)),
    };
    value
        .zip(mask)
        .map(|(value, mask)| Masked { value, mask })
        .ok_or_else(|| format!("{text:?} is no number or number/mask"))
}

/// `first:last`, `first:`, `:last` or one number.
pub(super) fn span<T>(text: &str, separator: char, lowest: T, highest: T) -> Result<Span<T>, String>
where
    T: TryFrom<u32> + Ord + Copy,
{
    let one = |text: &str, default: T| match text {
        "" => Some(default),
        text => number(text).and_then(|number| T::try_from(number).ok()),
    };
    let both = match text.split_once(separator) {
        Some((first, last)) => one(first, lowest).zip(one(last, highest)),
        None if text.is_empty() => None,
        None => one(text, lowest).map(|both| (both, both)),
    };
    both.filter(|(first, last)| first <= last)
        .map(|(first, last)| Span { first, last })
        .ok_or_else(|| format!("{text:?} is no number or range first{separator}last"))
}

/// The other sense where `!` stands before something that is a negation itself.
pub(super) fn flip(sense: Sense) -> Sense {
    match sense {
        Sense::Is => Sense::IsNot,
        Sense::IsNot => Sense::Is,
    }
}
