//! Netlink messages of nf_tables and the batch that makes a transaction of them.

use crate::netlink::attribute::Writer;
use crate::netlink::message::{NLM_F_ACK, NLM_F_REQUEST, header};

/// Bytes of a `struct nfgenmsg` (linux/netfilter/nfnetlink.h).
pub(crate) const FAMILY_BYTES: usize = 4;

/// Message types outside subsystems (linux/netfilter/nfnetlink.h).
const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES` (linux/netfilter/nfnetlink.h).
const NFNL_SUBSYS_NFTABLES: u16 = 10;

/// `NFNL_BATCH_GENID` (linux/netfilter/nfnetlink.h): the generation that the batch is meant for.
const NFNL_BATCH_GENID: u16 = 1;
/// Where its value stands: behind the header of the message, of the family and of the attribute.
const GENERATION_AT: usize = 16 + FAMILY_BYTES + 4;

/// `enum nf_tables_msg_types` (linux/netfilter/nf_tables.h), as far as Margay speaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum MessageType {
    NewTable = 0,
    GetTable = 1,
    DeleteTable = 2,
    NewChain = 3,
    GetChain = 4,
    DeleteChain = 5,
    NewRule = 6,
    GetRule = 7,
    DeleteRule = 8,
    NewSet = 9,
    GetSet = 10,
    DeleteSet = 11,
    NewElement = 12,
    GetElement = 13,
    DeleteElement = 14,
    GetGeneration = 16,
    NewObject = 18,
    GetObject = 19,
    DeleteObject = 20,
}

impl MessageType {
    fn number(self) -> u16 {
        (NFNL_SUBSYS_NFTABLES << 8) | self as u16
    }

    /// The type of the messages that answer a question: the kernel numbers it just before.
    pub(crate) fn answer(self) -> u16 {
        self.number() - 1
    }
}

/// Where a part of a batch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// The sequence number of the message.
    pub(crate) sequence: u32,
    /// Which operation of the transaction made it.
    pub(crate) operation: usize,
    /// Which element of the operation is the message's first.
    pub(crate) first_element: usize,
    /// Where the message begins in the batch.
    pub(crate) start: usize,
}

/// What most transactions of one change fit into.
const ROOM_BYTES: usize = 1_024;

/// One transaction in the making: messages between a begin and an end.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The bytes so far.
    pub(crate) writer: Writer,
    /// Which operation each message came from, by sequence.
    pub(crate) sources: Vec<Source>,
    family: u8,
    sequence: u32,
    start: usize,
}

impl Batch {
    /// An open batch for tables of a family.
    pub(crate) fn begin(family: u8) -> Self {
        let mut batch = Self {
            writer: Writer::with_room(ROOM_BYTES),
            sources: Vec::new(),
            family,
            sequence: 0,
            start: 0,
        };
        batch.frame(NFNL_MSG_BATCH_BEGIN);
        batch.writer.number(NFNL_BATCH_GENID, 0);
        batch.close();
        batch
    }

    /// Opens a message of an operation, from one of its elements on.
    pub(crate) fn open(
        &mut self,
        kind: MessageType,
        flags: u16,
        operation: usize,
        first_element: usize,
    ) {
        self.sequence += 1;
        self.start = self.writer.bytes.len();
        let flags = flags | NLM_F_REQUEST;
        header(&mut self.writer.bytes, kind.number(), flags, self.sequence);
        self.writer.bytes.extend_from_slice(&[self.family, 0, 0, 0]);
        self.sources.push(Source {
            sequence: self.sequence,
            operation,
            first_element,
            start: self.start,
        });
    }

    /// Bytes of the open message.
    pub(crate) fn open_bytes(&self) -> usize {
        self.writer.bytes.len() - self.start
    }

    /// Closes the open message.
    pub(crate) fn close(&mut self) {
        // A message is bounded by its attributes, far below four gigabytes.
        let length = u32::try_from(self.open_bytes()).unwrap_or(u32::MAX);
        let at = self.start..self.start + 4;
        self.writer.bytes[at].copy_from_slice(&length.to_ne_bytes());
    }

    /// Asks for an acknowledgement of the last message alone, and ends the batch.
    pub(crate) fn end(&mut self) {
        let at = self.start + 6..self.start + 8;
        if let Some(flags) = self.writer.bytes.get_mut(at).filter(|_| self.sequence > 0) {
            let value = u16::from_ne_bytes([flags[0], flags[1]]) | NLM_F_ACK;
            flags.copy_from_slice(&value.to_ne_bytes());
        }
        self.sequence += 1;
        self.frame(NFNL_MSG_BATCH_END);
    }

    /// Sequence of the last message between begin and end.
    pub(crate) fn last_sequence(&self) -> u32 {
        self.sources.last().map_or(0, |source| source.sequence)
    }

    fn frame(&mut self, kind: u16) {
        self.start = self.writer.bytes.len();
        let bytes = &mut self.writer.bytes;
        header(bytes, kind, NLM_F_REQUEST, self.sequence);
        // The subsystem stands in res_id, in network order.
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&NFNL_SUBSYS_NFTABLES.to_be_bytes());
        self.close();
    }
}

/// Makes a finished batch fail with `ERESTART` unless the ruleset is of this generation; 0 is any.
pub(crate) fn expect_generation(batch: &mut [u8], generation: u32) {
    if let Some(value) = batch.get_mut(GENERATION_AT..GENERATION_AT + 4) {
        value.copy_from_slice(&generation.to_be_bytes());
    }
}

/// One request outside a batch: a dump or a single answer.
pub(crate) fn request(
    kind: MessageType,
    flags: u16,
    family: u8,
    sequence: u32,
    attributes: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    let mut writer = Writer::default();
    header(
        &mut writer.bytes,
        kind.number(),
        flags | NLM_F_REQUEST,
        sequence,
    );
    writer.bytes.extend_from_slice(&[family, 0, 0, 0]);
    attributes(&mut writer);
    let length = u32::try_from(writer.bytes.len()).unwrap_or(u32::MAX);
    writer.bytes[..4].copy_from_slice(&length.to_ne_bytes());
    writer.bytes
}
