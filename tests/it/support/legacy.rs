//! Rulesets through legacy iptables and ipset, each in the place of all that was there before.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use margay::backend::xtables::lower::{Lowering, Touched};
use margay::backend::xtables::Document;
use margay::net::Family;
use margay::ruleset::{Ruleset, Table};

use super::netns::run;

/// The rules of the calling thread's namespace. iptables' lock is a file: namespaces have one each here.
#[derive(Debug)]
pub(crate) struct Legacy {
    lock: PathBuf,
}

impl Legacy {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("margay-xtables-{}-{number}.lock", std::process::id());
        Self {
            lock: std::env::temp_dir().join(name),
        }
    }

    /// Puts the one table of a ruleset in the place of all rules and ipsets.
    pub(crate) fn replace(&self, ruleset: &Ruleset) {
        let table = ruleset.tables.values().next().unwrap();
        self.load(&lowered(table));
    }

    /// Puts a document in the place of all rules and ipsets.
    pub(crate) fn load(&self, document: &Document) {
        for family in Family::ALL {
            self.tables(family, "*raw\nCOMMIT\n*filter\nCOMMIT\n");
        }
        self.run("ipset", &["destroy"], "");
        self.run("ipset", &["restore"], &document.ipset_text());
        for family in Family::ALL {
            self.tables(family, &document.tables_text(family));
        }
    }

    fn tables(&self, family: Family, text: &str) {
        let program = match family {
            Family::V4 => "iptables-legacy-restore",
            Family::V6 => "ip6tables-legacy-restore",
        };
        self.run(program, &["-w"], text);
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) {
        let lock = format!("XTABLES_LOCKFILE={}", self.lock.display());
        let all = [&[lock.as_str(), program], arguments].concat();
        run("env", &all, input).unwrap_or_else(|error| panic!("{program}: {error}\n{input}"));
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.lock);
    }
}

/// A table in xtables terms, from nothing.
pub(crate) fn lowered(table: &Table) -> Document {
    Lowering::default().lower(table, &Touched::All).unwrap()
}
