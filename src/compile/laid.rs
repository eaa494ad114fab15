//! The prefixes of a lane laid out as boxes, shape by shape.

use std::collections::BTreeMap;

use super::boxes::Block;
use super::census::{Count, TOGETHER_MAX, Whole};
use super::lane::Lane;
use super::prefixes::Prefixes;
use super::service::Shape;

/// Boxes of each shape in layers, none of which overlaps another of its layer.
#[derive(Debug)]
pub(super) struct Laid {
    /// Where whole prefixes are.
    pub(super) whole: Whole,
    /// The layers; there is one where boxes do not fall into very many pieces.
    pub(super) shapes: BTreeMap<Shape, Vec<Vec<Block>>>,
}

impl Laid {
    /// All prefixes of a lane, of which there are so many.
    pub(super) fn of(count: &Count, lane: Lane, prefixes: &Prefixes) -> Self {
        let together = match count.whole(lane) {
            Whole::Among(shape) => prefixes
                .together(lane, TOGETHER_MAX)
                .map(|boxes| (shape, boxes)),
            Whole::Apart => None,
        };
        let whole = match &together {
            Some((shape, _)) => Whole::Among(*shape),
            None => Whole::Apart,
        };
        let apart = prefixes
            .blocks
            .keys()
            .filter(|shape| whole != Whole::Among(**shape));
        let apart = apart.map(|&shape| (shape, prefixes.layers(shape)));
        let together = together
            .into_iter()
            .map(|(shape, boxes)| (shape, vec![boxes]));
        let shapes = apart.chain(together).collect();
        Self { whole, shapes }
    }

    /// Whether another few rules would be laid out as these were, where counts say the same.
    pub(super) fn is_plain(&self, count: &Count, lane: Lane) -> bool {
        let has_one_layer = self.shapes.values().all(|layers| layers.len() <= 1);
        has_one_layer && self.whole == count.whole(lane)
    }
}

/// A part of the prefixes of a lane as boxes, where others are elsewhere and whole prefixes held so.
pub(super) fn part(whole: Whole, lane: Lane, prefixes: &Prefixes) -> BTreeMap<Shape, Vec<Block>> {
    let apart = prefixes
        .blocks
        .keys()
        .filter(|shape| whole != Whole::Among(**shape));
    let apart = apart.map(|&shape| (shape, prefixes.apart(shape)));
    let together = match whole {
        Whole::Among(shape) => prefixes
            .together(lane, usize::MAX)
            .map(|boxes| (shape, boxes)),
        Whole::Apart => None,
    };
    apart.chain(together).collect()
}
