//! Arithmetic on keys as the kernel compares them: big numbers in network order.

use crate::ruleset::{Bytes, Datatype};

/// A value with its bytes in network order.
pub(crate) fn network_order(datatype: Datatype, bytes: &[u8]) -> Bytes {
    let mut value = Bytes::from_slice(bytes);
    if datatype.is_host_order() && cfg!(target_endian = "little") {
        value.reverse();
    }
    value
}

/// The length in bits of the prefix that a range is, if it is one.
pub(crate) fn prefix_length(first: &[u8], last: &[u8]) -> Option<usize> {
    let length = first
        .iter()
        .zip(last)
        .position(|(a, b)| a != b)
        .map_or(first.len() * 8, |at| {
            at * 8 + usize::try_from((first[at] ^ last[at]).leading_zeros()).unwrap_or(0)
        });
    let mask = mask(length, first.len());
    let is_prefix = first
        .iter()
        .zip(last)
        .zip(&mask)
        .all(|((a, b), m)| a & !m == 0 && b & !m == !m);
    is_prefix.then_some(length)
}

/// `length` one bits, then zeros.
pub(crate) fn mask(length: usize, bytes: usize) -> Bytes {
    (0..bytes)
        .map(|at| match length.saturating_sub(at * 8) {
            0 => 0,
            ones @ 1..8 => !(0xff >> ones),
            _ => 0xff,
        })
        .collect()
}

/// The length of a mask, if it is ones and then zeros.
pub(crate) fn mask_length(bytes: &[u8]) -> Option<usize> {
    let ones: usize = bytes
        .iter()
        .map(|b| usize::try_from(b.count_ones()).unwrap_or(0))
        .sum();
    (mask(ones, bytes.len()).as_slice() == bytes).then_some(ones)
}

/// Bytes at the start that two values share.
pub(crate) fn common_bytes(first: &[u8], last: &[u8]) -> usize {
    first.iter().zip(last).take_while(|(a, b)| a == b).count()
}

/// The value after this one; `None` after the last.
pub(crate) fn successor(value: &[u8]) -> Option<Bytes> {
    let mut next = Bytes::from_slice(value);
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}

/// The value before this one; `None` before zero.
pub(crate) fn predecessor(value: &[u8]) -> Option<Bytes> {
    let mut previous = Bytes::from_slice(value);
    for byte in previous.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != 0xff {
            return Some(previous);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{mask, mask_length, predecessor, prefix_length, successor};

    #[test]
    fn prefixes_are_recognised() {
        assert_eq!(prefix_length(&[10, 0, 0, 0], &[10, 255, 255, 255]), Some(8));
        assert_eq!(
            prefix_length(&[10, 128, 0, 0], &[10, 255, 255, 255]),
            Some(9)
        );
        assert_eq!(prefix_length(&[0, 0], &[255, 255]), Some(0));
        assert_eq!(prefix_length(&[1, 0], &[1, 2]), None);
        assert_eq!(prefix_length(&[0x7f, 0xff], &[0x80, 0]), None);
    }

    #[test]
    fn masks_are_ones_then_zeros() {
        for length in 0..=32 {
            assert_eq!(mask_length(&mask(length, 4)), Some(length));
        }
        assert_eq!(mask_length(&[0, 0xff]), None);
    }

    #[test]
    fn values_have_neighbours() {
        assert_eq!(successor(&[1, 0xff]).as_deref(), Some(&[2, 0][..]));
        assert_eq!(predecessor(&[2, 0]).as_deref(), Some(&[1, 0xff][..]));
        assert_eq!(successor(&[0xff, 0xff]), None);
        assert_eq!(predecessor(&[0, 0]), None);
    }
}
