//! Who else is on the hooks that we use, and in which order.

use std::cmp::Ordering;
use std::fs;

use super::Check;
use crate::backend::nft::{BaseChain, NftBackend, Ownership};
use crate::compile::skeleton::table_key;
use crate::ruleset::{ChainPolicy, HookPoint};

/// The priority of our base chain on a hook (`nft-templates`).
fn own_priority(hook: HookPoint) -> Option<i32> {
    match hook {
        HookPoint::Prerouting => Some(-300),
        HookPoint::Input | HookPoint::Forward => Some(-5),
        HookPoint::Output | HookPoint::Postrouting => None,
    }
}

/// The tables of xtables that the legacy tools made.
const LEGACY: [(&str, &str); 3] = [
    ("iptables", "/proc/net/ip_tables_names"),
    ("ip6tables", "/proc/net/ip6_tables_names"),
    ("arptables", "/proc/net/arp_tables_names"),
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks = chains();
    checks.push(legacy());
    checks
}

fn chains() -> Vec<Check> {
    const NAME: &str = "foreign chains";
    let chains = NftBackend::new(Ownership::None).and_then(|mut backend| backend.base_chains());
    let chains = match chains {
        Ok(chains) => chains,
        Err(error) => {
            return vec![Check::failure(
                NAME,
                format!("the kernel does not list its chains: {error}"),
                "run it as root, with nf_tables in the kernel",
            )];
        }
    };
    let foreign = chains.iter().filter(|chain| chain.table != table_key());
    let checks: Vec<_> = foreign.filter_map(told).collect();
    match checks.is_empty() {
        true => vec![Check::fine(
            NAME,
            "nobody else is at prerouting, input or forward",
        )],
        false => checks,
    }
}

fn told(chain: &BaseChain) -> Option<Check> {
    let own = own_priority(chain.hook)?;
    let name = format!("foreign chain {} {}", chain.table, chain.name);
    let place = chain.priority.cmp(&own);
    let order = match place {
        Ordering::Less => "before",
        Ordering::Equal => "beside",
        Ordering::Greater => "after",
    };
    let policy = match chain.policy {
        ChainPolicy::Accept => "accept",
        ChainPolicy::Drop => "drop",
    };
    let what = format!(
        "hook {}, priority {}, {order} ours at {own}, policy {policy}",
        chain.hook.keyword(),
        chain.priority
    );
    let check = match (chain.policy, place) {
        (ChainPolicy::Drop, _) => Check::warning(
            &name,
            what,
            "it drops what its rules do not accept, also what policy allows: let it accept packets \
             with mark 0x2000/0x2000",
        ),
        (ChainPolicy::Accept, Ordering::Greater) => Check::fine(&name, what),
        (ChainPolicy::Accept, Ordering::Less | Ordering::Equal) => Check::warning(
            &name,
            what,
            "its rules see packets first: make sure that they drop nothing which policy allows, and \
             change no marks 0x3000",
        ),
    };
    Some(check)
}

fn legacy() -> Check {
    const NAME: &str = "legacy xtables";
    let names = |path| fs::read_to_string(path).unwrap_or_default();
    let used = LEGACY.iter().filter_map(|(tool, path)| {
        let names = names(path);
        let names: Vec<_> = names.split_whitespace().collect();
        (!names.is_empty()).then(|| format!("{tool}: {}", names.join(", ")))
    });
    let used: Vec<_> = used.collect();
    match used.is_empty() {
        true => Check::fine(NAME, "not in use"),
        false => Check::warning(
            NAME,
            format!("in use: {}", used.join("; ")),
            "their rules decide beside ours: iptables-legacy-save and ip6tables-legacy-save show them",
        ),
    }
}
