//! A transaction as one netlink batch.

use super::Ownership;
use super::lower::{AnonymousSet, Lowered, lower};
use super::message::{Batch, MessageType, Source};
use super::shape::{Catalog, Layout, Shape};
use super::{anonymous, declaration, element, expression, userdata};
use crate::backend::CommitError;
use crate::netlink::attribute::Writer;
use crate::netlink::message::{NLM_F_APPEND, NLM_F_CREATE};
use crate::ruleset::transaction::Operation;
use crate::ruleset::{
    Chain, ChainPolicy, Element, Elements, HookPoint, Key, Limit, Name, ObjectKind, Rule, Set,
    TableFamily, TableKey,
};

/// Where a message with elements ends and the next begins: below the limit of an attribute.
const ELEMENT_BYTES: usize = 65_000;
/// Headers of an element, its key and the key's value: what a plain one takes beside its bytes.
const ELEMENT_HEADERS_BYTES: usize = 12;
/// Most bytes that one element can take: two keys, a verdict's name, a comment.
const ELEMENT_BYTES_MAX: usize = 1_000;

/// `NFTA_*_TABLE`, `NFTA_TABLE_NAME` and `NFTA_TABLE_FLAGS` (linux/netfilter/nf_tables.h).
pub(crate) const NFTA_TABLE: u16 = 1;
pub(crate) const NFTA_TABLE_FLAGS: u16 = 2;
/// `NFT_TABLE_F_DORMANT`: the table is there and its base chains hang nowhere.
pub(crate) const NFT_TABLE_F_DORMANT: u32 = 0x1;
/// `NFT_TABLE_F_PERSIST`.
pub(crate) const NFT_TABLE_F_PERSIST: u32 = 0x4;
const NFT_TABLE_F_OWNER: u32 = 2;

pub(crate) const NFTA_CHAIN_NAME: u16 = 3;
pub(crate) const NFTA_CHAIN_HOOK: u16 = 4;
pub(crate) const NFTA_CHAIN_POLICY: u16 = 5;
pub(crate) const NFTA_CHAIN_TYPE: u16 = 7;
pub(crate) const NFTA_CHAIN_USERDATA: u16 = 12;
pub(crate) const NFTA_HOOK_HOOKNUM: u16 = 1;
pub(crate) const NFTA_HOOK_PRIORITY: u16 = 2;

pub(crate) const NFTA_RULE_CHAIN: u16 = 2;
pub(crate) const NFTA_RULE_EXPRESSIONS: u16 = 4;
pub(crate) const NFTA_RULE_USERDATA: u16 = 7;
pub(crate) const NFTA_LIST_ELEM: u16 = 1;

pub(crate) const NFTA_OBJ_NAME: u16 = 2;
pub(crate) const NFTA_OBJ_TYPE: u16 = 3;
pub(crate) const NFTA_OBJ_DATA: u16 = 4;
pub(crate) const NFTA_OBJ_USERDATA: u16 = 8;

pub(crate) const NFTA_SET_ELEM_LIST_SET: u16 = 2;
pub(crate) const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_LIST_SET_ID: u16 = 4;

/// A batch and where its parts came from.
#[derive(Debug)]
pub struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sources: Vec<Source>,
    pub(crate) last_sequence: u32,
}

impl Encoded {
    /// The bytes for one `send`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Encodes the operations of one transaction.
///
/// `catalog` knows the sets that they touch and do not add, and follows what they change.
///
/// # Errors
/// [`CommitError::Unencodable`]: a value is too long.
pub fn encode(
    table: &TableKey,
    ownership: Ownership,
    catalog: &mut Catalog,
    operations: &[Operation],
) -> Result<Encoded, CommitError> {
    let mut encoder = Encoder {
        batch: Batch::begin(table.family.number()),
        table,
        ownership,
        catalog,
        next_id: 1,
        index: 0,
        fresh: None,
    };
    for (index, operation) in operations.iter().enumerate() {
        encoder.index = index;
        encoder.operation(operation)?;
        encoder.catalog.follow(operation);
        if encoder.batch.writer.is_overflowed() {
            let limit = "a netlink attribute has at most 65,535 bytes";
            return Err(unencodable(operation.to_string(), limit));
        }
    }
    encoder.batch.end();
    Ok(Encoded {
        last_sequence: encoder.batch.last_sequence(),
        bytes: encoder.batch.writer.bytes,
        sources: encoder.batch.sources,
    })
}

struct Encoder<'a> {
    batch: Batch,
    table: &'a TableKey,
    ownership: Ownership,
    catalog: &'a mut Catalog,
    next_id: u32,
    index: usize,
    /// The set that the operation before declared.
    fresh: Option<Name>,
}

