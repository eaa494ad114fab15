//! The running host, asked by the programs that belong to it. No module is loaded: what the kernel does not have yet
//! has no rules, and is not asked.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use super::beside::{self, Beside};
use crate::net::Family;

/// The two programs of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// `iptables-legacy`: xtables.
    Legacy,
    /// `iptables-nft`: the same words in nf_tables.
    Nft,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Legacy => "legacy",
            Self::Nft => "nft",
        })
    }
}

/// What the programs printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Rules by program and family.
    pub dumps: Vec<(Backend, Family, String)>,
    /// Sets.
    pub sets: Option<String>,
    /// What filters packets beside these.
    pub beside: Vec<Beside>,
    /// What was not asked, and what gave no answer.
    pub notes: Vec<String>,
}

/// Asks the running host, in the network namespace of this process.
pub fn look() -> Found {
    let mut found = Found {
        beside: beside::xtables(),
        ..Found::default()
    };
    let nf_tables = is_there("nf_tables", "nft_do_chain");
    for family in Family::ALL {
        legacy(&mut found, family);
        if nf_tables {
            nft(&mut found, family);
        }
    }
    if nf_tables {
        match beside::nft() {
            Ok(tables) => found.beside.extend(tables),
            Err(error) => found
                .notes
                .push(format!("tables of nft cannot be listed: {error}")),
        }
    }
    if is_there("ip_set", "ip_set_test") {
        found.sets =
            printed(&mut found.notes, "ipset", &["save"]).filter(|text| !text.trim().is_empty());
    }
    found
}

/// Whether the kernel has a module, loaded or built in. What is built in has no folder, but its functions have names.
fn is_there(module: &str, function: &str) -> bool {
    let named = |line: std::io::Result<String>| {
        line.is_ok_and(|line| line.split_whitespace().nth(2) == Some(function))
    };
    Path::new("/sys/module").join(module).exists()
        || File::open("/proc/kallsyms")
            .is_ok_and(|symbols| BufReader::new(symbols).lines().any(named))
}

/// The tables that the kernel has are listed in `/proc`: to ask for another one would load it.
fn legacy(found: &mut Found, family: Family) {
    let (listed, program) = match family {
        Family::V4 => (
            "/proc/thread-self/net/ip_tables_names",
            "iptables-legacy-save",
        ),
        Family::V6 => (
            "/proc/thread-self/net/ip6_tables_names",
            "ip6tables-legacy-save",
        ),
    };
    let Ok(names) = fs::read_to_string(listed) else {
        return;
    };
    let mut tables: Vec<_> = names.lines().collect();
    tables.sort_unstable();
    let texts = tables
        .iter()
        .filter_map(|table| printed(&mut found.notes, program, &["-c", "-t", table]));
    let text: String = texts.collect();
    if !text.trim().is_empty() {
        found.dumps.push((Backend::Legacy, family, text));
    }
}

fn nft(found: &mut Found, family: Family) {
    let program = match family {
        Family::V4 => "iptables-nft-save",
        Family::V6 => "ip6tables-nft-save",
    };
    let Some(text) = printed(&mut found.notes, program, &["-c"]) else {
        return;
    };
    // A table that iptables-nft cannot read is a comment of its output, with exit code 0.
    let speaks = |line: &str| line.starts_with('*') || line.contains("incompatible");
    if text.lines().any(speaks) {
        found.dumps.push((Backend::Nft, family, text));
    }
}

fn printed(notes: &mut Vec<String>, program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            notes.push(format!("{program}: {}", said.trim()));
            None
        }
        Err(error) => {
            notes.push(format!("{program} cannot be asked: {error}"));
            None
        }
    }
}
