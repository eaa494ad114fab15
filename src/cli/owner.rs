//! Who owns the table, where somebody does.

use std::fs;
use std::path::Path;

use super::exit::Failure;
use crate::backend::ObserveError;
use crate::backend::carrier::Carrier;
use crate::ruleset::TableKey;

/// Goes on only where everybody may change the table.
pub(super) fn nobody(carrier: &mut Carrier, key: &TableKey, run_dir: &Path) -> Result<(), Failure> {
    let owner = match carrier {
        Carrier::Nft(backend) => backend.owner(key),
        Carrier::Xtables(_) => Ok(None),
    };
    match owner.map_err(ObserveError::Unreachable)? {
        None => Ok(()),
        Some(port) => Err(Failure::Unsafe(format!(
            "table {key} is owned by {}, and no agent of this network namespace answers at {}: stop \
             it, or name its run directory by --run-dir",
            named(port),
            run_dir.join("ctl").display()
        ))),
    }
}

/// The process of a netlink port: the kernel gives the first socket of a process its number.
fn named(port: u32) -> String {
    match fs::read_to_string(format!("/proc/{port}/comm")) {
        Ok(name) => format!("process {port} ({})", name.trim_end()),
        Err(_) => format!("whoever has netlink port {port}"),
    }
}
