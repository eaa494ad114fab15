//! A table of the kernel as a [`Table`]: what it is asked for and how the answers are understood.

use std::collections::BTreeSet;
use std::time::Duration;

use super::declaration as set_attribute;
use super::encode::{
    NFT_TABLE_F_DORMANT, NFTA_CHAIN_HOOK, NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE,
    NFTA_CHAIN_USERDATA, NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY, NFTA_OBJ_DATA, NFTA_OBJ_NAME,
    NFTA_OBJ_TYPE, NFTA_OBJ_USERDATA, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS, NFTA_RULE_USERDATA,
    NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_TABLE_FLAGS, hook_number,
};
use super::listing::{Buffer, Listing, Stop};
use super::lower::Content;
use super::message::MessageType;
use super::raise::{AnonymousSets, raise};
use super::shape::{Shape, datatypes};
use super::{elements, expression, sayable, userdata};
use crate::backend::ObserveError;
use crate::netlink::attribute::Reader;
use crate::ruleset::key::listed;
use crate::ruleset::{
    Chain, ChainPolicy, Data, ElementData, Elements, Hook, HookPoint, Name, ObjectKind, Rule, Set,
    SetFlags, Table, TableFamily, TableKey,
};

/// Reads a table out of the messages that a kernel sends when it is asked for all of it, which are
/// those that make it; `None` where they make none of this name.
///
/// # Errors
/// [`ObserveError::Foreign`]: there is something in it that Margay never writes.
pub fn decode(table: &TableKey, messages: &[u8]) -> Result<Option<Table>, ObserveError> {
    match read_table(&mut Buffer::of(table, messages), table) {
        Ok(read) => Ok(read),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Torn) => Err(foreign(table, "a rule of a chain that is not there")),
    }
}

/// Reads a table; where it changes meanwhile, what is read is torn or of no one generation.
pub(super) fn read_table(
    listing: &mut dyn Listing,
    table: &TableKey,
) -> Result<Option<Table>, Stop> {
    let tables = listing.list(MessageType::GetTable, table, None)?;
    let Some(held) = tables.first() else {
        return Ok(None);
    };
    let flags = Reader(held).number(NFTA_TABLE_FLAGS).unwrap_or(0);
    if flags & NFT_TABLE_F_DORMANT != 0 {
        let what = "the flag dormant: no packet passes its chains";
        return Err(Stop::Error(foreign(table, what)));
    }
    let mut read = Table::default();
    read_objects(listing, table, &mut read)?;
    let mut anonymous = AnonymousSets::new();
    read_sets(listing, table, &mut read, &mut anonymous)?;
    for chain in listing.list(MessageType::GetChain, table, None)? {
        let (name, chain) = read_chain(table.family, Reader(&chain))
            .ok_or_else(|| foreign(table, "a chain that is not of type filter"))?;
        read.chains.insert(name, chain);
    }
    read_rules(listing, table, &mut read, &anonymous)?;
    Ok(Some(read))
}

fn read_objects(listing: &mut dyn Listing, table: &TableKey, read: &mut Table) -> Result<(), Stop> {
    for object in listing.list(MessageType::GetObject, table, None)? {
        let object = Reader(&object);
        let what = || foreign(table, "an object that is neither a counter nor a limit");
        let name = object
            .text(NFTA_OBJ_NAME)
            .and_then(|text| Name::new(text).ok());
        let kind = object
            .number(NFTA_OBJ_TYPE)
            .and_then(expression::read_object_type);
        match (name, kind) {
            (Some(name), Some(ObjectKind::Counter)) => {
                let comment = object.find(NFTA_OBJ_USERDATA).and_then(userdata::comment);
                read.counters.insert(name, comment);
            }
            (Some(name), Some(ObjectKind::Limit)) => {
                let limit = expression::read_limit(object.inside(NFTA_OBJ_DATA));
                let limit = limit.filter(sayable::is_limit);
                read.limits.insert(name, limit.ok_or_else(what)?);
            }
            (None, _) | (_, None) => return Err(what().into()),
        }
    }
    Ok(())
}

