//! Matches of header fields, which nft joins where the fields are neighbours.

use super::dependency::ether_type;
use super::field::Location;
use super::instruction::{Base, Comparison, Instruction, NFT_REG_1};
use crate::net::Family;
use crate::ruleset::Bytes;

/// `NFT_REG_SIZE` (linux/netfilter/nf_tables.h): what one comparison can take.
const NFT_REG_SIZE: u32 = 16;

/// A part of a rule in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// An instruction that stays as it is.
    Plain(Instruction),
    /// A comparison of header bytes with one value.
    Field(FieldTest),
}

/// A comparison of header bytes with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldTest {
    base: Base,
    offset: u32,
    comparison: Comparison,
    value: Bytes,
    origin: Origin,
}

/// Who asked for a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The rule's text.
    Text,
    /// The protocol of a header above.
    Dependency,
}

impl Piece {
    /// A match of a header field.
    pub(crate) fn field(place: Location, comparison: Comparison, value: &[u8]) -> Self {
        Self::Field(FieldTest {
            base: place.base,
            offset: place.offset,
            comparison,
            value: Bytes::from_slice(value),
            origin: Origin::Text,
        })
    }

    /// `ether type ip` or `ether type ip6`.
    pub(crate) fn ether_type(family: Family) -> Self {
        let (base, offset, value) = ether_type(family);
        Self::Field(FieldTest {
            base,
            offset,
            comparison: Comparison::Eq,
            value: Bytes::from_slice(&value),
            origin: Origin::Dependency,
        })
    }
}

impl FieldTest {
    fn length(&self) -> u32 {
        u32::try_from(self.value.len()).unwrap_or(u32::MAX)
    }

    /// Whether the next field is joined to this one. nft 1.0.6 joins two `!=` as well, which then match
    /// a packet that differs in one of the fields alone: that is not what the rule says.
    fn continues_into(&self, next: &Self) -> bool {
        self.base == next.base
            && self.comparison == Comparison::Eq
            && self.offset + self.length() == next.offset
            && self.comparison == next.comparison
            && self.length() + next.length() <= NFT_REG_SIZE
    }

    fn instructions(self) -> [Instruction; 2] {
        let (register, length) = (NFT_REG_1, self.length());
        [
            Instruction::Payload {
                register,
                base: self.base,
                offset: self.offset,
                length,
            },
            Instruction::Compare {
                register,
                comparison: self.comparison,
                value: self.value,
            },
        ]
    }
}

/// Joins neighbouring fields and gives the rule's instructions.
///
/// The joined match stands where the one of the lower offset stood, except that a dependency stays
/// where it is and takes the others in.
pub(crate) fn merge(pieces: Vec<Piece>) -> Vec<Instruction> {
    let mut slots: Vec<Option<Piece>> = pieces.into_iter().map(Some).collect();
    let mut order: Vec<(u32, u32, usize)> = slots
        .iter()
        .enumerate()
        .filter_map(|(at, piece)| match piece {
            // nft leaves the network header alone.
            Some(Piece::Field(test)) if test.base != Base::Network => {
                Some((test.base as u32, test.offset, at))
            }
            Some(Piece::Field(_) | Piece::Plain(_)) | None => None,
        })
        .collect();
    order.sort_unstable();
    let mut places = order.into_iter().map(|(.., at)| at);
    if let Some(mut last) = places.next() {
        for this in places {
            last = join(&mut slots, last, this).unwrap_or(this);
        }
    }
    let mut instructions = Vec::with_capacity(2 * slots.len());
    for piece in slots.into_iter().flatten() {
        match piece {
            Piece::Plain(instruction) => instructions.push(instruction),
            Piece::Field(test) => instructions.extend(test.instructions()),
        }
    }
    instructions
}

/// Joins two fields if they are neighbours, and says where the result stands.
fn join(slots: &mut [Option<Piece>], last: usize, this: usize) -> Option<usize> {
    let (Some(Piece::Field(low)), Some(Piece::Field(high))) = (&slots[last], &slots[this]) else {
        return None;
    };
    if !low.continues_into(high) {
        return None;
    }
    let mut joined = low.clone();
    joined.value.extend_from_slice(&high.value);
    let (stays, goes) = match high.origin {
        Origin::Text => (last, this),
        Origin::Dependency => (this, last),
    };
    joined.origin = high.origin;
    slots[goes] = None;
    slots[stays] = Some(Piece::Field(joined));
    Some(stays)
}