/// When the set was declared to which elements come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    /// By the operation before.
    JustNow,
    /// Earlier: it may hold elements.
    Before,
}

impl Encoder<'_> {
    fn operation(&mut self, operation: &Operation) -> Result<(), CommitError> {
        let fresh = self.fresh.take();
        match operation {
            Operation::AddTable => self.add_table(),
            Operation::DeleteTable => self.message(MessageType::DeleteTable, 0, |_| {}),
            Operation::AddCounter(name, comment) => self.add_counter(name, comment.as_deref())?,
            Operation::DeleteCounter(name) => self.delete_object(name, ObjectKind::Counter),
            Operation::AddLimit(name, limit) => self.add_limit(name, limit),
            Operation::DeleteLimit(name) => self.delete_object(name, ObjectKind::Limit),
            Operation::AddSet(name, set) => self.add_set(name, set)?,
            Operation::DeleteSet(name) => {
                self.named(MessageType::DeleteSet, declaration::NFTA_SET_NAME, name);
            }
            Operation::AddElements(name, elements) => {
                let declared = match fresh.as_ref() == Some(name) {
                    true => Declared::JustNow,
                    false => Declared::Before,
                };
                self.add_elements(name, elements, declared)?;
            }
            Operation::DeleteElements(name, keys) => self.delete_elements(name, keys),
            Operation::AddChain(name, chain) => self.add_chain(name, chain)?,
            Operation::FlushChain(name) => {
                self.named(MessageType::DeleteRule, NFTA_RULE_CHAIN, name);
            }
            Operation::DeleteChain(name) => {
                self.named(MessageType::DeleteChain, NFTA_CHAIN_NAME, name);
            }
            Operation::AddRule(chain, rule) => self.add_rule(chain, rule)?,
        }
        Ok(())
    }

    /// A message about the table or something in it.
    fn message(&mut self, kind: MessageType, flags: u16, content: impl FnOnce(&mut Writer)) {
        self.batch.open(kind, flags, self.index, 0);
        self.batch.writer.text(NFTA_TABLE, self.table.name.as_str());
        content(&mut self.batch.writer);
        self.batch.close();
    }

    fn named(&mut self, kind: MessageType, attribute: u16, name: &Name) {
        self.message(kind, 0, |w| w.text(attribute, name.as_str()));
    }

    fn add_table(&mut self) {
        let flags = match self.ownership {
            Ownership::None => 0,
            Ownership::Persist => NFT_TABLE_F_PERSIST,
            Ownership::Owner => NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST,
        };
        // A table that exists is adopted.
        self.message(MessageType::NewTable, NLM_F_CREATE, |w| {
            w.number(NFTA_TABLE_FLAGS, flags);
        });
    }

    fn add_object(&mut self, name: &Name, kind: ObjectKind, content: impl FnOnce(&mut Writer)) {
        self.message(MessageType::NewObject, NLM_F_CREATE, |w| {
            w.text(NFTA_OBJ_NAME, name.as_str());
            w.number(NFTA_OBJ_TYPE, expression::object_type(kind));
            content(w);
        });
    }

    fn add_counter(&mut self, name: &Name, comment: Option<&str>) -> Result<(), CommitError> {
        let comment = checked("the comment of a counter", comment)?;
        self.add_object(name, ObjectKind::Counter, |w| {
            if let Some(comment) = comment {
                w.raw(NFTA_OBJ_USERDATA, &userdata::of_comment(comment));
            }
            w.nest(NFTA_OBJ_DATA, |w| {
                w.long(1, 0);
                w.long(2, 0);
            });
        });
        Ok(())
    }

    fn add_limit(&mut self, name: &Name, limit: &Limit) {
        self.add_object(name, ObjectKind::Limit, |w| {
            w.nest(NFTA_OBJ_DATA, |w| expression::limit(w, limit));
        });
    }

    fn delete_object(&mut self, name: &Name, kind: ObjectKind) {
        self.message(MessageType::DeleteObject, 0, |w| {
            w.text(NFTA_OBJ_NAME, name.as_str());
            w.number(NFTA_OBJ_TYPE, expression::object_type(kind));
        });
    }

    fn add_set(&mut self, name: &Name, set: &Set) -> Result<(), CommitError> {
        checked("the comment of a set", set.comment.as_deref())?;
        let id = self.next_id;
        self.next_id += 1;
        self.message(MessageType::NewSet, NLM_F_CREATE, |w| {
            declaration::write(w, name.as_str(), set, id);
        });
        self.fresh = Some(name.clone());
        Ok(())
    }

    /// The shape of a set. Of one that does not exist there is none: the kernel will say so.
    fn shape(&self, set: &Name) -> Shape {
        self.catalog.shape(set).cloned().unwrap_or_default()
    }

    fn add_elements(
        &mut self,
        name: &Name,
        elements: &Elements,
        declared: Declared,
    ) -> Result<(), CommitError> {
        let shape = self.shape(name);
        self.reserve(elements);
        let mut list = ElementList::new(MessageType::NewElement, name.as_str(), None);
        list.open(self, 0);
        // nft begins a new set of ranges by saying that nothing lies below the first.
        if declared == Declared::JustNow && shape.layout() == Layout::Ends {
            let zero = vec![0; shape.key().first().map_or(0, |field| field.bytes())];
            let at_zero = |key: &Key| shape.swap(key).start.as_slice() == zero;
            if !elements.is_empty() && !elements.keys().any(at_zero) {
                element::write_end(&mut self.batch.writer, &zero);
            }
        }
        // One walk: a million elements do not fit the cache, and each walk more costs as much again.
        for (index, (key, element)) in elements.iter().enumerate() {
            list.make_room(self, index);
            if element.is_bare() && shape.layout() == Layout::Plain {
                element::write_bare(&mut self.batch.writer, key);
            } else {
                checked("the comment of an element", element.comment.as_deref())?;
                element::write(&mut self.batch.writer, &shape, key, element);
            }
        }
        list.close(self);
        Ok(())
    }

    /// Makes room for elements that are plain keys at once: growing step by step would copy them.
    fn reserve(&mut self, elements: &Elements) {
        let key_bytes = elements.keys().next().map_or(0, |key| key.start.len());
        let bytes = elements.len() * (ELEMENT_HEADERS_BYTES + key_bytes.next_multiple_of(4));
        // The headers of a message take less than a hundredth of what it carries.
        self.batch.writer.bytes.reserve(bytes + bytes / 100);
    }

    fn delete_elements(&mut self, name: &Name, keys: &[Key]) {
        let shape = self.shape(name);
        let nothing = Element::default();
        let mut list = ElementList::new(MessageType::DeleteElement, name.as_str(), None);
        list.open(self, 0);
        for (index, key) in keys.iter().enumerate() {
            list.make_room(self, index);
            element::write(&mut self.batch.writer, &shape, key, &nothing);
        }
        list.close(self);
    }

    fn add_chain(&mut self, name: &Name, chain: &Chain) -> Result<(), CommitError> {
        let comment = checked("the comment of a chain", chain.comment.as_deref())?;
        let family = self.table.family;
        self.message(MessageType::NewChain, NLM_F_CREATE, |w| {
            w.text(NFTA_CHAIN_NAME, name.as_str());
            if let Some(hook) = &chain.hook {
                let number = hook_number(family, hook.point);
                w.text(NFTA_CHAIN_TYPE, "filter");
                let policy = match hook.policy {
                    ChainPolicy::Drop => 0,
                    ChainPolicy::Accept => 1,
                };
                w.number(NFTA_CHAIN_POLICY, policy);
                w.nest(NFTA_CHAIN_HOOK, |w| {
                    w.number(NFTA_HOOK_HOOKNUM, number);
                    w.raw(NFTA_HOOK_PRIORITY, &hook.priority.to_be_bytes());
                });
            }
            if let Some(comment) = comment {
                w.raw(NFTA_CHAIN_USERDATA, &userdata::of_comment(comment));
            }
        });
        Ok(())
    }

    fn add_rule(&mut self, chain: &Name, rule: &Rule) -> Result<(), CommitError> {
        let comment = checked("the comment of a rule", rule.comment.as_deref())?;
        let Lowered { instructions, sets } =
            lower(self.table.family, rule, self.catalog.intervals());
        let first_id = self.next_id;
        for set in &sets {
            self.add_anonymous(set);
        }
        let flags = NLM_F_CREATE | NLM_F_APPEND;
        self.message(MessageType::NewRule, flags, |w| {
            w.text(NFTA_RULE_CHAIN, chain.as_str());
            w.nest(NFTA_RULE_EXPRESSIONS, |w| {
                for instruction in &instructions {
                    w.nest(NFTA_LIST_ELEM, |w| {
                        expression::write(w, instruction, first_id)
                    });
                }
            });
            if let Some(comment) = comment {
                w.raw(NFTA_RULE_USERDATA, &userdata::of_comment(comment));
            }
        });
        Ok(())
    }

    fn add_anonymous(&mut self, set: &AnonymousSet) {
        let id = self.next_id;
        self.next_id += 1;
        let entries = anonymous::entries(set);
        self.message(MessageType::NewSet, NLM_F_CREATE, |w| {
            declaration::write_anonymous(w, set, id, entries.declared_size);
        });
        let shape = Shape::of_anonymous(set);
        let mut list = ElementList::new(MessageType::NewElement, set.template(), Some(id));
        list.open(self, 0);
        for entry in &entries.entries {
            list.make_room(self, 0);
            entry.write(&mut self.batch.writer, &shape);
        }
        list.close(self);
    }
}