fn read_sets(
    listing: &mut dyn Listing,
    table: &TableKey,
    read: &mut Table,
    anonymous: &mut AnonymousSets,
) -> Result<(), Stop> {
    for header in listing.list(MessageType::GetSet, table, None)? {
        let header = Reader(&header);
        let text = header
            .text(set_attribute::NFTA_SET_NAME)
            .unwrap_or_default();
        let what = || foreign(table, &format!("set \"{text}\""));
        let mut set = read_set(header).ok_or_else(what)?;
        let flags = header.number(set_attribute::NFTA_SET_FLAGS).unwrap_or(0);
        let is_anonymous = flags & set_attribute::NFT_SET_ANONYMOUS != 0;
        // What packets put into a set is not ours.
        if !set.flags.contains(SetFlags::DYNAMIC) {
            let messages = listing.list(MessageType::GetElement, table, Some(text))?;
            set.elements = read_elements(&set, &messages).ok_or_else(what)?;
        }
        if is_anonymous {
            anonymous.insert(text.to_owned(), content(set).ok_or_else(what)?);
        } else {
            let name = Name::new(text).ok().filter(|_| sayable::set(&set));
            read.sets.insert(name.ok_or_else(what)?, set);
        }
    }
    Ok(())
}

fn read_rules(
    listing: &mut dyn Listing,
    table: &TableKey,
    read: &mut Table,
    anonymous: &AnonymousSets,
) -> Result<(), Stop> {
    let is_interval = |set: &Set| set.flags.contains(SetFlags::INTERVAL);
    let intervals: BTreeSet<Name> = read
        .sets
        .iter()
        .filter(|(_, set)| is_interval(set))
        .map(|(name, _)| name.clone())
        .collect();
    for rule in listing.list(MessageType::GetRule, table, None)? {
        let rule = Reader(&rule);
        let chain = rule.text(NFTA_RULE_CHAIN).unwrap_or_default();
        let Some(chain) = read.chains.get_mut(chain) else {
            return Err(Stop::Torn);
        };
        let read = read_rule(table, rule, anonymous, &intervals);
        let place = chain.rules.len() + 1;
        let name = rule.text(NFTA_RULE_CHAIN).unwrap_or_default();
        chain.rules.push(read.map_err(|what| {
            foreign(
                table,
                &format!("rule {place} of chain \"{name}\" has {what}"),
            )
        })?);
    }
    Ok(())
}

fn foreign(table: &TableKey, what: &str) -> ObserveError {
    ObserveError::Foreign {
        table: table.to_string(),
        what: what.to_owned(),
    }
}

fn read_chain(family: TableFamily, chain: Reader<'_>) -> Option<(Name, Chain)> {
    let name = Name::new(chain.text(NFTA_CHAIN_NAME)?).ok()?;
    let hook = match chain.find(NFTA_CHAIN_HOOK) {
        None => None,
        Some(hook) if chain.text(NFTA_CHAIN_TYPE) == Some("filter") => Some(read_hook(
            family,
            Reader(hook),
            chain.number(NFTA_CHAIN_POLICY)?,
        )?),
        Some(_) => return None,
    };
    let comment = chain.find(NFTA_CHAIN_USERDATA).and_then(userdata::comment);
    Some((
        name,
        Chain {
            hook,
            comment,
            rules: Vec::new(),
        },
    ))
}

fn read_hook(family: TableFamily, hook: Reader<'_>, policy: u32) -> Option<Hook> {
    let number = hook.number(NFTA_HOOK_HOOKNUM)?;
    Some(Hook {
        point: HookPoint::ALL
            .into_iter()
            .find(|point| hook_number(family, *point) == number)?,
        priority: hook.number(NFTA_HOOK_PRIORITY)?.cast_signed(),
        policy: match policy {
            0 => ChainPolicy::Drop,
            1 => ChainPolicy::Accept,
            _ => return None,
        },
    })
}

