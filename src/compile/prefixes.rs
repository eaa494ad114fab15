//! Rules whose peer is a prefix, as far as they concern one lane.

use super::boxes::{self, Block};
use super::by_shape::ByShape;
use super::lane::{Lane, Part};
use super::service::Shape;
use crate::model::Service;
use crate::net::{Cidr, Family};

/// A rule whose peer is a prefix.
pub(super) type PrefixRule = (Cidr, Service);

/// Rules whose peer is a prefix, as far as they concern a lane.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    /// Those that match every packet of the lane.
    pub(super) wholly: Vec<Cidr>,
    /// How many of those name the protocol of the lane.
    pub(super) own: usize,
    /// The others by shape.
    pub(super) blocks: ByShape<Vec<Block>>,
}

/// The same of every lane with packets of its own.
#[derive(Debug, Default)]
pub(super) struct Apart {
    /// Those of [`Lane::Tcp`].
    pub(super) tcp: Prefixes,
    /// Those of [`Lane::Udp`].
    pub(super) udp: Prefixes,
    /// Those of [`Lane::Icmp`].
    pub(super) icmp: Prefixes,
    /// Those of [`Lane::Rest`].
    pub(super) rest: Prefixes,
}

impl Apart {
    /// Those of these rules, which are all of one family: each is looked at once.
    pub(super) fn of(family: Family, rules: &[PrefixRule]) -> Self {
        let mut found = Self::default();
        for rule in rules {
            found.tcp.take(family, Lane::Tcp, rule);
            found.udp.take(family, Lane::Udp, rule);
            found.icmp.take(family, Lane::Icmp, rule);
            found.rest.take(family, Lane::Rest, rule);
        }
        found
    }
}

impl Prefixes {
    /// Those of these rules, which are all of one family.
    pub(super) fn of<'r>(
        family: Family,
        lane: Lane,
        rules: impl IntoIterator<Item = &'r PrefixRule>,
    ) -> Self {
        let mut found = Self::default();
        for rule in rules {
            found.take(family, lane, rule);
        }
        found
    }

    /// Takes in a rule as far as it concerns a lane.
    fn take(&mut self, family: Family, lane: Lane, &(prefix, service): &PrefixRule) {
        match lane.part(family, service) {
            Part::Everything => {
                let own = lane.protocol(family).map(Service::Protocol);
                self.wholly.push(prefix);
                self.own += usize::from(own == Some(service));
            }
            Part::Some((shape, first, last)) => self.blocks.of_mut(shape).push(Block {
                prefix,
                first,
                last,
            }),
            Part::Nothing => {}
        }
    }

    /// Whether sets of those that match every packet of the lane are the same, by name and content.
    pub(super) fn has_same_whole(&self, other: &Self) -> bool {
        let [ours, theirs] = [self, other].map(|prefixes| {
            let mut wholly = prefixes.wholly.clone();
            wholly.sort_unstable();
            (wholly, prefixes.own)
        });
        ours == theirs
    }

    /// Those of a shape in layers of boxes that do not overlap, without what lies in whole prefixes.
    pub(super) fn layers(&self, shape: Shape) -> Vec<Vec<Block>> {
        boxes::layers(self.blocks.of(shape), &self.wholly)
    }

    /// Those of a shape as boxes that do not overlap, without what lies in whole prefixes.
    pub(super) fn apart(&self, shape: Shape) -> Vec<Block> {
        boxes::disjoint(self.blocks.of(shape), &self.wholly, usize::MAX).unwrap_or_default()
    }

    /// Those of the shape that all packets of the lane have, whole prefixes among them, as at most so
    /// many boxes that do not overlap.
    pub(super) fn together(&self, lane: Lane, most: usize) -> Option<Vec<Block>> {
        let (shape, first, last) = lane.everything()?;
        let blocks = self.blocks.of(shape).iter().copied();
        let whole = self.wholly.iter().map(|&prefix| Block {
            prefix,
            first,
            last,
        });
        let all: Vec<Block> = blocks.chain(whole).collect();
        boxes::disjoint(&all, &[], most)
    }
}
