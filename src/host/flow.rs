//! A connection as the kernel tracks it.

use std::net::IpAddr;

use super::wire::{address, family_of};
use crate::net::{Family, Protocol, octets};
use crate::netlink::attribute::{Reader, Writer};

/// linux/netfilter/nfnetlink_conntrack.h
pub(super) const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_MARK: u16 = 8;
pub(super) const CTA_ID: u16 = 12;
pub(super) const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_TUPLE_ZONE: u16 = 3;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const CTA_PROTO_ICMP_ID: u16 = 4;
const CTA_PROTO_ICMPV6_ID: u16 = 7;
/// Bytes of a `struct nfgenmsg` (linux/netfilter/nfnetlink.h).
pub(super) const FAMILY_BYTES: usize = 4;

bitflags::bitflags! {
    /// `enum ip_conntrack_status` (linux/netfilter/nf_conntrack_common.h).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct FlowStatus: u32 {
        /// `IPS_EXPECTED`: another connection announced it.
        const EXPECTED = 1 << 0;
        /// `IPS_SEEN_REPLY`: packets went both ways.
        const SEEN_REPLY = 1 << 1;
        /// `IPS_ASSURED`: it is not given up early.
        const ASSURED = 1 << 2;
        /// `IPS_CONFIRMED`: its first packet left the host.
        const CONFIRMED = 1 << 3;
        /// `IPS_SRC_NAT`: its source is translated.
        const SOURCE_NAT = 1 << 4;
        /// `IPS_DST_NAT`: its destination is translated.
        const DESTINATION_NAT = 1 << 5;
        // Linux adds to these from time to time.
        const _ = !0;
    }
}

/// A connection as the kernel tracks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The family of its addresses.
    pub family: Family,
    /// The protocol.
    pub protocol: Protocol,
    /// The packets of who began it.
    pub original: Tuple,
    /// The packets of who answers: after NAT not simply the other way round.
    pub reply: Tuple,
    /// `ct mark`.
    pub mark: u32,
    /// The zone of both directions; 0 is that of most hosts.
    pub zone: u16,
    /// The kernel's number for it, by which it is told from a later one between the same ends.
    pub id: u32,
    /// What happened to it so far.
    pub status: FlowStatus,
}

/// What the packets of one direction have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Where they come from.
    pub source: IpAddr,
    /// Where they go to.
    pub destination: IpAddr,
    /// What of their payload tells them from others.
    pub key: TupleKey,
    /// The zone of this direction alone; 0 if there is none.
    pub zone: u16,
}

/// What tells connections between the same addresses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TupleKey {
    /// The ports; of GRE its keys.
    Ports {
        /// The sender's.
        source: u16,
        /// The receiver's.
        destination: u16,
    },
    /// An ICMP message (RFC 792, RFC 4443).
    Icmp {
        /// The identifier of an echo.
        id: u16,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// Nothing: the protocol alone.
    Nothing,
}

impl Flow {
    /// Reads a `struct nfgenmsg` and what follows it. What is truncated, or of a family that is not
    /// IP, is nothing.
    pub fn read(body: &[u8]) -> Option<Self> {
        let family = family_of(*body.first()?)?;
        let attributes = Reader(body.get(FAMILY_BYTES..)?);
        let (protocol, original) = Tuple::read(attributes.inside(CTA_TUPLE_ORIG), family)?;
        let (_, reply) = Tuple::read(attributes.inside(CTA_TUPLE_REPLY), family)?;
        Some(Self {
            family,
            protocol,
            original,
            reply,
            mark: attributes.number(CTA_MARK).unwrap_or(0),
            zone: attributes.short(CTA_ZONE).unwrap_or(0),
            id: attributes.number(CTA_ID)?,
            status: FlowStatus::from_bits_retain(attributes.number(CTA_STATUS).unwrap_or(0)),
        })
    }

    /// Whether an end of either direction has an address.
    pub fn has(&self, address: impl Fn(IpAddr) -> bool) -> bool {
        let tuples = [&self.original, &self.reply];
        tuples
            .iter()
            .any(|t| address(t.source) || address(t.destination))
    }

    /// What names this connection and no other.
    pub(super) fn write(&self, into: &mut Writer) {
        into.nest(CTA_TUPLE_ORIG, |w| {
            self.original.write(w, self.family, self.protocol)
        });
        if self.zone != 0 {
            into.short(CTA_ZONE, self.zone);
        }
        into.number(CTA_ID, self.id);
    }
}

impl Tuple {
    fn read(attributes: Reader<'_>, family: Family) -> Option<(Protocol, Self)> {
        let ends = attributes.inside(CTA_TUPLE_IP);
        let of_family = |kind| {
            let found = address(ends.find(kind)?)?;
            (Family::of(found) == family).then_some(found)
        };
        let [source, destination] = end_kinds(family);
        let payload = attributes.inside(CTA_TUPLE_PROTO);
        let tuple = Self {
            source: of_family(source)?,
            destination: of_family(destination)?,
            key: TupleKey::read(payload),
            zone: attributes.short(CTA_TUPLE_ZONE).unwrap_or(0),
        };
        Some((Protocol(payload.byte(CTA_PROTO_NUM)?), tuple))
    }

