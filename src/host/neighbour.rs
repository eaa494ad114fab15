//! Who has which Ethernet address: entries that nobody has to be asked for, nor can change.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use super::route::RouteProtocol;
use super::wire::{address, family_number};
use crate::net::{Family, MacAddress, octets};
use crate::netlink::attribute::Reader;
use crate::netlink::client::{Client, Request};
use crate::netlink::message::{NLM_F_CREATE, NLM_F_REPLACE};

/// linux/rtnetlink.h
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;
/// linux/neighbour.h
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_PROTOCOL: u16 = 12;
const NUD_PERMANENT: u16 = 0x80;
/// Bytes of a `struct ndmsg`.
const NEIGHBOUR_BYTES: usize = 12;

/// Where a neighbour stands: an interface and an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Neighbour {
    pub(super) index: u32,
    pub(super) address: IpAddr,
}

/// A permanent entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mac: MacAddress,
    /// Who made it; Linux has kept this number since 5.0.
    pub(super) protocol: RouteProtocol,
}

/// The permanent entries of both families.
pub(super) fn list(client: &mut Client) -> io::Result<BTreeMap<Neighbour, Entry>> {
    let mut all = BTreeMap::new();
    for family in Family::ALL {
        let mut head = [0; NEIGHBOUR_BYTES];
        head[0] = family_number(family);
        let question = Request::new(RTM_GETNEIGH, 0, &head, |_| {});
        all.extend(client.dump(&question, read)?);
    }
    Ok(all)
}

impl Neighbour {
    /// The order that makes its entry permanent, whatever it was.
    pub(super) fn set(self, entry: Entry) -> Request {
        self.order(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, Some(entry))
    }

    /// The order that removes its entry.
    pub(super) fn remove(self) -> Request {
        self.order(RTM_DELNEIGH, 0, None)
    }

    fn order(self, kind: u16, flags: u16, entry: Option<Entry>) -> Request {
        let mut head = [0; NEIGHBOUR_BYTES];
        head[0] = family_number(Family::of(self.address));
        head[4..8].copy_from_slice(&self.index.to_ne_bytes());
        head[8..10].copy_from_slice(&NUD_PERMANENT.to_ne_bytes());
        Request::new(kind, flags, &head, |w| {
            w.raw(NDA_DST, &octets(self.address));
            if let Some(entry) = entry {
                w.raw(NDA_LLADDR, &entry.mac.0);
                w.byte(NDA_PROTOCOL, entry.protocol.0);
            }
        })
    }
}

/// Reads a `struct ndmsg` and what follows it, if the entry is permanent.
fn read(body: &[u8]) -> Option<(Neighbour, Entry)> {
    let (&head, attributes) = body.split_first_chunk::<NEIGHBOUR_BYTES>()?;
    let [_, _, _, _, a, b, c, d, e, f, _, _] = head;
    let attributes = Reader(attributes);
    let neighbour = Neighbour {
        index: u32::from_ne_bytes([a, b, c, d]),
        address: address(attributes.find(NDA_DST)?)?,
    };
    let entry = Entry {
        mac: MacAddress(attributes.find(NDA_LLADDR)?.try_into().ok()?),
        protocol: RouteProtocol(attributes.byte(NDA_PROTOCOL).unwrap_or(0)),
    };
    let permanent = u16::from_ne_bytes([e, f]) & NUD_PERMANENT != 0;
    permanent.then_some((neighbour, entry))
}
