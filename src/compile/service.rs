//! Services as numbers, one numbering a shape, so that protocols, ports and ICMP messages become ranges.

use smallvec::{SmallVec, smallvec};

use super::lane::Lane;
use crate::model::Service;
use crate::net::{Family, PortRange, Protocol};
use crate::ruleset::{Datatype, Expression, Key, MetaKey, PayloadField};

/// How a rule constrains the transport, beside its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// Protocols without ports: the number is the protocol.
    Protocol,
    /// Destination ports: the number is protocol * 65536 + port.
    Port,
    /// ICMP messages of the family: the number is type * 256 + code.
    Icmp,
    /// [`Self::Port`] where packets are known to be TCP: the number is the same, the key the port alone.
    Tcp,
    /// [`Self::Tcp`] for UDP.
    Udp,
}

impl Shape {
    /// Every shape.
    pub(super) const ALL: [Self; 5] =
        [Self::Protocol, Self::Port, Self::Icmp, Self::Tcp, Self::Udp];

    /// The word that stands in the names of its sets.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Protocol => "proto",
            Self::Port => "port",
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// [`Self::word`] for exact ones that have a set of their own.
    pub(super) fn exact_word(self) -> &'static str {
        match self {
            Self::Protocol => "proto-exact",
            Self::Port => "port-exact",
            Self::Icmp => "icmp-exact",
            Self::Tcp => "tcp-exact",
            Self::Udp => "udp-exact",
        }
    }

    /// The words that stand in the names of its verdict maps, of those of exact boxes alone, and of those
    /// for packets that it cannot be read of.
    pub(super) fn verdict_words(self) -> [&'static str; 3] {
        match self {
            Self::Protocol => ["proto-verdict", "proto-exact-verdict", "proto-cut-verdict"],
            Self::Port => ["port-verdict", "port-exact-verdict", "port-cut-verdict"],
            Self::Icmp => ["icmp-verdict", "icmp-exact-verdict", "icmp-cut-verdict"],
            Self::Tcp => ["tcp-verdict", "tcp-exact-verdict", "tcp-cut-verdict"],
            Self::Udp => ["udp-verdict", "udp-exact-verdict", "udp-cut-verdict"],
        }
    }

    /// Whether it is looked up in the transport header, which a packet may lack: a protocol is not.
    pub(super) fn is_read_from_header(self) -> bool {
        match self {
            Self::Port | Self::Icmp | Self::Tcp | Self::Udp => true,
            Self::Protocol => false,
        }
    }

    /// Whether it comes before the address in keys. Protocols do, ports and messages do not: a packet leaves a
    /// set of boxes at the first field that fits none of them, and that is where the fewest fit.
    pub(super) fn is_before_address(self) -> bool {
        match self {
            Self::Protocol => true,
            Self::Port | Self::Icmp | Self::Tcp | Self::Udp => false,
        }
    }

    /// The lane that the packets of a service are in.
    pub(super) fn lane(self, number: u32) -> Lane {
        match self {
            Self::Tcp => Lane::Tcp,
            Self::Udp => Lane::Udp,
            Self::Port if number >> 16 == u32::from(Protocol::TCP.0) => Lane::Tcp,
            Self::Port if number >> 16 == u32::from(Protocol::UDP.0) => Lane::Udp,
            Self::Icmp => Lane::Icmp,
            Self::Port | Self::Protocol => Lane::Rest,
        }
    }

    /// What is looked up: `meta l4proto . th dport`, `icmp type . icmp code` or `meta l4proto`.
    pub(super) fn expressions(self, family: Family) -> Vec<Expression> {
        let l4proto = Expression::Meta(MetaKey::L4proto);
        match (self, family) {
            (Self::Protocol, _) => vec![l4proto],
            (Self::Port, _) => vec![l4proto, Expression::Payload(PayloadField::ThDport)],
            (Self::Tcp | Self::Udp, _) => payload(&[PayloadField::ThDport]),
            (Self::Icmp, Family::V4) => payload(&[PayloadField::IcmpType, PayloadField::IcmpCode]),
            (Self::Icmp, Family::V6) => {
                payload(&[PayloadField::Icmpv6Type, PayloadField::Icmpv6Code])
            }
        }
    }

    /// The types of the expressions.
    pub(super) fn types(self, family: Family) -> Vec<Datatype> {
        self.expressions(family)
            .into_iter()
            .map(Expression::datatype)
            .collect()
    }

    /// A range of numbers as fields, each with its first and last value. A range that is no box, such
    /// as ICMP 3/5 to 7/2, becomes several.
    pub(super) fn fields(self, first: u32, last: u32) -> SmallVec<[Fields; 1]> {
        match self {
            Self::Protocol => smallvec![smallvec![Field::byte(first, last)]],
            Self::Port => smallvec![smallvec![
                Field::byte(first >> 16, first >> 16),
                Field::word(first, last),
            ]],
            Self::Tcp | Self::Udp => smallvec![smallvec![Field::word(first, last)]],
            Self::Icmp => icmp_boxes(first, last)
                .into_iter()
                .map(|(types, codes)| {
                    let field = |(first, last)| Field::byte(first, last);
                    smallvec![field(types), field(codes)]
                })
                .collect(),
        }
    }
}

