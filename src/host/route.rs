//! Routes of full length to what lies behind an interface, in the main table.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::wire::{address, address_bits, family_number, family_of, number};
use crate::net::{Family, octets};
use crate::netlink::attribute::Reader;
use crate::netlink::client::{Client, Request};
use crate::netlink::message::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};

/// linux/rtnetlink.h
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_NH_ID: u16 = 30;
const RT_TABLE_MAIN: u8 = 254;
const RTN_UNICAST: u8 = 1;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_NOWHERE: u8 = 255;
const RTM_F_FIB_MATCH: u32 = 0x2000;
/// Bytes of a `struct rtmsg`.
const ROUTE_BYTES: usize = 12;
/// `IP6_RT_PRIO_USER` (linux/ipv6_route.h): what a route of IPv6 has that names no priority.
const IPV6_PRIORITY: u32 = 1024;

/// Who made a route (`rtm_protocol`): by this number ours are told from others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteProtocol(pub u8);

impl RouteProtocol {
    /// `RTPROT_BOOT` (linux/rtnetlink.h).
    pub const BOOT: Self = Self(3);
}

impl Default for RouteProtocol {
    /// `DeviceRouteProtocol` of Felix where nothing is set (felix/config/config_params.go in Calico).
    /// It is also the number of what `ip route add` makes, so a route is ours only on the interface
    /// of a workload.
    fn default() -> Self {
        Self::BOOT
    }
}

/// An address that lies behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) index: u32,
    pub(super) address: IpAddr,
}

/// What to do about a route that leads to the same address already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// The kernel refuses ours.
    Keep,
    /// Ours takes its place.
    Replace,
}

/// The routes of a protocol that lead to what lies behind an interface.
pub(super) fn list(client: &mut Client, protocol: RouteProtocol) -> io::Result<BTreeSet<Route>> {
    let mut all = BTreeSet::new();
    for family in Family::ALL {
        let question = Request::new(RTM_GETROUTE, 0, &head(family, protocol, 0), |w| {
            w.raw(RTA_TABLE, &u32::from(RT_TABLE_MAIN).to_ne_bytes());
        });
        let read = |body: &[u8]| {
            let (found, route) = read(body)?;
            (found == protocol).then_some(route)
        };
        match client.dump(&question, read) {
            Ok(routes) => all.extend(routes),
            Err(error) if is_absent_family(&error, family) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The interface that packets to an address leave by, where it is the last hop and the route is
/// for that address alone.
pub(super) fn interface_to(client: &mut Client, to: IpAddr) -> io::Result<Option<u32>> {
    let family = Family::of(to);
    let mut head = [0; ROUTE_BYTES];
    [head[0], head[1]] = [family_number(family), address_bits(family)];
    head[8..].copy_from_slice(&RTM_F_FIB_MATCH.to_ne_bytes());
    let question = Request::new(RTM_GETROUTE, 0, &head, |w| w.raw(RTA_DST, &octets(to)));
    let found = client.ask(&question, |body| read(body).map(|(_, route)| route))?;
    Ok(found.filter(|r| r.address == to).map(|route| route.index))
}

impl Route {
    /// The order that makes it.
    pub(super) fn add(self, protocol: RouteProtocol, existing: Existing) -> Request {
        let flags = match existing {
            Existing::Keep => NLM_F_CREATE | NLM_F_EXCL,
            Existing::Replace => NLM_F_CREATE | NLM_F_REPLACE,
        };
        self.order(RTM_NEWROUTE, flags, protocol, RT_SCOPE_LINK)
    }

    /// The order that removes it, of whatever scope it is.
    pub(super) fn remove(self, protocol: RouteProtocol) -> Request {
        self.order(RTM_DELROUTE, 0, protocol, RT_SCOPE_NOWHERE)
    }

    fn order(self, kind: u16, flags: u16, protocol: RouteProtocol, scope: u8) -> Request {
        let family = Family::of(self.address);
        let mut head = head(family, protocol, address_bits(family));
        head[6] = match family {
            Family::V4 => scope,
            Family::V6 => RT_SCOPE_UNIVERSE,
        };
        Request::new(kind, flags, &head, |w| {
            w.raw(RTA_DST, &octets(self.address));
            w.raw(RTA_OIF, &self.index.to_ne_bytes());
        })
    }
}

/// A kernel without IPv6 has no routes of it.
fn is_absent_family(error: &io::Error, family: Family) -> bool {
    family == Family::V6 && error.raw_os_error() == Some(libc::EOPNOTSUPP)
}

/// A `struct rtmsg` of a unicast route.
fn head(family: Family, protocol: RouteProtocol, bits: u8) -> [u8; ROUTE_BYTES] {
    let family = family_number(family);
    let table = RT_TABLE_MAIN;
    let scope = RT_SCOPE_UNIVERSE;
    let protocol = protocol.0;
    [
        family,
        bits,
        0,
        0,
        table,
        protocol,
        scope,
        RTN_UNICAST,
        0,
        0,
        0,
        0,
    ]
}

/// Reads a route that leads from an interface straight to one address.
fn read(body: &[u8]) -> Option<(RouteProtocol, Route)> {
    let (&head, attributes) = body.split_first_chunk::<ROUTE_BYTES>()?;
    let [family, bits, _, _, table, protocol, _, kind, ..] = head;
    let family = family_of(family)?;
    let attributes = Reader(attributes);
    let has = |kind| attributes.find(kind).is_some();
    let indirect = [RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH, RTA_NH_ID]
        .into_iter()
        .any(has);
    let usual = match family {
        Family::V4 => 0,
        Family::V6 => IPV6_PRIORITY,
    };
    let plain = number(attributes, RTA_PRIORITY).unwrap_or(0) == usual;
    let direct = bits == address_bits(family) && kind == RTN_UNICAST && !indirect && plain;
    let route = Route {
        index: number(attributes, RTA_OIF)?,
        address: address(attributes.find(RTA_DST)?)?,
    };
    (direct && table == RT_TABLE_MAIN).then_some((RouteProtocol(protocol), route))
}
