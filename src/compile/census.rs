//! A census: how many rules, boxes and keys of which kind there are. Which sets hold them follows from
//! these numbers alone, so where a few rules more or less leave that as it is, only keys come and go.

use super::boxes::{Block, PIECES_MAX};
use super::by_shape::ByShape;
use super::lane::Lane;
use super::prefixes::Prefixes;
use super::run::{self, Kinds};
use super::service::{Field, Fields, Shape};
use crate::net::Cidr;

/// Up to so many boxes one concatenated interval set holds boxes of every kind. A lookup there costs
/// 36 ns more for 1,000 more boxes (Linux 6.18, AVX2); a second set costs 100 to 450 ns more.
pub(super) const TOGETHER_MAX: usize = 8_192;

/// What a family has of rules that are one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Rules whose peer is a prefix.
    pub(super) kinds: Kinds,
    /// Selections, and rules that share no set.
    pub(super) others: usize,
    /// The lanes of which it is known. It is not where boxes fell into too many pieces.
    lanes: Vec<(Lane, Count)>,
}

/// What a lane has of rules whose peer is a prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Rules that match every packet of the lane.
    wholly: usize,
    /// Those of them whose prefix is more than one address.
    wide: usize,
    /// The other rules.
    shapes: ByShape<OfShape>,
    /// Boxes that do not overlap, of the shape that all packets have and of whole prefixes among them, where
    /// the rules are few enough for that.
    together: usize,
}

/// How many of one shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OfShape {
    /// Rules.
    rules: usize,
    /// Those of them that no hash set can hold.
    inexact: usize,
    /// Boxes that do not overlap.
    boxes: usize,
    /// Keys of one value.
    exact: usize,
    /// Keys that are ranges.
    ranges: usize,
}

/// How a lane holds whole prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// In sets of their own.
    Apart,
    /// Among the boxes of this shape.
    Among(Shape),
}

/// How a shape's keys of one value are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exact {
    /// In a hash set of their own.
    Apart,
    /// Among those that are ranges.
    Among,
}

impl Exact {
    /// How so many keys are held.
    pub(super) fn of(exact: usize, ranges: usize) -> Self {
        match ranges > 0 && exact + ranges <= TOGETHER_MAX {
            true => Self::Among,
            false => Self::Apart,
        }
    }
}

impl Census {
    /// The count of a lane, where it is known.
    pub(super) fn lane(&self, lane: Lane) -> Option<&Count> {
        let mut lanes = self.lanes.iter();
        lanes.find_map(|(of, count)| (*of == lane).then_some(count))
    }

    /// Takes in the count of a lane.
    pub(super) fn put_lane(&mut self, lane: Lane, count: Count) {
        match self.lanes.iter_mut().find(|(of, _)| *of == lane) {
            Some((_, held)) => *held = count,
            None => self.lanes.push((lane, count)),
        }
    }

    /// The lanes that it is worth.
    pub(super) fn worth(&self) -> &'static [Lane] {
        self.worth_with(&self.kinds)
    }

    /// The lanes that it would be worth with these rules of prefixes.
    pub(super) fn worth_with(&self, kinds: &Kinds) -> &'static [Lane] {
        run::lanes(kinds.len() + self.others)
    }
}

impl Count {
    /// Counts rules alone.
    pub(super) fn of(prefixes: &Prefixes) -> Self {
        let is_wide = |prefix: &&Cidr| !prefix.is_host();
        let mut shapes: ByShape<OfShape> = ByShape::default();
        for (shape, blocks) in prefixes.blocks.iter() {
            let inexact = blocks.iter().filter(|block| !is_exact(shape, block));
            let of_shape = shapes.of_mut(shape);
            of_shape.rules = blocks.len();
            of_shape.inexact = inexact.count();
        }
        Self {
            wholly: prefixes.wholly.len(),
            wide: prefixes.wholly.iter().filter(is_wide).count(),
            shapes,
            together: 0,
        }
    }

    /// Counts the boxes that whole prefixes and others became together.
    pub(super) fn note_together(&mut self, boxes: &[Block]) {
        self.together += boxes.len();
    }

    /// Counts the boxes that a shape became.
    pub(super) fn note(&mut self, shape: Shape, boxes: &[Block]) {
        let of_shape = self.shapes.of_mut(shape);
        of_shape.boxes += boxes.len();
        for block in boxes {
            let (exact, ranges) = keys(shape, block);
            of_shape.exact += exact;
            of_shape.ranges += ranges;
        }
    }

