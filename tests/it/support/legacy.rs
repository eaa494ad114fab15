//! Rulesets through legacy iptables and ipset, each in the place of all that was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use margay::backend::xtables::Document;
use margay::backend::xtables::lower::{Lowering, Touched};
use margay::net::Family;
use margay::ruleset::{Name, Table};

use super::netns::run;

/// The rules of the calling thread's namespace. iptables' lock is a file: namespaces have one each here.
#[derive(Debug)]
pub(crate) struct Legacy {
    lock: PathBuf,
    lowering: Lowering,
    before: Table,
}

impl Legacy {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("margay-xtables-{}-{number}.lock", std::process::id());
        Self {
            lock: std::env::temp_dir().join(name),
            lowering: Lowering::default(),
            before: Table::default(),
        }
    }

    /// Puts a table in the place of all rules and ipsets. What is lowered of what changed alone must be
    /// what is lowered from nothing.
    pub(crate) fn replace(&mut self, table: &Table) {
        let touched = Touched::These(
            changed(&self.before.chains, &table.chains),
            changed(&self.before.sets, &table.sets),
        );
        let document = self.lowering.lower(table, &touched).unwrap();
        assert!(
            document == lowered(table),
            "not what is lowered from nothing"
        );
        self.before = table.clone();
        self.load(&document);
    }

    fn load(&self, document: &Document) {
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

/// The names of what differs.
fn changed<T: PartialEq>(before: &BTreeMap<Name, T>, after: &BTreeMap<Name, T>) -> BTreeSet<Name> {
    let names = before.keys().chain(after.keys());
    let differs = names.filter(|name| before.get(*name) != after.get(*name));
    differs.cloned().collect()
}

/// A table in xtables terms, from nothing.
pub(crate) fn lowered(table: &Table) -> Document {
    Lowering::default().lower(table, &Touched::All).unwrap()
}
