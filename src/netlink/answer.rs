//! What the kernel says of a message: done, or why not.

use super::attribute::Reader;
use super::message::{HEADER_BYTES, Message};

/// `NLM_F_ACK_TLVS` and `NLMSGERR_ATTR_*` (linux/netlink.h).
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;
/// Bytes of a `struct nlmsgerr` (linux/netlink.h): the error and the header of the message.
const ERROR_BYTES: usize = 4 + HEADER_BYTES;
/// An answer of the kernel: 0 is an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) sequence: u32,
    pub(crate) errno: i32,
    /// Which byte of the message it is about.
    pub(crate) offset: Option<usize>,
    pub(crate) text: Option<String>,
}

impl Answer {
    /// Reads an `NLMSG_ERROR`.
    pub(crate) fn read(message: &Message<'_>) -> Option<Self> {
        let error = i32::from_ne_bytes(message.body.get(..4)?.try_into().ok()?);
        let extended = message.flags & NLM_F_ACK_TLVS != 0;
        let attributes = message.body.get(ERROR_BYTES..).filter(|_| extended);
        let attributes = Reader(attributes.unwrap_or_default());
        let offset = attributes.find(NLMSGERR_ATTR_OFFS);
        let offset = offset.and_then(|bytes| Some(u32::from_ne_bytes(bytes.try_into().ok()?)));
        Some(Self {
            sequence: message.sequence,
            errno: error.saturating_neg(),
            offset: offset.and_then(|offset| usize::try_from(offset).ok()),
            text: attributes.text(NLMSGERR_ATTR_MSG).map(str::to_owned),
        })
    }
}