    /// How whole prefixes are held.
    pub(super) fn whole(&self, lane: Lane) -> Whole {
        match self.together <= TOGETHER_MAX {
            true => self.whole_by_rules(lane),
            false => Whole::Apart,
        }
    }

    /// Whether whole prefixes should be among the boxes of the shape that all packets of the lane have, unless
    /// those are too many; not where two hash sets hold all there is, which together cost less than ranges.
    pub(super) fn whole_by_rules(&self, lane: Lane) -> Whole {
        let Some((shape, ..)) = lane.everything() else {
            return Whole::Apart;
        };
        let of_shape = self.shapes.of(shape);
        let needs_range = self.wide > 0 || of_shape.inexact > 0;
        let is_worth_it = needs_range && of_shape.rules > 0 && self.wholly > 0;
        match is_worth_it && self.wholly + of_shape.rules <= TOGETHER_MAX {
            true => Whole::Among(shape),
            false => Whole::Apart,
        }
    }

    /// How a shape holds its keys of one value.
    pub(super) fn exact(&self, shape: Shape) -> Exact {
        let of_shape = self.shapes.of(shape);
        Exact::of(of_shape.exact, of_shape.ranges)
    }

    /// The count where one part of what was counted became another.
    pub(super) fn with(&self, old: &Self, new: &Self) -> Self {
        let mut shapes = self.shapes;
        for (shape, new) in new.shapes.iter() {
            let of_shape = shapes.of_mut(shape);
            *of_shape = of_shape.plus(new).minus(old.shapes.of(shape));
        }
        Self {
            wholly: self.wholly + new.wholly - old.wholly,
            wide: self.wide + new.wide - old.wide,
            shapes,
            together: self.together + new.together - old.together,
        }
    }

    /// Whether the boxes of the rules did not fall into very many pieces.
    pub(super) fn is_within_bounds(&self, lane: Lane) -> bool {
        let whole = self.whole(lane);
        let shapes = self.shapes.iter();
        let mut apart = shapes.filter(|(shape, _)| whole != Whole::Among(*shape));
        let few =
            apart.all(|(_, of_shape)| of_shape.boxes <= of_shape.rules.saturating_mul(PIECES_MAX));
        few && self.together <= self.most_together(lane)
    }

    /// Beyond so many boxes of whole prefixes and others together they fell into too many pieces.
    pub(super) fn most_together(&self, lane: Lane) -> usize {
        let rules = match self.whole_by_rules(lane) {
            Whole::Among(shape) => self.shapes.of(shape).rules,
            Whole::Apart => 0,
        };
        let pieces = (self.wholly + rules).saturating_mul(PIECES_MAX);
        pieces.max(TOGETHER_MAX)
    }
}

/// Whether the keys of a box are points, which a hash set holds.
fn is_exact(shape: Shape, block: &Block) -> bool {
    let (_, ranges) = keys(shape, block);
    ranges == 0
}

/// How many keys of a box are points, and how many are not.
fn keys(shape: Shape, block: &Block) -> (usize, usize) {
    let is_host = block.prefix.is_host();
    if block.first == block.last {
        return (usize::from(is_host), usize::from(!is_host));
    }
    match shape {
        Shape::Protocol | Shape::Port | Shape::Tcp | Shape::Udp => (0, 1),
        // Several types and codes may be several boxes.
        Shape::Icmp => {
            let all = shape.fields(block.first, block.last);
            let is_point = |fields: &&Fields| is_host && fields.iter().all(Field::is_point);
            let exact = all.iter().filter(is_point).count();
            (exact, all.len() - exact)
        }
    }
}

impl OfShape {
    fn plus(self, other: &Self) -> Self {
        Self {
            rules: self.rules + other.rules,
            inexact: self.inexact + other.inexact,
            boxes: self.boxes + other.boxes,
            exact: self.exact + other.exact,
            ranges: self.ranges + other.ranges,
        }
    }

    fn minus(self, other: &Self) -> Self {
        Self {
            rules: self.rules - other.rules,
            inexact: self.inexact - other.inexact,
            boxes: self.boxes - other.boxes,
            exact: self.exact - other.exact,
            ranges: self.ranges - other.ranges,
        }
    }
}
