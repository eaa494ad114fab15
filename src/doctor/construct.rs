//! The constructs of nf_tables that Margay uses, each tried by really making it.

use super::Check;
use crate::backend::Backend;
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::reconcile::{reconcile, removal};
use crate::compile::compile;
use crate::compile::skeleton::{Skeleton, table_key};
use crate::model::State;
use crate::ruleset::{TableKey, Tracked, parse};

/// The table that is tried, of which each construct is a part.
const TABLE: &str = "table inet margay";

/// Name, what goes into a table, and what the kernel lacks where it refuses.
const CONSTRUCTS: [(&str, &str, &str); 8] = [
    (
        "sets and intervals",
        "set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }\n\
         chain c { type filter hook forward priority filter - 5; policy accept; ip saddr @s drop }\n",
        "CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET",
    ),
    (
        "concatenated intervals",
        "set s { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-443 }; }\n\
         chain c { ip saddr . tcp dport @s accept }\n",
        "Linux 5.6",
    ),
    (
        "verdict maps",
        "map m { type ifname : verdict; elements = { \"tap0\" : goto d }; }\n\
         chain d { drop }\n\
         chain c { iifname vmap @m }\n",
        "CONFIG_NF_TABLES",
    ),
    (
        "connection tracking",
        "chain c { ct state established,related accept }\n",
        "CONFIG_NFT_CT",
    ),
    (
        "raw prerouting",
        "chain c { type filter hook prerouting priority raw; policy accept; \
         meta mark set meta mark & 0xffffcfff }\n",
        "CONFIG_NF_TABLES_INET",
    ),
    (
        "reject",
        "chain c { type filter hook forward priority filter - 5; policy accept; reject }\n",
        "CONFIG_NFT_REJECT_INET",
    ),
    (
        "counters",
        "chain c { counter accept }\n",
        "CONFIG_NF_TABLES",
    ),
    (
        "notrack",
        "chain c { type filter hook prerouting priority raw; policy accept; notrack }\n",
        "CONFIG_NFT_CT",
    ),
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<_> = CONSTRUCTS
        .iter()
        .map(|(name, content, lacks)| one(name, content, lacks))
        .collect();
    checks.push(skeleton());
    checks.push(ownership());
    checks
}

fn one(name: &str, content: &str, lacks: &str) -> Check {
    let text = format!("{TABLE} {{\n{content}}}\n");
    let made = parse(name, &text)
        .map_err(|error| error.to_string())
        .and_then(|mut ruleset| {
            let table = ruleset.tables.remove(&table_key()).unwrap_or_default();
            tried(Ownership::None, &table_key(), &table.into()).map(drop)
        });
    match made {
        Ok(()) => Check::fine(name, "the kernel takes them"),
        Err(error) => Check::failure(
            name,
            format!("the kernel does not take them: {error}"),
            &format!("install a kernel that has {lacks}"),
        ),
    }
}

/// The whole static part of our table.
fn skeleton() -> Check {
    const NAME: &str = "skeleton";
    let made = Skeleton::builtin().map_err(|error| error.to_string());
    let made = made.and_then(|skeleton| {
        let mut ruleset = compile(&State::default(), "doctor", &skeleton);
        let table = ruleset.tables.remove(&table_key()).unwrap_or_default();
        tried(Ownership::None, &table_key(), &table.into()).map(drop)
    });
    match made {
        Ok(()) => Check::fine(NAME, "the kernel takes the table of a host without policy"),
        Err(error) => Check::failure(
            NAME,
            format!("the kernel does not take our table: {error}"),
            "install a newer kernel, or load the module that is missing",
        ),
    }
}

/// Whether the table can be ours alone, and stay when the agent ends.
fn ownership() -> Check {
    const NAME: &str = "ownership";
    let owned = tried(Ownership::Owner, &table_key(), &Tracked::default());
    match owned {
        Ok(true) => Check::fine(
            NAME,
            "nobody else can change the table while the agent lives",
        ),
        Ok(false) => Check::warning(
            NAME,
            "this kernel has no tables that are owned and persist: others can change ours, which the \
             agent finds and puts back within a second",
            "install Linux 6.9 or newer",
        ),
        Err(error) => Check::failure(
            NAME,
            format!("the kernel takes no table: {error}"),
            "run it as root, with nf_tables in the kernel",
        ),
    }
}

/// Makes a table and removes it, and says whether it was owned meanwhile.
fn tried(ownership: Ownership, key: &TableKey, table: &Tracked) -> Result<bool, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let mut backend = NftBackend::new(ownership).map_err(|error| told(&error))?;
    reconcile(&mut backend, key, table).map_err(|error| told(&error))?;
    let owned = backend.is_owned();
    backend
        .commit(&removal(key))
        .map_err(|error| told(&error))?;
    Ok(owned)
}
