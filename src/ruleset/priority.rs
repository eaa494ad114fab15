//! The names of standard priorities, which depend on the family and the hook.

use super::{HookPoint, TableFamily};

/// How far from a standard priority nft still prints a priority relative to it.
const RELATIVE_MAX: u32 = 10;

/// The standard priorities of a hook, `NF_IP_PRI_*` (linux/netfilter_ipv4.h) in nft's words.
pub(super) fn standard(family: TableFamily, point: HookPoint) -> &'static [(&'static str, i32)] {
    match (family, point) {
        (TableFamily::Arp, _) => &[("filter", 0)],
        (_, HookPoint::Prerouting) => &[
            ("raw", -300),
            ("mangle", -150),
            ("dstnat", -100),
            ("filter", 0),
            ("security", 50),
        ],
        (_, HookPoint::Postrouting) => &[
            ("raw", -300),
            ("mangle", -150),
            ("filter", 0),
            ("security", 50),
            ("srcnat", 100),
        ],
        (_, HookPoint::Input | HookPoint::Forward | HookPoint::Output) => &[
            ("raw", -300),
            ("mangle", -150),
            ("filter", 0),
            ("security", 50),
        ],
    }
}

/// A priority as nft prints it: `filter`, `filter - 5`, `-11`.
pub(super) fn text(family: TableFamily, point: HookPoint, priority: i32) -> String {
    let near = |&&(_, base): &&(&str, i32)| priority.abs_diff(base) <= RELATIVE_MAX;
    match standard(family, point).iter().find(near) {
        Some(&(name, base)) if base == priority => name.to_owned(),
        Some(&(name, base)) if base < priority => format!("{name} + {}", priority.abs_diff(base)),
        Some(&(name, base)) => format!("{name} - {}", priority.abs_diff(base)),
        None => priority.to_string(),
    }
}

/// The priority of a name. nft binds some names to some hooks; the kernel knows only numbers.
pub(super) fn named(name: &str) -> Option<i32> {
    let everywhere = [HookPoint::Prerouting, HookPoint::Postrouting];
    let known = everywhere
        .into_iter()
        .flat_map(|point| standard(TableFamily::Inet, point));
    known
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, priority)| priority)
}
