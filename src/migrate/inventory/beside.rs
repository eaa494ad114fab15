//! What the running host filters packets by beside iptables. To look loads nothing: a table that is not there has no rules.

use std::fs;
use std::path::Path;

use crate::backend::nft::{NftBackend, Ownership};
use crate::migrate::iptables::TableName;

/// A table that is not translated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beside {
    /// Whose it is: `arptables`, `ebtables` or `nft`.
    pub program: &'static str,
    /// The table; of nft with its family.
    pub table: String,
}

/// The families of nft, by the kernel's numbers (linux/netfilter.h).
const FAMILIES: [(&str, u8); 6] = [
    ("inet", 1),
    ("ip", 2),
    ("arp", 3),
    ("netdev", 5),
    ("bridge", 7),
    ("ip6", 10),
];

/// The tables of ebtables, each a module.
const EBTABLES: [&str; 3] = ["broute", "filter", "nat"];

/// Tables of arptables and ebtables.
pub(super) fn xtables() -> Vec<Beside> {
    let listed = fs::read_to_string("/proc/thread-self/net/arp_tables_names");
    let listed = listed.unwrap_or_default();
    let arptables = listed.lines().map(|table| Beside {
        program: "arptables",
        table: table.to_owned(),
    });
    let loaded = |table: &&str| {
        Path::new("/sys/module")
            .join(format!("ebtable_{table}"))
            .exists()
    };
    let ebtables = EBTABLES.into_iter().filter(loaded).map(|table| Beside {
        program: "ebtables",
        table: table.to_owned(),
    });
    arptables.chain(ebtables).collect()
}

/// Tables of nft that are not those of iptables-nft.
///
/// # Errors
/// The kernel cannot be asked.
pub(super) fn nft() -> std::io::Result<Vec<Beside>> {
    let mut kernel = NftBackend::new(Ownership::None)?;
    let mut found = Vec::new();
    for (family, number) in FAMILIES {
        for table in kernel.tables(number)? {
            let known = TableName::ALL.iter().any(|name| name.as_str() == table);
            if !(known && ["ip", "ip6"].contains(&family)) {
                let table = format!("{family} {table}");
                found.push(Beside {
                    program: "nft",
                    table,
                });
            }
        }
    }
    Ok(found)
}
