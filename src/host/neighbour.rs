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
const NTF_PROXY: u8 = 0x08;
/// Bytes of a `struct ndmsg`.
const NEIGHBOUR_BYTES: usize = 12;
/// Where the state and the flags stand in it.
const STATE_AT: usize = 8;
const FLAGS_AT: usize = 10;

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

/// The addresses that the host answers neighbour discovery for, and who made it do so.
pub(super) fn proxies(client: &mut Client) -> io::Result<BTreeMap<Neighbour, RouteProtocol>> {
    let mut head = [0; NEIGHBOUR_BYTES];
    head[0] = family_number(Family::V6);
    head[FLAGS_AT] = NTF_PROXY;
    let question = Request::new(RTM_GETNEIGH, 0, &head, |_| {});
    let all = client.dump(&question, |body| {
        let proxy = body.get(FLAGS_AT)? & NTF_PROXY != 0;
        let (neighbour, attributes) = Neighbour::read(body)?;
        proxy.then_some((neighbour, maker(attributes)))
    })?;
    Ok(all.into_iter().collect())
}

impl Neighbour {
    /// The order that makes the host answer for its address.
    pub(super) fn answer(self, protocol: RouteProtocol) -> Request {
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        Request::new(RTM_NEWNEIGH, flags, &self.head(0, NTF_PROXY), |w| {
            w.raw(NDA_DST, &octets(self.address));
            w.byte(NDA_PROTOCOL, protocol.0);
        })
    }

    /// The order that makes the host leave the answer to others.
    pub(super) fn leave(self) -> Request {
        Request::new(RTM_DELNEIGH, 0, &self.head(0, NTF_PROXY), |w| {
            w.raw(NDA_DST, &octets(self.address));
        })
    }

    /// The order that makes its entry permanent, whatever it was.
    pub(super) fn set(self, entry: Entry) -> Request {
        self.order(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, Some(entry))
    }

    /// The order that removes its entry.
    pub(super) fn remove(self) -> Request {
        self.order(RTM_DELNEIGH, 0, None)
    }

    fn order(self, kind: u16, flags: u16, entry: Option<Entry>) -> Request {
        Request::new(kind, flags, &self.head(NUD_PERMANENT, 0), |w| {
            w.raw(NDA_DST, &octets(self.address));
            if let Some(entry) = entry {
                w.raw(NDA_LLADDR, &entry.mac.0);
                w.byte(NDA_PROTOCOL, entry.protocol.0);
            }
        })
    }

    /// A `struct ndmsg`.
    fn head(self, state: u16, flags: u8) -> [u8; NEIGHBOUR_BYTES] {
        let family = family_number(Family::of(self.address));
        let [a, b, c, d] = self.index.to_ne_bytes();
        let [e, f] = state.to_ne_bytes();
        [family, 0, 0, 0, a, b, c, d, e, f, flags, 0]
    }

    /// Reads a `struct ndmsg` and what follows it.
    fn read(body: &[u8]) -> Option<(Self, Reader<'_>)> {
        let (&head, attributes) = body.split_first_chunk::<NEIGHBOUR_BYTES>()?;
        let [_, _, _, _, a, b, c, d, ..] = head;
        let attributes = Reader(attributes);
        let neighbour = Self {
            index: u32::from_ne_bytes([a, b, c, d]),
            address: address(attributes.find(NDA_DST)?)?,
        };
        Some((neighbour, attributes))
    }
}

/// Reads an entry, if it is permanent.
fn read(body: &[u8]) -> Option<(Neighbour, Entry)> {
    let (neighbour, attributes) = Neighbour::read(body)?;
    let state = u16::from_ne_bytes(body.get(STATE_AT..FLAGS_AT)?.try_into().ok()?);
    let entry = Entry {
        mac: MacAddress(attributes.find(NDA_LLADDR)?.try_into().ok()?),
        protocol: maker(attributes),
    };
    (state & NUD_PERMANENT != 0).then_some((neighbour, entry))
}

/// Who made an entry; 0 is the kernel, or somebody who did not say.
fn maker(attributes: Reader<'_>) -> RouteProtocol {
    RouteProtocol(attributes.byte(NDA_PROTOCOL).unwrap_or(0))
}
