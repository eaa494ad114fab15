//! Boxes over (prefix, service) made disjoint without growing in number more than they must.
//!
//! The kernel refuses overlapping elements of a concatenated interval set. Prefixes are nested or
//! apart, so it is enough to take from a prefix's services what a shorter prefix around it already
//! allows: boxes of nested prefixes then differ in their services, all others in their prefixes.
//! One set holds the result, whatever the depth of the nesting.

use std::collections::BTreeMap;

use super::ranges::RangeSet;
use crate::net::Cidr;

/// One box: a prefix and an inclusive range of services, numbered as the shape needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) prefix: Cidr,
    pub(super) first: u32,
    pub(super) last: u32,
}

/// The union of the boxes as disjoint boxes, without what lies under a `wholly` allowed prefix.
pub(super) fn disjoint(blocks: &[Block], wholly: &[Cidr]) -> Vec<Block> {
    let mut own: BTreeMap<(Vec<u8>, u8), (Cidr, RangeSet)> = BTreeMap::new();
    for block in blocks {
        let (_, ranges) = own
            .entry(order(block.prefix))
            .or_insert((block.prefix, RangeSet::default()));
        ranges.insert(block.first, block.last);
    }
    for &prefix in wholly {
        let (_, ranges) = own
            .entry(order(prefix))
            .or_insert((prefix, RangeSet::default()));
        ranges.insert(0, u32::MAX);
    }
    let mut allowed = Vec::new();
    let mut around: Vec<(Cidr, RangeSet)> = Vec::new();
    for (prefix, ranges) in own.into_values() {
        while around
            .last()
            .is_some_and(|(outer, _)| !outer.contains(prefix.network()))
        {
            around.pop();
        }
        let outer = around
            .last()
            .map(|(_, ranges)| ranges.clone())
            .unwrap_or_default();
        let fresh = ranges.minus(&outer);
        // A wholly allowed prefix casts its shadow on longer ones but is no box itself.
        if !ranges.contains(u32::MAX) {
            allowed.extend(fresh.iter().map(|(first, last)| Block {
                prefix,
                first,
                last,
            }));
        }
        around.push((prefix, outer.union(&ranges)));
    }
    allowed
}

/// The union of prefixes as disjoint inclusive address ranges that do not touch.
pub(super) fn merged(prefixes: &[Cidr]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut bounds: Vec<_> = prefixes.iter().map(Cidr::bounds).collect();
    bounds.sort();
    let mut merged: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (first, last) in bounds {
        match merged.last_mut() {
            Some((_, end)) if after(end).is_none_or(|next| first <= next) => {
                if last > *end {
                    *end = last;
                }
            }
            Some(_) | None => merged.push((first, last)),
        }
    }
    merged
}

/// Prefixes in this order come after every prefix around them.
fn order(prefix: Cidr) -> (Vec<u8>, u8) {
    (prefix.bounds().0, prefix.prefix_len())
}

/// The address after this one; `None` after the last.
fn after(address: &[u8]) -> Option<Vec<u8>> {
    let mut next = address.to_vec();
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(prefix: &str, first: u32, last: u32) -> Block {
        Block {
            prefix: prefix.parse().unwrap(),
            first,
            last,
        }
    }

    fn overlap(a: &Block, b: &Block) -> bool {
        let nested = a.prefix.contains(b.prefix.network()) || b.prefix.contains(a.prefix.network());
        nested && a.first <= b.last && b.first <= a.last
    }

    #[test]
    fn a_nested_prefix_keeps_only_what_is_new() {
        let boxes = [block("10.0.0.0/8", 80, 90), block("10.1.0.0/16", 85, 95)];
        let expected = vec![block("10.0.0.0/8", 80, 90), block("10.1.0.0/16", 91, 95)];
        assert_eq!(disjoint(&boxes, &[]), expected);
        assert_eq!(
            disjoint(&boxes, &["10.1.0.0/16".parse().unwrap()]),
            expected[..1]
        );
        assert_eq!(disjoint(&boxes, &["0.0.0.0/0".parse().unwrap()]), []);
    }

    #[test]
    fn prefixes_that_touch_become_one_range() {
        let prefixes = [
            "10.0.0.0/9",
            "10.128.0.0/9",
            "11.0.0.1/32",
            "10.3.0.0/16",
            "255.0.0.0/8",
        ];
        let merged = merged(&prefixes.map(|text| text.parse().unwrap()));
        assert_eq!(merged.len(), 3);
        assert_eq!(merged[0], (vec![10, 0, 0, 0], vec![10, 255, 255, 255]));
    }

    fn arbitrary_block() -> impl Strategy<Value = Block> {
        (0u32..64, 26u8..=32, 0u32..40, 0u32..20).prop_map(|(host, length, first, more)| {
            let prefix = format!("10.0.0.{host}/{length}").parse().unwrap();
            Block {
                prefix,
                first,
                last: first + more,
            }
        })
    }

    proptest! {
        #[test]
        fn the_boxes_are_disjoint_and_their_union_is_kept(
            boxes in prop::collection::vec(arbitrary_block(), 0..30),
        ) {
            let result = disjoint(&boxes, &[]);
            for (index, a) in result.iter().enumerate() {
                prop_assert!(result[index + 1..].iter().all(|b| !overlap(a, b)), "{result:?}");
            }
            for host in 0..64u8 {
                let address = std::net::IpAddr::from([10, 0, 0, host]);
                let allows = |set: &[Block], service| {
                    set.iter().any(|b| b.prefix.contains(address) && (b.first..=b.last).contains(&service))
                };
                for service in 0..60 {
                    prop_assert_eq!(allows(&boxes, service), allows(&result, service));
                }
            }
        }
    }
}
