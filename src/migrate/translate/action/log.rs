//! Logs.

use super::super::draft::Draft;
use crate::migrate::iptables::{Log, NetfilterLog};
use crate::migrate::nft::{Log as Logged, Statement};

/// `LOG`.
pub(super) fn log(draft: &mut Draft<'_>, log: &Log) -> Statement {
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
    Statement::Log(Logged {
        prefix: prefix(draft, log.prefix.as_deref()),
        level: level.filter(|_| log.level != DEFAULT).map(str::to_owned),
        flags: flags.map(|(_, words)| (*words).to_owned()).collect(),
        ..Logged::default()
    })
}

/// `NFLOG`.
pub(super) fn netfilter_log(draft: &mut Draft<'_>, log: &NetfilterLog) -> Statement {
    Statement::Log(Logged {
        prefix: prefix(draft, log.prefix.as_deref()),
        group: Some(log.group),
        snaplen: log.size,
        queue_threshold: log.threshold,
        ..Logged::default()
    })
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
fn prefix(draft: &mut Draft<'_>, text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !text.is_empty())?;
    if text.contains(['"', '\n', '\\']) {
        draft.approximate("quotation marks and backslashes are left out of the prefix of the log");
    }
    Some(text.replace(['"', '\n', '\\'], ""))
}
