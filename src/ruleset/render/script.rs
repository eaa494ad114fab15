//! Commits as the nft scripts that would do the same.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use super::table::{HookText, SetHeader, set_keyword, write_element};
use super::value::write_key;
use super::{write_comment, write_quoted, write_separated};
use crate::ruleset::transaction::{Commit, Operation, Step, Wait};
use crate::ruleset::{Chain, Elements, Key, Name, Set, Table, TableKey};

/// A commit as an nft script, one transaction under each `# phase` line.
///
/// The elements of a set are printed by its types, which its declaration knows: it is looked for in
/// the commit itself, then in the tables, the old and the new.
pub fn script(commit: &Commit, tables: &[&Table]) -> String {
    let declared = declarations(commit, tables);
    let mut text = String::new();
    for step in &commit.steps {
        text += &heading(step);
        for operation in &step.operations {
            let set = subject(operation).and_then(|name| declared.get(name).copied());
            text += &self::operation(&commit.table, operation, set);
            text.push('\n');
        }
    }
    text
}

/// One operation as a line of an nft script. Elements are printed by the types of `set`, or as plain
/// numbers where it is unknown.
pub fn operation(table: &TableKey, operation: &Operation, set: Option<&Set>) -> String {
    OperationText {
        table,
        operation,
        set,
    }
    .to_string()
}

fn heading(step: &Step) -> String {
    match step.wait {
        Wait::None => format!("# {}\n", step.phase),
        Wait::Grace => format!("# {}, after a grace period\n", step.phase),
    }
}

fn declarations<'a>(commit: &'a Commit, tables: &[&'a Table]) -> BTreeMap<&'a Name, &'a Set> {
    let known = tables.iter().rev().flat_map(|table| &table.sets);
    known.chain(commit.declared()).collect()
}

/// The set that an operation declares, deletes or changes.
fn subject(operation: &Operation) -> Option<&Name> {
    match operation {
        Operation::AddSet(name, _)
        | Operation::DeleteSet(name)
        | Operation::AddElements(name, _)
        | Operation::DeleteElements(name, _) => Some(name),
        Operation::AddTable
        | Operation::DeleteTable
        | Operation::AddCounter(..)
        | Operation::DeleteCounter(_)
        | Operation::AddLimit(..)
        | Operation::DeleteLimit(_)
        | Operation::AddChain(..)
        | Operation::FlushChain(_)
        | Operation::DeleteChain(_)
        | Operation::AddRule(..) => None,
    }
}

struct OperationText<'a> {
    table: &'a TableKey,
    operation: &'a Operation,
    set: Option<&'a Set>,
}

impl fmt::Display for OperationText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let table = self.table;
        match self.operation {
            Operation::AddTable => write!(f, "add table {table}"),
            Operation::DeleteTable => write!(f, "delete table {table}"),
            Operation::AddCounter(name, comment) => {
                write!(f, "add counter {table} {name}")?;
                self.write_counter_comment(f, comment.as_deref())
            }
            Operation::DeleteCounter(name) => write!(f, "delete counter {table} {name}"),
            Operation::AddLimit(name, limit) => {
                write!(f, "add limit {table} {name} {{ {limit}; }}")
            }
            Operation::DeleteLimit(name) => write!(f, "delete limit {table} {name}"),
            Operation::AddSet(name, set) => {
                write!(
                    f,
                    "add {} {table} {name} {{ {} }}",
                    set_keyword(set),
                    SetHeader(set)
                )
            }
            Operation::DeleteSet(name) => {
                write!(
                    f,
                    "delete {} {table} {name}",
                    self.set.map_or("set", set_keyword)
                )
            }
            Operation::AddElements(name, elements) => self.write_elements(f, name, elements),
            Operation::DeleteElements(name, keys) => self.write_keys(f, name, keys),
            Operation::AddChain(name, chain) => self.write_chain(f, name, chain),
            Operation::FlushChain(name) => write!(f, "flush chain {table} {name}"),
            Operation::DeleteChain(name) => write!(f, "delete chain {table} {name}"),
            Operation::AddRule(chain, rule) => write!(f, "add rule {table} {chain} {rule}"),
        }
    }
}

impl OperationText<'_> {
    fn write_counter_comment(&self, f: &mut Formatter<'_>, comment: Option<&str>) -> fmt::Result {
        if comment.is_none() {
            return Ok(());
        }
        f.write_str(" {")?;
        write_comment(f, comment)?;
        f.write_str("; }")
    }

    fn write_elements(
        &self,
        f: &mut Formatter<'_>,
        name: &Name,
        elements: &Elements,
    ) -> fmt::Result {
        let unknown = Set::of(&[]);
        let set = self.set.unwrap_or(&unknown);
        write!(f, "add element {} {name} {{ ", self.table)?;
        write_separated(f, ", ", elements, |f, (key, element)| {
            write_element(f, set, key, element)
        })?;
        f.write_str(" }")
    }

    fn write_keys(&self, f: &mut Formatter<'_>, name: &Name, keys: &[Key]) -> fmt::Result {
        let types = self.set.map_or(&[][..], |set| &set.key);
        write!(f, "delete element {} {name} {{ ", self.table)?;
        write_separated(f, ", ", keys, |f, key| write_key(f, key, types))?;
        f.write_str(" }")
    }

    fn write_chain(&self, f: &mut Formatter<'_>, name: &Name, chain: &Chain) -> fmt::Result {
        write!(f, "add chain {} {name}", self.table)?;
        if chain.hook.is_none() && chain.comment.is_none() {
            return Ok(());
        }
        f.write_str(" {")?;
        if let Some(hook) = chain.hook {
            let family = self.table.family;
            write!(f, " {}", HookText { hook, family })?;
        }
        if let Some(comment) = &chain.comment {
            f.write_str(" comment ")?;
            write_quoted(f, comment)?;
            f.write_str(";")?;
        }
        f.write_str(" }")
    }
}
