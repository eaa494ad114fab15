//! The interfaces of the host and their addresses.

use std::io;
use std::net::IpAddr;

use super::wire::{AF_UNSPEC, address, family_number};
use crate::net::{Family, InterfaceName};
use crate::netlink::attribute::Reader;
use crate::netlink::client::{Client, Request};

/// linux/rtnetlink.h
const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
/// `RTEXT_FILTER_SKIP_STATS` (linux/rtnetlink.h): counters are of no use here and half of the answer.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
/// linux/if_link.h
const IFLA_IFNAME: u16 = 3;
const IFLA_EXT_MASK: u16 = 29;
/// linux/if_addr.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Bytes of a `struct ifinfomsg` (linux/rtnetlink.h).
const LINK_BYTES: usize = 16;
/// Bytes of a `struct ifaddrmsg` (linux/if_addr.h).
const ADDRESS_BYTES: usize = 8;
/// linux/if.h
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;

/// An interface. One whose name is not an [`InterfaceName`] is nobody's here and left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number, which is another's when it is gone.
    pub index: u32,
    /// Its name.
    pub name: InterfaceName,
    /// Whether packets pass.
    pub state: LinkState,
}

/// Whether packets pass an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// `IFF_UP` and `IFF_LOWER_UP`: it is set up and has a carrier. `IFF_RUNNING`, which Felix asks for,
    /// says the same a moment later.
    Up,
    /// One of the two is missing.
    Down,
}

/// An address of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkAddress {
    /// The index of its interface.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
}

/// Every interface, by index.
pub(super) fn links(client: &mut Client) -> io::Result<Vec<Link>> {
    let question = Request::new(RTM_GETLINK, 0, &[0; LINK_BYTES], |w| {
        w.raw(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    });
    client.dump(&question, Link::read)
}

/// Every address of a family.
pub(super) fn addresses(client: &mut Client, family: Family) -> io::Result<Vec<LinkAddress>> {
    let mut head = [0; ADDRESS_BYTES];
    head[0] = family_number(family);
    let question = Request::new(RTM_GETADDR, 0, &head, |_| {});
    client.dump(&question, LinkAddress::read)
}

impl Link {
    /// Reads a `struct ifinfomsg` and what follows it. What a bridge says of its ports is not of
    /// the interface itself and comes with a family.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (&head, attributes) = body.split_first_chunk::<LINK_BYTES>()?;
        let [family, _, _, _, a, b, c, d, flags @ ..] = head;
        let [e, f, g, h, ..] = flags;
        let up = IFF_UP | IFF_LOWER_UP;
        let state = match u32::from_ne_bytes([e, f, g, h]) & up == up {
            true => LinkState::Up,
            false => LinkState::Down,
        };
        let name = Reader(attributes).text(IFLA_IFNAME)?.parse().ok()?;
        (family == AF_UNSPEC).then_some(Self {
            index: u32::from_ne_bytes([a, b, c, d]),
            name,
            state,
        })
    }
}

impl LinkAddress {
    /// Reads a `struct ifaddrmsg` and what follows it. Where the two differ, the local address is
    /// the host's and the other the far end's.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (&[_, _, _, _, a, b, c, d], attributes) = body.split_first_chunk::<ADDRESS_BYTES>()?;
        let attributes = Reader(attributes);
        let own = attributes
            .find(IFA_LOCAL)
            .or(attributes.find(IFA_ADDRESS))?;
        Some(Self {
            index: u32::from_ne_bytes([a, b, c, d]),
            address: address(own)?,
        })
    }
}
