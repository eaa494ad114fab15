//! The prefixes of a lane laid out as boxes, shape by shape.

use super::boxes::Block;
use super::by_shape::ByShape;
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
    pub(super) shapes: ByShape<Vec<Vec<Block>>>,
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
        let mut shapes = ByShape::default();
        for shape in apart(prefixes, whole) {
            *shapes.of_mut(shape) = prefixes.layers(shape);
        }
        if let Some((shape, boxes)) = together {
            *shapes.of_mut(shape) = vec![boxes];
        }
        Self { whole, shapes }
    }

    /// Whether another few rules would be laid out as these were, where counts say the same.
    pub(super) fn is_plain(&self, count: &Count, lane: Lane) -> bool {
        let has_one_layer = self.shapes.iter().all(|(_, layers)| layers.len() <= 1);
        has_one_layer && self.whole == count.whole(lane)
    }
}

/// A part of the prefixes of a lane, counted and as boxes, where all of them are counted and held so.
pub(super) fn part(all: &Count, lane: Lane, prefixes: &Prefixes) -> (Count, ByShape<Vec<Block>>) {
    let whole = all.whole(lane);
    let mut count = Count::of(prefixes);
    let mut shapes = ByShape::default();
    for shape in apart(prefixes, whole) {
        *shapes.of_mut(shape) = prefixes.apart(shape);
    }
    if let Whole::Among(shape) = all.whole_by_rules(lane)
        && let Some(boxes) = prefixes.together(lane, usize::MAX)
    {
        count.note_together(&boxes);
        if whole == Whole::Among(shape) {
            *shapes.of_mut(shape) = boxes;
        }
    }
    for (shape, boxes) in shapes.iter() {
        count.note(shape, boxes);
    }
    (count, shapes)
}

/// The shapes of those that are not among whole prefixes.
fn apart(prefixes: &Prefixes, whole: Whole) -> impl Iterator<Item = Shape> {
    let of_shapes = prefixes
        .blocks
        .iter()
        .filter(|(_, blocks)| !blocks.is_empty());
    let shapes = of_shapes.map(|(shape, _)| shape);
    shapes.filter(move |shape| whole != Whole::Among(*shape))
}
