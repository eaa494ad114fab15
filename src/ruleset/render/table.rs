//! Tables, and the objects in them.

use std::fmt::{self, Formatter};

use super::value::write_key;
use super::{write_comment, write_duration, write_quoted, write_separated};
use crate::ruleset::keyword::{POLICIES, SET_FLAGS, word};
use crate::ruleset::{
    Chain, Data, Datatype, Element, ElementData, Hook, Key, Limit, Name, ObjectKind, Set, Table,
    TableFamily, TableKey, priority,
};

/// A hook as nft prints it: `type filter hook input priority filter - 5; policy accept;`.
#[derive(Debug, Clone, Copy)]
pub struct HookText {
    /// The hook.
    pub hook: Hook,
    /// The family of its table, which decides the names of priorities.
    pub family: TableFamily,
}

impl fmt::Display for HookText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Hook {
            point,
            priority,
            policy,
        } = self.hook;
        let at = point.keyword();
        let priority = priority::text(self.family, point, priority);
        let policy = word(&POLICIES, &policy);
        write!(
            f,
            "type filter hook {at} priority {priority}; policy {policy};"
        )
    }
}

/// The declaration of a set or map on one line, without its elements: `type ipv4_addr; flags interval;`.
#[derive(Debug, Clone, Copy)]
pub struct SetHeader<'a>(pub &'a Set);

impl fmt::Display for SetHeader<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_header(f, self.0, " ", ";")
    }
}

/// `set` or `map`, as the declaration begins.
pub(super) fn set_keyword(set: &Set) -> &'static str {
    match set.data {
        None => "set",
        Some(Data::Verdict | Data::Value(_) | Data::Object(_)) => "map",
    }
}

/// Writes a table in the order of `nft list ruleset`: objects, sets, chains.
pub(super) fn write_table(f: &mut Formatter<'_>, key: &TableKey, table: &Table) -> fmt::Result {
    writeln!(f, "table {key} {{")?;
    let mut blank = Separator::default();
    for (name, comment) in &table.counters {
        blank.write(f)?;
        write_counter(f, name, comment.as_deref())?;
    }
    for (name, limit) in &table.limits {
        blank.write(f)?;
        write_limit(f, name, limit)?;
    }
    for (name, set) in &table.sets {
        blank.write(f)?;
        write_set(f, name, set)?;
    }
    for (name, chain) in &table.chains {
        blank.write(f)?;
        write_chain(f, key.family, name, chain)?;
    }
    f.write_str("}\n")
}

/// The blank line between two objects.
#[derive(Default)]
struct Separator {
    wanted: bool,
}

impl Separator {
    fn write(&mut self, f: &mut Formatter<'_>) -> fmt::Result {
        match std::mem::replace(&mut self.wanted, true) {
            true => f.write_str("\n"),
            false => Ok(()),
        }
    }
}

fn write_counter(f: &mut Formatter<'_>, name: &Name, comment: Option<&str>) -> fmt::Result {
    writeln!(f, "\tcounter {name} {{")?;
    if let Some(comment) = comment {
        f.write_str("\t\tcomment ")?;
        write_quoted(f, comment)?;
        f.write_str("\n")?;
    }
    f.write_str("\t\tpackets 0 bytes 0\n\t}\n")
}

fn write_limit(f: &mut Formatter<'_>, name: &Name, limit: &Limit) -> fmt::Result {
    write!(f, "\tlimit {name} {{\n\t\t{limit}\n\t}}\n")
}

fn write_set(f: &mut Formatter<'_>, name: &Name, set: &Set) -> fmt::Result {
    write!(f, "\t{} {name} {{\n\t\t", set_keyword(set))?;
    write_header(f, set, "\n\t\t", "")?;
    if !set.elements.is_empty() {
        f.write_str("\n\t\telements = { ")?;
        write_separated(f, ",\n\t\t\t     ", &set.elements, |f, (key, element)| {
            write_element(f, set, key, element)
        })?;
        f.write_str(" }")?;
    }
    f.write_str("\n\t}\n")
}

fn write_header(f: &mut Formatter<'_>, set: &Set, between: &str, end: &str) -> fmt::Result {
    f.write_str("type ")?;
    write_types(f, &set.key)?;
    match &set.data {
        None => {}
        Some(Data::Verdict) => f.write_str(" : verdict")?,
        Some(Data::Object(ObjectKind::Counter)) => f.write_str(" : counter")?,
        Some(Data::Object(ObjectKind::Limit)) => f.write_str(" : limit")?,
        Some(Data::Value(types)) => {
            f.write_str(" : ")?;
            write_types(f, types)?;
        }
    }
    f.write_str(end)?;
    if let Some(size) = set.size {
        write!(f, "{between}size {size}{end}")?;
    }
    if !set.flags.is_empty() {
        write!(f, "{between}flags ")?;
        let declared = SET_FLAGS
            .iter()
            .filter(|(flag, _)| set.flags.contains(*flag));
        write_separated(f, ",", declared, |f, (_, word)| f.write_str(word))?;
        f.write_str(end)?;
    }
    if set.counted {
        write!(f, "{between}counter{end}")?;
    }
    if let Some(timeout) = set.timeout {
        write!(f, "{between}timeout ")?;
        write_duration(f, timeout)?;
        f.write_str(end)?;
    }
    if let Some(comment) = &set.comment {
        write!(f, "{between}comment ")?;
        write_quoted(f, comment)?;
        f.write_str(end)?;
    }
    Ok(())
}

fn write_types(f: &mut Formatter<'_>, types: &[Datatype]) -> fmt::Result {
    write_separated(f, " . ", types, |f, datatype| {
        f.write_str(datatype.keyword())
    })
}

/// Writes one element with what belongs to it.
pub(super) fn write_element(
    f: &mut Formatter<'_>,
    set: &Set,
    key: &Key,
    element: &Element,
) -> fmt::Result {
    write_key(f, key, &set.key)?;
    if let Some(timeout) = element.timeout {
        f.write_str(" timeout ")?;
        write_duration(f, timeout)?;
    }
    write_comment(f, element.comment.as_deref())?;
    match (&element.data, &set.data) {
        (ElementData::None, _) => Ok(()),
        (ElementData::Verdict(verdict), _) => write!(f, " : {verdict}"),
        (ElementData::Object(name), _) => write!(f, " : \"{name}\""),
        (ElementData::Value(value), Some(Data::Value(types))) => {
            f.write_str(" : ")?;
            write_key(f, &Key::value(value), types)
        }
        (ElementData::Value(value), _) => {
            f.write_str(" : ")?;
            write_key(f, &Key::value(value), &[])
        }
    }
}

fn write_chain(
    f: &mut Formatter<'_>,
    family: TableFamily,
    name: &Name,
    chain: &Chain,
) -> fmt::Result {
    writeln!(f, "\tchain {name} {{")?;
    if let Some(comment) = &chain.comment {
        f.write_str("\t\tcomment ")?;
        write_quoted(f, comment)?;
        f.write_str("\n")?;
    }
    if let Some(hook) = chain.hook {
        writeln!(f, "\t\t{}", HookText { hook, family })?;
    }
    for rule in &chain.rules {
        writeln!(f, "\t\t{rule}")?;
    }
    f.write_str("\t}\n")
}
