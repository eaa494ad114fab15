//! A table of the kernel as a [`Table`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::attribute::Reader;
use super::declaration as set_attribute;
use super::dump::Dump;
use super::encode::{
    NFT_TABLE_F_DORMANT, NFTA_CHAIN_HOOK, NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE,
    NFTA_CHAIN_USERDATA, NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY, NFTA_OBJ_DATA, NFTA_OBJ_NAME,
    NFTA_OBJ_TYPE, NFTA_OBJ_USERDATA, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS, NFTA_RULE_USERDATA,
    NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET, NFTA_TABLE, NFTA_TABLE_FLAGS, hook_number,
};
use super::engine::NftBackend;
use super::lower::Content;
use super::message::MessageType;
use super::raise::{AnonymousSets, raise};
use super::shape::{Shape, datatypes};
use super::{elements, expression, userdata};
use crate::backend::ObserveError;
use crate::ruleset::{
    Chain, ChainPolicy, Data, ElementData, Elements, Hook, HookPoint, Name, ObjectKind, Rule, Set,
    SetFlags, Table, TableFamily, TableKey,
};

/// How often a dump is begun anew because somebody changed the ruleset meanwhile.
const ATTEMPTS: usize = 20;

/// What ended an attempt.
enum Stop {
    Torn,
    Error(ObserveError),
}

impl<E: Into<ObserveError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl NftBackend {
    /// Reads a table so that all of it is of one generation.
    pub(super) fn observe_consistently(
        &mut self,
        table: &TableKey,
    ) -> Result<Option<Table>, ObserveError> {
        for _ in 0..ATTEMPTS {
            let before = self.current_generation()?;
            let outcome = self.read_table(table);
            let torn = matches!(outcome, Err(Stop::Torn));
            // Dumps of sets do not say that they were torn, and a torn one can look foreign.
            if torn || self.current_generation()? != before {
                continue;
            }
            self.seen = Some(before);
            return match outcome {
                Ok(read) => Ok(read),
                Err(Stop::Error(error)) => Err(error),
                Err(Stop::Torn) => continue,
            };
        }
        Err(std::io::Error::from(std::io::ErrorKind::ResourceBusy).into())
    }

    fn read_table(&mut self, table: &TableKey) -> Result<Option<Table>, Stop> {
        let tables = self.objects(MessageType::GetTable, table, None)?;
        let Some(held) = tables.first() else {
            return Ok(None);
        };
        let flags = Reader(held).number(NFTA_TABLE_FLAGS).unwrap_or(0);
        if flags & NFT_TABLE_F_DORMANT != 0 {
            let what = "the flag dormant: no packet passes its chains";
            return Err(Stop::Error(foreign(table, what)));
        }
        let mut read = Table::default();
        self.read_objects(table, &mut read)?;
        let mut anonymous = AnonymousSets::new();
        self.read_sets(table, &mut read, &mut anonymous)?;
        for chain in self.objects(MessageType::GetChain, table, None)? {
            let (name, chain) = read_chain(table.family, Reader(&chain))
                .ok_or_else(|| foreign(table, "a chain that is not of type filter"))?;
            read.chains.insert(name, chain);
        }
        self.read_rules(table, &mut read, &anonymous)?;
        Ok(Some(read))
    }

    /// The objects of a kind that are in the table.
    fn objects(
        &mut self,
        kind: MessageType,
        table: &TableKey,
        set: Option<&str>,
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let answer = self.dump(kind, table.family.number(), |w| {
            if kind != MessageType::GetTable {
                w.text(NFTA_TABLE, table.name.as_str());
            }
            if let Some(set) = set {
                w.text(NFTA_SET_ELEM_LIST_SET, set);
            }
        });
        let objects = match answer {
            Ok(Dump::Whole(objects)) => objects,
            Ok(Dump::Torn) => return Err(Stop::Torn),
            // The set went away.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Err(Stop::Torn),
            Err(error) => return Err(error.into()),
        };
        let ours = |object: &Vec<u8>| Reader(object).text(NFTA_TABLE) == Some(table.name.as_str());
        Ok(objects.into_iter().filter(ours).collect())
    }

    fn read_objects(&mut self, table: &TableKey, read: &mut Table) -> Result<(), Stop> {
        for object in self.objects(MessageType::GetObject, table, None)? {
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
                    read.limits.insert(name, limit.ok_or_else(what)?);
                }
                (None, _) | (_, None) => return Err(what().into()),
            }
        }
        Ok(())
    }

    fn read_sets(
        &mut self,
        table: &TableKey,
        read: &mut Table,
        anonymous: &mut AnonymousSets,
    ) -> Result<(), Stop> {
        for header in self.objects(MessageType::GetSet, table, None)? {
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
                let messages = self.objects(MessageType::GetElement, table, Some(text))?;
                set.elements = read_elements(&set, &messages).ok_or_else(what)?;
            }
            if is_anonymous {
                anonymous.insert(text.to_owned(), content(set).ok_or_else(what)?);
            } else {
                read.sets.insert(Name::new(text).map_err(|_| what())?, set);
            }
        }
        Ok(())
    }

    fn read_rules(
        &mut self,
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
        for rule in self.objects(MessageType::GetRule, table, None)? {
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
        return Some(Content::Keys(set.elements.into_keys().collect()));
    }
    let verdicts = set
        .elements
        .into_iter()
        .map(|(key, element)| match element.data {
            ElementData::Verdict(verdict) => Some((key, verdict)),
            ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
        });
    verdicts.collect::<Option<_>>().map(Content::Verdicts)
}
