//! Rates and numbers of connections.

use super::{has, option, plain, read, whole};
use crate::migrate::iptables::read::number::{flip, required};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{
    HashLimit, HashMode, Match, Rate, RateUnit, Sense, Side, Test, Threshold,
};
use crate::net::{Family, decimal};

/// `limit`.
pub(super) fn limit(given: &[Given]) -> Result<Vec<Match>, String> {
    const DEFAULT: Rate = Rate {
        amount: 3,
        unit: RateUnit::Hour,
    };
    const DEFAULT_BURST: u32 = 5;
    plain(given, &[])?;
    let burst = |text: &str| required("burst", text);
    let test = Test::Limit {
        rate: read(given, "--limit", rate)?.unwrap_or(DEFAULT),
        burst: read(given, "--limit-burst", burst)?.unwrap_or(DEFAULT_BURST),
    };
    Ok(whole(Sense::Is, test))
}

/// `hashlimit`.
pub(super) fn hash_limit(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--hashlimit-upto", "--hashlimit-above"])?;
    let upto = option(given, "--hashlimit-upto").map(|given| (given, Threshold::UpTo));
    let above = option(given, "--hashlimit-above").map(|given| (given, Threshold::Above));
    let (chosen, threshold) = upto
        .or(above)
        .ok_or("--hashlimit-upto or --hashlimit-above is missing")?;
    let threshold = match (threshold, chosen.sense) {
        (threshold, Sense::Is) => threshold,
        (Threshold::UpTo, Sense::IsNot) => Threshold::Above,
        (Threshold::Above, Sense::IsNot) => Threshold::UpTo,
    };
    let number = |text: &str| decimal(text).ok_or_else(|| format!("{text:?} is no number"));
    let length = |text: &str| required("length of a prefix", text);
    let name = option(given, "--hashlimit-name").ok_or("--hashlimit-name is missing")?;
    let modes = read(given, "--hashlimit-mode", modes)?;
    let test = Test::HashLimit(HashLimit {
        name: name.value().to_owned(),
        threshold,
        rate: rate(chosen.value())?,
        burst: read(given, "--hashlimit-burst", amount)?,
        modes: modes.unwrap_or_default(),
        source_mask: read(given, "--hashlimit-srcmask", length)?,
        destination_mask: read(given, "--hashlimit-dstmask", length)?,
        table_max: read(given, "--hashlimit-htable-max", number)?,
        expire_ms: read(given, "--hashlimit-htable-expire", number)?,
    });
    Ok(whole(Sense::Is, test))
}

/// `connlimit`.
pub(super) fn connections(given: &[Given], family: Family) -> Result<Vec<Match>, String> {
    plain(given, &["--connlimit-above", "--connlimit-upto"])?;
    let above = option(given, "--connlimit-above").map(|given| (given, given.sense));
    let upto = option(given, "--connlimit-upto").map(|given| (given, flip(given.sense)));
    let (chosen, sense) = above
        .or(upto)
        .ok_or("--connlimit-above or --connlimit-upto is missing")?;
    let bits = match family {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    let length = |text: &str| required("length of a prefix", text);
    let test = Test::ConnLimit {
        above: required("number", chosen.value())?,
        mask: read(given, "--connlimit-mask", length)?
            .unwrap_or(bits)
            .min(bits),
        side: match has(given, "--connlimit-daddr") {
            true => Side::Destination,
            false => Side::Source,
        },
    };
    Ok(whole(sense, test))
}

/// `5/min`, `10/second`, `512kb/s`.
fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("{text:?} is no rate: number/second, /minute, /hour, /day or bytes b/s");
    if let Some(bytes) = text.strip_suffix("b/s") {
        return Ok(Rate {
            amount: amount(&format!("{bytes}b"))?,
            unit: RateUnit::Bytes,
        });
    }
    let (number, unit) = text.split_once('/').unwrap_or((text, "second"));
    let number: u64 = decimal(number).filter(|n| *n > 0).ok_or_else(wrong)?;
    let unit = unit.to_ascii_lowercase();
    let begins = |whole: &str| !unit.is_empty() && whole.starts_with(&unit);
    let unit = match () {
        () if begins("second") => RateUnit::Second,
        () if begins("minute") => RateUnit::Minute,
        () if begins("hour") => RateUnit::Hour,
        () if begins("day") => RateUnit::Day,
        () => return Err(wrong()),
    };
    Ok(Rate {
        amount: number,
        unit,
    })
}

/// A number, perhaps of bytes: `512`, `512b`, `4kb`, `1mb`.
fn amount(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "b" => 1,
        "kb" => 1024,
        "mb" => 1024 * 1024,
        _ => return Err(format!("{text:?} is no amount: number, b, kb or mb")),
    };
    decimal::<u64>(digits)
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is no amount: number, b, kb or mb"))
}

fn modes(text: &str) -> Result<Vec<HashMode>, String> {
    let mode = |name: &str| match name {
        "srcip" => Ok(HashMode::SourceAddress),
        "srcport" => Ok(HashMode::SourcePort),
        "dstip" => Ok(HashMode::DestinationAddress),
        "dstport" => Ok(HashMode::DestinationPort),
        _ => Err(format!("{name:?} is not srcip, srcport, dstip or dstport")),
    };
    let mut modes: Vec<_> = text.split(',').map(mode).collect::<Result<_, _>>()?;
    modes.sort();
    modes.dedup();
    Ok(modes)
}
