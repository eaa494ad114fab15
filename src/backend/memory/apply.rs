//! One operation on a table, with the kernel's refusals (net/netfilter/nf_tables_api.c).

use std::collections::BTreeMap;

use rustix::io::Errno;

use super::elements;
use crate::ruleset::reference::Reference;
use crate::ruleset::transaction::Operation;
use crate::ruleset::{
    Chain, Data, Element, ElementData, Elements, Name, ObjectKind, Rule, Set, Table,
};

/// Why an operation is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The kernel's error number.
    pub(super) errno: Errno,
    /// In words.
    pub(super) reason: String,
    /// The element at fault, counted from 0.
    pub(super) element: Option<usize>,
}

impl Refusal {
    pub(super) fn new(errno: Errno, reason: impl Into<String>) -> Self {
        Self {
            errno,
            reason: reason.into(),
            element: None,
        }
    }

    fn missing(what: &str, name: &Name) -> Self {
        Self::new(Errno::NOENT, format!("there is no {what} {name:?}"))
    }

    fn in_use(what: &str, name: &Name) -> Self {
        Self::new(Errno::BUSY, format!("{what} {name:?} is in use"))
    }
}

/// Does one operation.
pub(super) fn apply(slot: &mut Option<Table>, operation: &Operation) -> Result<(), Refusal> {
    if let Operation::AddTable = operation {
        slot.get_or_insert_default();
        return Ok(());
    }
    let Some(table) = slot else {
        return Err(Refusal::new(Errno::NOENT, "there is no such table"));
    };
    match operation {
        Operation::AddTable => {}
        Operation::DeleteTable => *slot = None,
        Operation::AddCounter(name, comment) => {
            table
                .counters
                .entry(name.clone())
                .or_insert_with(|| comment.clone());
        }
        Operation::DeleteCounter(name) => {
            let used = table.uses(Reference::Counter(name));
            remove(&mut table.counters, "counter", name, used)?;
        }
        Operation::AddLimit(name, limit) => {
            table.limits.insert(name.clone(), *limit);
        }
        Operation::DeleteLimit(name) => {
            let used = table.uses(Reference::Limit(name));
            remove(&mut table.limits, "limit", name, used)?;
        }
        Operation::AddSet(name, set) => add_set(table, name, set)?,
        Operation::DeleteSet(name) => {
            let used = table.uses(Reference::Set(name));
            remove(&mut table.sets, "set", name, used)?;
        }
        Operation::AddElements(name, elements) => add_elements(table, name, elements)?,
        Operation::DeleteElements(name, keys) => {
            let set = table.sets.get_mut(name);
            elements::remove(set.ok_or_else(|| Refusal::missing("set", name))?, keys)?;
        }
        Operation::AddChain(name, chain) => add_chain(table, name, chain)?,
        Operation::FlushChain(name) => rules(table, name)?.clear(),
        Operation::DeleteChain(name) => delete_chain(table, name)?,
        Operation::AddRule(name, rule) => add_rule(table, name, rule)?,
    }
    Ok(())
}

fn remove<T>(
    from: &mut BTreeMap<Name, T>,
    what: &str,
    name: &Name,
    used: bool,
) -> Result<(), Refusal> {
    if used {
        return Err(Refusal::in_use(what, name));
    }
    let removed = from.remove(name);
    removed
        .map(drop)
        .ok_or_else(|| Refusal::missing(what, name))
}

/// Adding a set again is fine where the declaration is the same (`nft_set_is_same`).
fn add_set(table: &mut Table, name: &Name, set: &Set) -> Result<(), Refusal> {
    let Some(present) = table.sets.get(name) else {
        let declared = Set {
            elements: Elements::new(),
            ..set.clone()
        };
        table.sets.insert(name.clone(), declared);
        return Ok(());
    };
    let same = (&present.key, &present.data, present.flags, present.counted)
        == (&set.key, &set.data, set.flags, set.counted);
    if same {
        return Ok(());
    }
    Err(Refusal::new(
        Errno::EXIST,
        format!("set {name:?} exists with another declaration"),
    ))
}