/// The messages that carry the elements of one set.
struct ElementList<'a> {
    kind: MessageType,
    set: &'a str,
    id: Option<u32>,
    nest: usize,
}

impl<'a> ElementList<'a> {
    fn new(kind: MessageType, set: &'a str, id: Option<u32>) -> Self {
        Self {
            kind,
            set,
            id,
            nest: 0,
        }
    }

    fn open(&mut self, encoder: &mut Encoder<'_>, first_element: usize) {
        let flags = if self.kind == MessageType::NewElement {
            NLM_F_CREATE
        } else {
            0
        };
        let batch = &mut encoder.batch;
        batch.open(self.kind, flags, encoder.index, first_element);
        batch.writer.text(NFTA_TABLE, encoder.table.name.as_str());
        batch.writer.text(NFTA_SET_ELEM_LIST_SET, self.set);
        if let Some(id) = self.id {
            batch.writer.number(NFTA_SET_ELEM_LIST_SET_ID, id);
        }
        self.nest = batch.writer.begin(NFTA_SET_ELEM_LIST_ELEMENTS);
    }

    /// Goes on in a new message where the open one is full.
    fn make_room(&mut self, encoder: &mut Encoder<'_>, next_element: usize) {
        if encoder.batch.open_bytes() > ELEMENT_BYTES - ELEMENT_BYTES_MAX {
            self.close(encoder);
            self.open(encoder, next_element);
        }
    }

