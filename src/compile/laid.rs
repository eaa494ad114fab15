//! The prefixes of a lane laid out as boxes, shape by shape.

use std::collections::BTreeMap;

use super::boxes::Block;
use super::census::{Count, Whole};
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
    /// All prefixes of a lane, whose rules are counted; also counts what they come to together.
    pub(super) fn of(count: &mut Count, lane: Lane, prefixes: &Prefixes) -> Self {
        let together = match count.whole_by_rules(lane) {
            Whole::Among(_) => prefixes.together(lane, count.most_together(lane)),
            Whole::Apart => None,
        };
        count.note_together(together.as_deref().unwrap_or_default());
        let together = match (count.whole(lane), together) {
            (Whole::Among(shape), Some(boxes)) => Some((shape, boxes)),
            (Whole::Among(_), None) | (Whole::Apart, _) => None,
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

/// A part of the prefixes of a lane, counted and as boxes, where all of them are counted and held so.
pub(super) fn part(
    all: &Count,
    lane: Lane,
    prefixes: &Prefixes,
) -> (Count, BTreeMap<Shape, Vec<Block>>) {
    let whole = all.whole(lane);
    let mut count = Count::of(prefixes);
    let apart = prefixes
        .blocks
        .keys()
        .filter(|shape| whole != Whole::Among(**shape));
    let mut shapes: BTreeMap<_, _> = apart.map(|&shape| (shape, prefixes.apart(shape))).collect();
    if let Whole::Among(shape) = all.whole_by_rules(lane)
        && let Some(boxes) = prefixes.together(lane, usize::MAX)
    {
        count.note_together(&boxes);
        if whole == Whole::Among(shape) {
            shapes.insert(shape, boxes);
        }
    }
    for (&shape, boxes) in &shapes {
        count.note(shape, boxes);
    }
    (count, shapes)
}
