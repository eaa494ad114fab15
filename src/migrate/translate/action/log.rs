//! Logs.

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::draft::Draft;
use crate::migrate::iptables::{Log, NetfilterLog};
use crate::migrate::nft::{Log as Logged, Statement};

/// `LOG`.
pub(super) fn log(draft: &mut Draft<'_>, log: &Log) -> Outcome<Statement> {
    const LEVELS: [&str; 8] = [
        "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug",
    ];
    const FLAGS: [(u8, &str); 5] = [
        (1, "tcp sequence"),
        (2, "tcp options"),
        (4, "ip options"),
        (8, "skuid"),
        (32, "ether"),
    ];
    const DEFAULT: u8 = 4;
    let level = LEVELS.get(usize::from(log.level)).copied();
    let flags = FLAGS.iter().filter(|(bit, _)| log.flags & bit != 0);
    Ok(Statement::Log(Logged {
        prefix: prefix(draft, log.prefix.as_deref())?,
        level: level.filter(|_| log.level != DEFAULT).map(str::to_owned),
        flags: flags.map(|(_, words)| (*words).to_owned()).collect(),
        ..Logged::default()
    }))
}

/// `NFLOG`.
pub(super) fn netfilter_log(draft: &mut Draft<'_>, log: &NetfilterLog) -> Outcome<Statement> {
    Ok(Statement::Log(Logged {
        prefix: prefix(draft, log.prefix.as_deref())?,
        group: Some(log.group),
        snaplen: log.size,
        queue_threshold: log.threshold,
        ..Logged::default()
    }))
}

/// `AUDIT`.
pub(super) fn audit(draft: &mut Draft<'_>) -> Statement {
    draft.equivalent("the record does not say whether the packet is accepted, dropped or rejected");
    Statement::Log(Logged {
        level: Some("audit".to_owned()),
        ..Logged::default()
    })
}

/// A prefix that nft can read: it has no way to write a quotation mark.
fn prefix(draft: &mut Draft<'_>, text: Option<&str>) -> Outcome<Option<String>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.contains('$') || text.chars().any(char::is_control) {
        return Err(Obstacle::new(
            "nft takes a dollar in the prefix of a log for a variable, and no control characters",
            "give the log a prefix without them",
        ));
    }
    if text.contains(['"', '\\']) {
        draft.approximate("quotation marks and backslashes are left out of the prefix of the log");
    }
    Ok(Some(text.replace(['"', '\\'], "")))
}
