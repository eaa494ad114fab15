//! Boxes over (prefix, service) made disjoint without growing in number more than they must.
//!
//! The kernel refuses overlapping elements of a concatenated interval set. Prefixes are nested or
//! apart, so it is enough to take from a prefix's services what a shorter prefix around it already
//! allows: boxes of nested prefixes then differ in their services, all others in their prefixes.
//! One set holds the result, whatever the depth of the nesting, unless there are too many pieces.

use super::ranges::RangeSet;
use crate::net::{Cidr, Octets};

/// One box: a prefix and an inclusive range of services, numbered as the shape needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) prefix: Cidr,
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Pieces that a box may fall into on average before layers are the smaller evil.
pub(super) const PIECES_MAX: usize = 4;

/// The union of the boxes in layers, each of disjoint boxes, without what lies under a `wholly`
/// allowed prefix. Both come in the order of their prefixes.
///
/// There is one layer unless nested prefixes would fall into very many pieces. Then each depth of
/// nesting is a layer: 33 at the most for IPv4, 129 for IPv6.
pub(super) fn layers(blocks: &[Block], wholly: &[Cidr]) -> Vec<Vec<Block>> {
    match disjoint(blocks, wholly, blocks.len().saturating_mul(PIECES_MAX)) {
        Some(boxes) if boxes.is_empty() => vec![],
        Some(boxes) => vec![boxes],
        None => by_depth(blocks),
    }
}

/// The union of the boxes as disjoint boxes in order, without what lies under a `wholly` allowed prefix;
/// `None` where there would be more than `most`. Both come in the order of their prefixes.
pub(super) fn disjoint(blocks: &[Block], wholly: &[Cidr], most: usize) -> Option<Vec<Block>> {
    let mut shadow = Shadow::of(wholly);
    let own = by_prefix(blocks).filter(|(prefix, _)| !shadow.lies_on(prefix));
    let mut own = own.peekable();
    let mut allowed = Vec::new();
    let mut around: Vec<(Cidr, RangeSet)> = Vec::new();
    while let Some((prefix, blocks)) = own.next() {
        leave(&mut around, prefix);
        let (outer, ranges) = (around.last().map(|(_, outer)| outer), union(blocks));
        match outer {
            Some(outer) => allowed.extend(boxes(prefix, &ranges.minus(outer))),
            None => allowed.extend(boxes(prefix, &ranges)),
        }
        if allowed.len() > most {
            return None;
        }
        // Most prefixes are around no other.
        if own.peek().is_some_and(|(next, _)| prefix.covers(next)) {
            let all = outer.map_or_else(|| ranges.clone(), |outer| outer.union(&ranges));
            around.push((prefix, all));
        }
    }
    Some(allowed)
}

/// The boxes by how many others' prefixes lie around theirs.
fn by_depth(blocks: &[Block]) -> Vec<Vec<Block>> {
    let mut layers: Vec<Vec<Block>> = Vec::new();
    let mut around: Vec<(Cidr, RangeSet)> = Vec::new();
    for (prefix, blocks) in by_prefix(blocks) {
        leave(&mut around, prefix);
        if layers.len() == around.len() {
            layers.push(Vec::new());
        }
        layers[around.len()].extend(boxes(prefix, &union(blocks)));
        around.push((prefix, RangeSet::default()));
    }
    layers
}

/// Boxes by prefix, every prefix after those around it.
fn by_prefix(blocks: &[Block]) -> impl Iterator<Item = (Cidr, &[Block])> {
    let of_prefix = blocks.chunk_by(|a, b| a.prefix == b.prefix);
    of_prefix.filter_map(|blocks| Some((blocks.first()?.prefix, blocks)))
}

/// The services of boxes.
fn union(blocks: &[Block]) -> RangeSet {
    let mut union = RangeSet::default();
    for block in blocks {
        union.insert(block.first, block.last);
    }
    union
}

/// Leaves the prefixes that do not lie around this one.
fn leave(around: &mut Vec<(Cidr, RangeSet)>, prefix: Cidr) {
    while around
        .last()
        .is_some_and(|(outer, _)| !outer.contains(prefix.network()))
    {
        around.pop();
    }
}