    fn close(&self, encoder: &mut Encoder<'_>) {
        encoder.batch.writer.end(self.nest);
        encoder.batch.close();
    }
}

/// The number of a hook: `NF_INET_*` (linux/netfilter.h), `NF_ARP_*` (linux/netfilter_arp.h).
pub(crate) fn hook_number(family: TableFamily, point: HookPoint) -> u32 {
    match (family, point) {
        (TableFamily::Arp, HookPoint::Input) => 0,
        (TableFamily::Arp, HookPoint::Output) => 1,
        (TableFamily::Arp, HookPoint::Forward) => 2,
        // The kernel refuses what ARP does not have.
        (TableFamily::Arp, HookPoint::Prerouting | HookPoint::Postrouting) => u32::MAX,
        (TableFamily::Inet | TableFamily::Ip | TableFamily::Ip6, point) => point.number(),
    }
}

fn checked<'a>(what: &str, comment: Option<&'a str>) -> Result<Option<&'a str>, CommitError> {
    match comment {
        Some(text) if text.len() >= userdata::COMMENT_BYTES_MAX => {
            Err(unencodable(what.to_owned(), "at most 127 bytes"))
        }
        Some(_) | None => Ok(comment),
    }
}

pub(crate) fn unencodable(what: String, limit: &str) -> CommitError {
    CommitError::Unencodable {
        what,
        limit: limit.to_owned(),
    }
}