/// Fields of a key that say a service: what one box is. They need no allocation.
pub(super) type Fields = SmallVec<[Field; 2]>;

/// One of them: its first and its last value in network order, of one or two bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    first: [u8; 2],
    last: [u8; 2],
    bytes: u8,
}

impl Field {
    /// The low bytes of two numbers.
    fn byte(first: u32, last: u32) -> Self {
        let [first, last] = [first, last].map(|number| [number.to_be_bytes()[3], 0]);
        let bytes = 1;
        Self { first, last, bytes }
    }

    /// The low two bytes of two numbers.
    fn word(first: u32, last: u32) -> Self {
        let [first, last] = [first, last].map(|number| {
            let [_, _, high, low] = number.to_be_bytes();
            [high, low]
        });
        let bytes = 2;
        Self { first, last, bytes }
    }

    /// The first and the last value.
    pub(super) fn bounds(&self) -> (&[u8], &[u8]) {
        let bytes = usize::from(self.bytes);
        (&self.first[..bytes], &self.last[..bytes])
    }

    /// It alone as a key.
    pub(super) fn key(&self) -> Key {
        let (first, last) = self.bounds();
        Key::range(first, last)
    }

    /// Whether it has one value.
    pub(super) fn is_point(&self) -> bool {
        self.first == self.last
    }
}

/// An inclusive range of services in the numbering of a shape.
pub(super) type Numbered = (Shape, u32, u32);

/// The shape and the numbers of a service; `None` is everything. A whole protocol is no range of ports or
/// messages, which packets without a header do not have.
pub(super) fn numbered(service: Service) -> Option<Numbered> {
    let ports = |protocol: Protocol, ports: PortRange| {
        let base = u32::from(protocol.0) << 16;
        (
            Shape::Port,
            base + u32::from(ports.first()),
            base + u32::from(ports.last()),
        )
    };
    Some(match service {
        Service::Any => return None,
        Service::Protocol(Protocol(number)) => (Shape::Protocol, number.into(), number.into()),
        Service::Ports(protocol, range) => ports(protocol, range),
        Service::Icmp(kind, code) => {
            let base = u32::from(kind) << 8;
            let (first, last) = code.map_or((0, 0xff), |code| (code.into(), code.into()));
            (Shape::Icmp, base + first, base + last)
        }
    })
}

/// The ICMP of a family.
pub(super) fn icmp(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}

fn payload(fields: &[PayloadField]) -> Vec<Expression> {
    fields.iter().copied().map(Expression::Payload).collect()
}

/// Inclusive ranges of types and codes that together are the numbers from first to last.
fn icmp_boxes(first: u32, last: u32) -> Vec<((u32, u32), (u32, u32))> {
    let ((low, from), (high, to)) = ((first >> 8, first & 0xff), (last >> 8, last & 0xff));
    if low == high {
        return vec![((low, low), (from, to))];
    }
    let (mut boxes, mut whole) = (Vec::new(), (low, high));
    if from > 0 {
        boxes.push(((low, low), (from, 0xff)));
        whole.0 += 1;
    }
    if to < 0xff {
        whole.1 -= 1;
    }
    if whole.0 <= whole.1 {
        boxes.push((whole, (0, 0xff)));
    }
    if to < 0xff {
        boxes.push(((high, high), (0, to)));
    }
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_messages_is_cut_at_its_types() {
        assert_eq!(icmp_boxes(0x0305, 0x0305), [((3, 3), (5, 5))]);
        assert_eq!(icmp_boxes(0x0000, 0xffff), [((0, 255), (0, 255))]);
        let expected = [((3, 3), (5, 255)), ((4, 6), (0, 255)), ((7, 7), (0, 2))];
        assert_eq!(icmp_boxes(0x0305, 0x0702), expected);
        assert_eq!(
            icmp_boxes(0x0305, 0x0402),
            [((3, 3), (5, 255)), ((4, 4), (0, 2))]
        );
    }

    #[test]
    fn ports_belong_to_protocols_that_have_them() {
        let gre = numbered(Service::Protocol(Protocol(47)));
        assert_eq!(gre, Some((Shape::Protocol, 47, 47)));
        let tcp = numbered(Service::Protocol(Protocol::TCP));
        assert_eq!(tcp, Some((Shape::Protocol, 6, 6)));
        let all = numbered(Service::Ports(Protocol::TCP, PortRange::ALL));
        assert_eq!(all, Some((Shape::Port, 0x6_0000, 0x6_ffff)));
    }
}
