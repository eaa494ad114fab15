//! Rules whose peer is a prefix, as far as they concern one lane.

use super::boxes::{self, Block};
use super::by_shape::ByShape;
use super::lane::{Lane, Part};
use super::service::Shape;
use crate::model::Service;
use crate::net::{Cidr, Family};

/// A rule whose peer is a prefix.
pub(super) type PrefixRule = (Cidr, Service);

/// Rules whose peer is a prefix, as far as they concern a lane, in the order of their prefixes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    /// Those that match every packet of the lane.
    pub(super) wholly: Vec<Cidr>,
    /// How many of those name the protocol of the lane.
    pub(super) own: usize,
    /// The others by shape.
    pub(super) blocks: ByShape<Vec<Block>>,
}

/// The same of every lane that not all packets are in.
#[derive(Debug, Default)]
pub(super) struct ByLane {
    /// Those of [`Lane::Tcp`].
    pub(super) tcp: Prefixes,
    /// Those of [`Lane::Udp`].
    pub(super) udp: Prefixes,
    /// Those of [`Lane::Icmp`].
    pub(super) icmp: Prefixes,
    /// Those of [`Lane::Rest`].
    pub(super) rest: Prefixes,
}

impl ByLane {
    /// Those of these rules, which are in order and all of one family: each is looked at once.
    pub(super) fn of(family: Family, rules: &[PrefixRule]) -> Self {
        let mut found = Self::default();
        for rule in rules {
            match Lane::home(family, rule.1) {
                Some(Lane::Tcp) => found.tcp.take(family, Lane::Tcp, rule),
                Some(Lane::Udp) => found.udp.take(family, Lane::Udp, rule),
                Some(Lane::Icmp) => found.icmp.take(family, Lane::Icmp, rule),
                Some(Lane::Rest) => found.rest.take(family, Lane::Rest, rule),
                Some(Lane::Whole) | None => {
                    found.tcp.take(family, Lane::Tcp, rule);
                    found.udp.take(family, Lane::Udp, rule);
                    found.icmp.take(family, Lane::Icmp, rule);
                    found.rest.take(family, Lane::Rest, rule);
                }
            }
        }
        found
    }
}

impl Prefixes {
    /// Those of these rules, which are in order and all of one family.
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
        self.own == other.own && self.wholly == other.wholly
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
        let mut all = self.blocks.of(shape).clone();
        all.extend(self.wholly.iter().map(|&prefix| Block {
            prefix,
            first,
            last,
        }));
        all.sort_by_key(|block| block.prefix);
        boxes::disjoint(&all, &[], most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{PortRange, Protocol};

    #[test]
    fn a_rule_is_in_each_lane_that_has_a_part_of_it() {
        let of_number = |number| {
            let protocol = Protocol(number);
            let ports = Service::Ports(protocol, PortRange::ALL);
            let messages = [None, Some(3)].map(|code| Service::Icmp(number, code));
            [Service::Protocol(protocol), ports]
                .into_iter()
                .chain(messages)
        };
        let services = (0..=u8::MAX).flat_map(of_number).chain([Service::Any]);
        for family in Family::ALL {
            let rules = services.clone().map(|service| (Cidr::any(family), service));
            let rules: Vec<PrefixRule> = rules.collect();
            let ByLane {
                tcp,
                udp,
                icmp,
                rest,
            } = ByLane::of(family, &rules);
            let lanes = [Lane::Tcp, Lane::Udp, Lane::Icmp, Lane::Rest];
            for (lane, found) in lanes.into_iter().zip([tcp, udp, icmp, rest]) {
                assert_eq!(found, Prefixes::of(family, lane, &rules), "{lane:?}");
            }
        }
    }
}
