//! `LOG` and `NFLOG`.

use super::{has, value};
use crate::migrate::iptables::read::number::required;
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{Log, NetfilterLog};

/// What iptables takes where no level is named.
const WARNING: u8 = 4;

/// `LOG`.
pub(super) fn log(given: &[Given]) -> Result<Log, String> {
    const FLAGS: [(&str, u8); 5] = [
        ("--log-tcp-sequence", 1),
        ("--log-tcp-options", 2),
        ("--log-ip-options", 4),
        ("--log-uid", 8),
        ("--log-macdecode", 32),
    ];
    let set = FLAGS.iter().filter(|(name, _)| has(given, name));
    Ok(Log {
        prefix: value(given, "--log-prefix").map(str::to_owned),
        level: value(given, "--log-level").map_or(Ok(WARNING), level)?,
        flags: set.map(|(_, bit)| bit).sum(),
    })
}

/// `NFLOG`.
pub(super) fn netfilter_log(given: &[Given]) -> Result<NetfilterLog, String> {
    let number = |name: &str| value(given, name).map(|text| required::<u32>("number", text));
    let short = |name: &str| value(given, name).map(|text| required::<u16>("number", text));
    Ok(NetfilterLog {
        group: short("--nflog-group").transpose()?.unwrap_or(0),
        prefix: value(given, "--nflog-prefix").map(str::to_owned),
        size: number("--nflog-size").transpose()?,
        threshold: short("--nflog-threshold").transpose()?,
        range: number("--nflog-range").transpose()?,
    })
}

fn level(text: &str) -> Result<u8, String> {
    const NAMES: &[(&str, u8)] = &[
        ("emerg", 0),
        ("panic", 0),
        ("alert", 1),
        ("crit", 2),
        ("err", 3),
        ("error", 3),
        ("warning", 4),
        ("warn", 4),
        ("notice", 5),
        ("info", 6),
        ("debug", 7),
    ];
    let named = NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    match named {
        Some(&(_, level)) => Ok(level),
        None => match required::<u8>("level, 0-7", text)? {
            level @ 0..=7 => Ok(level),
            _ => Err(format!("{text:?} is no level, 0-7")),
        },
    }
}