/// What prefixes in order cover, asked in order.
struct Shadow<'w> {
    coming: &'w [Cidr],
    /// The last that lies in no other.
    outermost: Option<Cidr>,
}

impl<'w> Shadow<'w> {
    fn of(coming: &'w [Cidr]) -> Self {
        Self {
            coming,
            outermost: None,
        }
    }

    /// Whether a prefix lies in one of them; it comes after those that it was asked about before.
    fn lies_on(&mut self, prefix: &Cidr) -> bool {
        while let [next, coming @ ..] = self.coming
            && next <= prefix
        {
            if !self.covers(next) {
                self.outermost = Some(*next);
            }
            self.coming = coming;
        }
        self.covers(prefix)
    }

    fn covers(&self, prefix: &Cidr) -> bool {
        self.outermost
            .is_some_and(|outermost| outermost.covers(prefix))
    }
}

fn boxes(prefix: Cidr, ranges: &RangeSet) -> impl Iterator<Item = Block> {
    ranges.iter().map(move |(first, last)| Block {
        prefix,
        first,
        last,
    })
}

/// The union of prefixes as disjoint inclusive address ranges that do not touch.
pub(super) fn merged(prefixes: &[Cidr]) -> Vec<(Octets, Octets)> {
    let mut sorted = prefixes.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<(Octets, Octets)> = Vec::new();
    for (first, last) in sorted.iter().map(Cidr::bounds) {
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

/// The address after this one; `None` after the last.
fn after(address: &Octets) -> Option<Octets> {
    let mut next = address.clone();
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
    use crate::net::octets;

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
        assert_eq!(layers(&boxes, &[]), std::slice::from_ref(&expected));
        let under = |prefix: &str| layers(&boxes, &[prefix.parse().unwrap()]);
        assert_eq!(under("10.1.0.0/16"), [expected[..1].to_vec()]);
        assert!(under("0.0.0.0/0").is_empty());
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
        let first = ["10.0.0.0", "10.255.255.255"].map(|text| octets(text.parse().unwrap()));
        assert_eq!(merged[0], first.into());
    }

    #[test]
    fn prefixes_that_would_fall_to_pieces_are_layered() {
        let ports = (0..100).map(|n| block("10.0.0.0/8", 2 * n, 2 * n));
        let inner = (0..100).map(|n| block(&format!("10.{n}.0.0/16"), 0, 300));
        let boxes: Vec<Block> = ports.chain(inner).collect();
        let layers = layers(&boxes, &[]);
        assert_eq!(layers.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100]);
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
            mut boxes in prop::collection::vec(arbitrary_block(), 0..30),
            mut whole in prop::collection::vec(arbitrary_block().prop_map(|block| block.prefix), 0..5),
        ) {
            whole.sort();
            boxes.sort_by_key(|block| block.prefix);
            let one = disjoint(&boxes, &[], usize::MAX).unwrap();
            prop_assert!(one.is_sorted());
            let apart = disjoint(&boxes, &whole, usize::MAX).unwrap();
            prop_assert!(apart.is_sorted());
            let is_covered = |b: &&Block| whole.iter().any(|prefix| prefix.covers(&b.prefix));
            let bare: Vec<Block> = boxes.iter().filter(|b| !is_covered(b)).copied().collect();
            prop_assert_eq!(apart, disjoint(&bare, &[], usize::MAX).unwrap());
            let several = by_depth(&boxes);
            for layer in several.iter().chain([&one]) {
                for (index, a) in layer.iter().enumerate() {
                    prop_assert!(layer[index + 1..].iter().all(|b| !overlap(a, b)), "{layer:?}");
                }
            }
            let several: Vec<Block> = several.into_iter().flatten().collect();
            for host in 0..64u8 {
                let address = std::net::IpAddr::from([10, 0, 0, host]);
                let allows = |set: &[Block], service| {
                    set.iter().any(|b| b.prefix.contains(address) && (b.first..=b.last).contains(&service))
                };
                for service in 0..60 {
                    prop_assert_eq!(allows(&boxes, service), allows(&one, service));
                    prop_assert_eq!(allows(&boxes, service), allows(&several, service));
                }
            }
        }
    }
}