fn add_elements(table: &mut Table, name: &Name, added: &Elements) -> Result<(), Refusal> {
    let set = table.sets.get(name);
    let data = set
        .ok_or_else(|| Refusal::missing("set", name))?
        .data
        .clone();
    for (index, element) in added.values().enumerate() {
        check_data(table, data.as_ref(), element).map_err(|refusal| Refusal {
            element: Some(index),
            ..refusal
        })?;
    }
    match table.sets.get_mut(name) {
        Some(set) => elements::add(set, added),
        None => Ok(()),
    }
}

/// Whether an element carries what its set declares, and what it names exists.
fn check_data(table: &Table, data: Option<&Data>, element: &Element) -> Result<(), Refusal> {
    match (data, &element.data) {
        (None, ElementData::None) | (Some(Data::Value(_)), ElementData::Value(_)) => Ok(()),
        (Some(Data::Verdict), ElementData::Verdict(verdict)) => match verdict.target() {
            Some(target) => check_target(table, target),
            None => Ok(()),
        },
        (Some(Data::Object(ObjectKind::Counter)), ElementData::Object(name)) => table
            .counters
            .get(name)
            .map(|_| ())
            .ok_or_else(|| Refusal::missing("counter", name)),
        (Some(Data::Object(ObjectKind::Limit)), ElementData::Object(name)) => table
            .limits
            .get(name)
            .map(|_| ())
            .ok_or_else(|| Refusal::missing("limit", name)),
        (
            None | Some(Data::Verdict | Data::Value(_) | Data::Object(_)),
            ElementData::None
            | ElementData::Verdict(_)
            | ElementData::Value(_)
            | ElementData::Object(_),
        ) => Err(Refusal::new(
            Errno::INVAL,
            "the element does not carry what its set declares",
        )),
    }
}

/// Jumps lead to regular chains.
fn check_target(table: &Table, target: &Name) -> Result<(), Refusal> {
    match table.chains.get(target) {
        Some(Chain { hook: None, .. }) => Ok(()),
        Some(Chain { hook: Some(_), .. }) => Err(Refusal::new(
            Errno::OPNOTSUPP,
            format!("chain {target:?} is a base chain"),
        )),
        None => Err(Refusal::missing("chain", target)),
    }
}

/// Adding a chain again is fine where its hook is the same or left out; its policy may change.
fn add_chain(table: &mut Table, name: &Name, chain: &Chain) -> Result<(), Refusal> {
    let Some(present) = table.chains.get_mut(name) else {
        let declared = Chain {
            rules: Vec::new(),
            ..chain.clone()
        };
        table.chains.insert(name.clone(), declared);
        return Ok(());
    };
    let errno = match (present.hook, chain.hook) {
        (_, None) => return Ok(()),
        (Some(held), Some(hook)) if (held.point, held.priority) == (hook.point, hook.priority) => {
            present.hook = chain.hook;
            return Ok(());
        }
        (Some(_), Some(_)) => Errno::OPNOTSUPP,
        (None, Some(_)) => Errno::EXIST,
    };
    Err(Refusal::new(
        errno,
        format!("chain {name:?} exists with another hook"),
    ))
}

/// A chain goes with its rules, also those that name the chain itself.
fn delete_chain(table: &mut Table, name: &Name) -> Result<(), Refusal> {
    rules(table, name)?.clear();
    let used = table.uses(Reference::Chain(name));
    remove(&mut table.chains, "chain", name, used)
}

fn rules<'a>(table: &'a mut Table, name: &Name) -> Result<&'a mut Vec<Rule>, Refusal> {
    let chain = table.chains.get_mut(name);
    chain
        .map(|chain| &mut chain.rules)
        .ok_or_else(|| Refusal::missing("chain", name))
}

fn add_rule(table: &mut Table, name: &Name, rule: &Rule) -> Result<(), Refusal> {
    rules(table, name)?;
    for reference in rule.references() {
        match reference {
            Reference::Chain(target) => check_target(table, target)?,
            Reference::Set(set) if !table.sets.contains_key(set) => {
                return Err(Refusal::missing("set", set));
            }
            Reference::Counter(counter) if !table.counters.contains_key(counter) => {
                return Err(Refusal::missing("counter", counter));
            }
            Reference::Limit(limit) if !table.limits.contains_key(limit) => {
                return Err(Refusal::missing("limit", limit));
            }
            Reference::Set(_) | Reference::Counter(_) | Reference::Limit(_) => {}
        }
    }
    rules(table, name)?.push(rule.clone());
    Ok(())
}