    fn write(&self, into: &mut Writer, family: Family, protocol: Protocol) {
        into.nest(CTA_TUPLE_IP, |w| {
            let [source, destination] = end_kinds(family);
            w.raw(source, &octets(self.source));
            w.raw(destination, &octets(self.destination));
        });
        into.nest(CTA_TUPLE_PROTO, |w| {
            w.byte(CTA_PROTO_NUM, protocol.0);
            self.key.write(w, family);
        });
        if self.zone != 0 {
            into.short(CTA_TUPLE_ZONE, self.zone);
        }
    }
}

impl TupleKey {
    fn read(attributes: Reader<'_>) -> Self {
        let icmp = |first: u16| {
            Some(Self::Icmp {
                id: attributes.short(first)?,
                kind: attributes.byte(first + 1)?,
                code: attributes.byte(first + 2)?,
            })
        };
        let ports = || {
            Some(Self::Ports {
                source: attributes.short(CTA_PROTO_SRC_PORT)?,
                destination: attributes.short(CTA_PROTO_DST_PORT)?,
            })
        };
        let found = icmp(CTA_PROTO_ICMP_ID).or_else(|| icmp(CTA_PROTO_ICMPV6_ID));
        found.or_else(ports).unwrap_or(Self::Nothing)
    }

    fn write(self, into: &mut Writer, family: Family) {
        match self {
            Self::Ports {
                source,
                destination,
            } => {
                into.short(CTA_PROTO_SRC_PORT, source);
                into.short(CTA_PROTO_DST_PORT, destination);
            }
            Self::Icmp { id, kind, code } => {
                let first = match family {
                    Family::V4 => CTA_PROTO_ICMP_ID,
                    Family::V6 => CTA_PROTO_ICMPV6_ID,
                };
                into.short(first, id);
                into.byte(first + 1, kind);
                into.byte(first + 2, code);
            }
            Self::Nothing => {}
        }
    }
}

/// The attributes of the source and the destination.
pub(super) fn end_kinds(family: Family) -> [u16; 2] {
    match family {
        Family::V4 => [CTA_IP_V4_SRC, CTA_IP_V4_DST],
        Family::V6 => [CTA_IP_V6_SRC, CTA_IP_V6_DST],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tuple(family: Family) -> impl Strategy<Value = Tuple> {
        let address = move |bytes: [u8; 16]| match family {
            Family::V4 => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
            Family::V6 => IpAddr::from(bytes),
        };
        let key = prop_oneof![
            any::<(u16, u16)>().prop_map(|(source, destination)| TupleKey::Ports {
                source,
                destination
            }),
            any::<(u16, u8, u8)>().prop_map(|(id, kind, code)| TupleKey::Icmp { id, kind, code }),
            Just(TupleKey::Nothing),
        ];
        (any::<[[u8; 16]; 2]>(), key, any::<u16>()).prop_map(move |(ends, key, zone)| Tuple {
            source: address(ends[0]),
            destination: address(ends[1]),
            key,
            zone,
        })
    }

    fn flow() -> impl Strategy<Value = Flow> {
        prop_oneof![Just(Family::V4), Just(Family::V6)].prop_flat_map(|family| {
            let numbers = any::<(u8, u32, u16, u32, u32)>();
            (tuple(family), tuple(family), numbers).prop_map(
                move |(original, reply, (protocol, mark, zone, id, status))| Flow {
                    family,
                    protocol: Protocol(protocol),
                    original,
                    reply,
                    mark,
                    zone,
                    id,
                    status: FlowStatus::from_bits_retain(status),
                },
            )
        })
    }

    /// A connection as the kernel writes it.
    fn written(flow: &Flow) -> Vec<u8> {
        let mut writer = Writer::default();
        writer
            .bytes
            .extend([super::super::wire::family_number(flow.family), 0, 0, 0]);
        flow.write(&mut writer);
        writer.nest(CTA_TUPLE_REPLY, |w| {
            flow.reply.write(w, flow.family, flow.protocol);
        });
        writer.number(CTA_STATUS, flow.status.bits());
        writer.number(CTA_MARK, flow.mark);
        writer.bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(flow in flow()) {
            prop_assert_eq!(Flow::read(&written(&flow)), Some(flow));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _: Option<Flow> = Flow::read(&bytes);
        }

        #[test]
        fn what_is_spoiled_or_cut_is_nothing_or_another_flow(
            flow in flow(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let whole = written(&flow);
            let cut = cut.index(whole.len());
            // Behind the identifier nothing has to be there.
            let needed = Flow::read(&whole[..cut]);
            prop_assert!(needed.is_none_or(|read| read.reply == flow.reply && read.id == flow.id));
            let mut spoiled = whole;
            let at = at.index(spoiled.len());
            spoiled[at] = byte;
            let _: Option<Flow> = Flow::read(&spoiled);
        }
    }
}