fn read_rule(
    table: &TableKey,
    rule: Reader<'_>,
    anonymous: &AnonymousSets,
    intervals: &BTreeSet<Name>,
) -> Result<Rule, String> {
    let mut instructions = Vec::new();
    for (_, bytes) in rule.inside(NFTA_RULE_EXPRESSIONS) {
        let instruction = expression::read(Reader(bytes));
        instructions.push(instruction.ok_or_else(|| unknown_expression(Reader(bytes)))?);
    }
    let mut raised = raise(table.family, &instructions, anonymous, intervals)?;
    raised.comment = rule.find(NFTA_RULE_USERDATA).and_then(userdata::comment);
    if raised == Rule::default() {
        return Err("nothing in it".to_owned());
    }
    Ok(raised)
}

fn unknown_expression(expression: Reader<'_>) -> String {
    let name = expression
        .text(expression::NFTA_EXPR_NAME)
        .unwrap_or("nameless");
    format!("an unknown form of the expression \"{name}\"")
}

/// The declaration of a set; `None` where it has something that Margay does not know.
fn read_set(header: Reader<'_>) -> Option<Set> {
    let flags = header.number(set_attribute::NFTA_SET_FLAGS).unwrap_or(0);
    let data = if flags & set_attribute::NFT_SET_OBJECT != 0 {
        let kind = header.number(set_attribute::NFTA_SET_OBJ_TYPE)?;
        Some(Data::Object(expression::read_object_type(kind)?))
    } else if flags & set_attribute::NFT_SET_MAP != 0 {
        match header.number(set_attribute::NFTA_SET_DATA_TYPE)? {
            set_attribute::NFT_DATA_VERDICT => Some(Data::Verdict),
            types => Some(Data::Value(datatypes(types)?)),
        }
    } else {
        None
    };
    let timeout = header
        .long(set_attribute::NFTA_SET_TIMEOUT)
        .filter(|ms| *ms > 0);
    let counted = match header.find(set_attribute::NFTA_SET_EXPR) {
        None => false,
        Some(bytes) => {
            let counter = super::instruction::Instruction::Counter;
            expression::read(Reader(bytes)).filter(|read| *read == counter)?;
            true
        }
    };
    Some(Set {
        key: datatypes(header.number(set_attribute::NFTA_SET_KEY_TYPE)?)?,
        data,
        flags: SetFlags::from_bits_truncate(flags),
        size: header
            .inside(set_attribute::NFTA_SET_DESC)
            .number(set_attribute::NFTA_SET_DESC_SIZE),
        timeout: timeout.map(Duration::from_millis),
        counted,
        comment: header
            .find(set_attribute::NFTA_SET_USERDATA)
            .and_then(userdata::set_comment),
        elements: Elements::new(),
    })
}

fn read_elements(set: &Set, messages: &[Vec<u8>]) -> Option<Elements> {
    let mut reading = elements::Reading::of(Shape::of(set), set.timeout);
    for message in messages {
        for (_, element) in Reader(message).inside(NFTA_SET_ELEM_LIST_ELEMENTS) {
            reading.take(Reader(element))?;
        }
    }
    reading.finish()
}

/// The content of an anonymous set.
fn content(set: Set) -> Option<Content> {
    if set.data.is_none() {
        let keys = set.elements.into_keys().collect();
        return Some(Content::Keys(listed(keys, &set.key)));
    }
    let verdicts = set
        .elements
        .into_iter()
        .map(|(key, element)| match &element.data {
            ElementData::Verdict(verdict) => Some((key, verdict.clone())),
            ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
        });
    verdicts.collect::<Option<_>>().map(Content::Verdicts)
}
