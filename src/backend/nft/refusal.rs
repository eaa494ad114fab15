//! The kernel's errors, told in terms of the operations that caused them.

use std::io;

use super::element::{NFT_SET_ELEM_INTERVAL_END, NFTA_SET_ELEM_FLAGS};
use super::encode::{Encoded, NFTA_SET_ELEM_LIST_ELEMENTS};
use super::message::{FAMILY_BYTES, Source};
use crate::backend::{CommitError, Culprit};
use crate::netlink::answer::Answer;
use crate::netlink::attribute::Reader;
use crate::netlink::message::HEADER_BYTES;
use crate::ruleset::transaction::{Operation, Phase};

/// `ERESTART` of the kernel (include/linux/errno.h), which it lets out here.
pub(crate) const ERESTART: i32 = 85;

/// What the errors of a batch mean. `errors` is not empty.
pub(crate) fn explain(
    phase: Phase,
    encoded: &Encoded,
    operations: &[Operation],
    errors: &[Answer],
) -> CommitError {
    if errors.iter().any(|error| error.errno == ERESTART) {
        return CommitError::Contended;
    }
    let source = errors
        .first()
        .and_then(|first| Some((first, culprit(encoded, operations, first)?)));
    let Some((first, culprit)) = source else {
        // An error of the batch as a whole has no operation: no permission, no memory.
        let errno = errors.first().map_or(libc::EIO, |first| first.errno);
        return CommitError::Unreachable(io::Error::from_raw_os_error(errno));
    };
    let others = match errors.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more error".to_owned(),
        more => format!(", and {more} more errors"),
    };
    CommitError::Refused {
        phase,
        operation: culprit.operation.to_string(),
        errno: first.errno,
        reason: format!("{}{others}", reason(first, &culprit.operation)),
        culprit: Box::new(culprit),
    }
}

/// The error number in words, with the kernel's own text.
fn reason(answer: &Answer, operation: &Operation) -> String {
    let words = io::Error::from_raw_os_error(answer.errno).to_string();
    let words = match (operation, answer.errno) {
        // `nft_add_set_elem` (net/netfilter/nf_tables_api.c) has this number for it, whose own
        // words speak of files.
        (Operation::AddElements(..), libc::ENFILE) => "the set is full",
        _ => words.split(" (os error").next().unwrap_or_default(),
    };
    match &answer.text {
        Some(text) => format!("{words}: {text}"),
        None => words.to_owned(),
    }
}

/// The operation that an answer is about.
pub(crate) fn culprit(
    encoded: &Encoded,
    operations: &[Operation],
    answer: &Answer,
) -> Option<Culprit> {
    let at = encoded
        .sources
        .binary_search_by_key(&answer.sequence, |source| source.sequence)
        .ok()?;
    let source = encoded.sources[at];
    let operation = operations.get(source.operation)?.clone();
    let has_elements = matches!(
        operation,
        Operation::AddElements(..) | Operation::DeleteElements(..)
    );
    let offset = answer.offset.filter(|_| has_elements);
    let element = offset.and_then(|offset| element_at(encoded, source, offset));
    Some(Culprit { operation, element })
}

/// The element that stands at an offset of a message. An end of a range belongs to its start.
fn element_at(encoded: &Encoded, source: Source, offset: usize) -> Option<usize> {
    let message = encoded.bytes.get(source.start..)?;
    let length = u32::from_ne_bytes(message.get(..4)?.try_into().ok()?);
    let message = message.get(..usize::try_from(length).ok()?)?;
    let attributes = Reader(message.get(HEADER_BYTES + FAMILY_BYTES..)?);
    let list = attributes.find(NFTA_SET_ELEM_LIST_ELEMENTS)?;
    let mut at = message.len() - list.len();
    if offset < at {
        // About the set, not about any of its elements.
        return None;
    }
    let mut starts: usize = 0;
    for (_, element) in Reader(list) {
        if at > offset {
            break;
        }
        let flags = Reader(element).number(NFTA_SET_ELEM_FLAGS).unwrap_or(0);
        starts += usize::from(flags & NFT_SET_ELEM_INTERVAL_END == 0);
        at += (element.len() + 4).next_multiple_of(4);
    }
    Some(source.first_element + starts.saturating_sub(1))
}
