//! The places of all random worlds: which interfaces there are and where addresses are routed, so that
//! one set of devices serves every world.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::{Family, InterfaceName, MacAddress};

/// The name of the host that the worlds are seen from.
pub const HOST: &str = "node1";

/// Interfaces that endpoints may have. The last but one has no workload prefix, the last has no endpoint.
pub const SLOTS: [&str; 8] = [
    "tap0", "tap1", "tap2", "tap3", "tap4", "tap5", "vm6", "tap7",
];

/// The slot that no endpoint ever has.
pub const GHOST: usize = 7;

/// Where the rest of the world is.
pub const UPLINK: &str = "uplink";

/// The last parts of the addresses that endpoints have; two of them are neighbours.
pub const ADDRESSES_IN_SLOT: [u8; 4] = [2, 3, 128, 255];

/// The host's own addresses.
pub fn host_addresses() -> [IpAddr; 3] {
    [
        Ipv4Addr::new(192, 0, 2, 1).into(),
        Ipv4Addr::new(169, 254, 169, 254).into(),
        Ipv6Addr::new(0xfd00, 0xffff, 0, 0, 0, 0, 0, 1).into(),
    ]
}

/// Addresses of nobody in particular.
pub fn outside(family: Family) -> [IpAddr; 4] {
    match family {
        Family::V4 => [
            [198, 51, 100, 7],
            [203, 0, 113, 200],
            [8, 8, 8, 8],
            [11, 0, 0, 0],
        ]
        .map(|bytes| Ipv4Addr::from(bytes).into()),
        Family::V6 => [0x2001_0db8_u32, 0x2001_0db9, 0x2600_0000, 0xfc00_0000]
            .map(|high| Ipv6Addr::from((u128::from(high) << 96) | 7).into()),
    }
}

/// The prefix that is routed to a slot, as text.
pub fn prefix(slot: usize, family: Family) -> String {
    match family {
        Family::V4 => format!("10.0.{slot}.0/24"),
        Family::V6 => format!("fd00:0:0:{slot}::/64"),
    }
}

/// An address in a slot.
pub fn in_slot(slot: usize, family: Family, last: u8) -> IpAddr {
    let slot = u8::try_from(slot).unwrap_or(u8::MAX);
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, slot, last).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 0, 0, slot.into(), 0, 0, 0, last.into()).into(),
    }
}

/// Whether frames on the slot's interface have Ethernet addresses.
pub fn is_ethernet(slot: usize) -> bool {
    slot.is_multiple_of(2)
}

/// The Ethernet address of whoever is in a slot.
pub fn mac(slot: usize) -> MacAddress {
    MacAddress([2, 0, 0, 0, 0, u8::try_from(slot).unwrap_or(u8::MAX)])
}

/// The slot that an address is routed to.
pub fn slot_of(address: IpAddr) -> Option<usize> {
    (0..SLOTS.len()).find(
        |&slot| match (address, in_slot(slot, Family::of(address), 0)) {
            (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
            (IpAddr::V6(a), IpAddr::V6(b)) => a.octets()[..8] == b.octets()[..8],
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        },
    )
}

/// The interface that a packet to this address leaves by; `None` is the host itself.
pub fn route(destination: IpAddr) -> Option<InterfaceName> {
    let own = host_addresses().contains(&destination) || is_to_all(destination);
    let line = slot_of(destination).map_or(UPLINK, |slot| SLOTS[slot]);
    if own { None } else { line.parse().ok() }
}

/// Whether hosts can send to and from the address.
pub fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let first = v4.octets()[0];
            (1..224).contains(&first) && first != 127
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            (0x2000..0x4000).contains(&first) || (0xfc00..0xfe00).contains(&first)
        }
    }
}

fn is_to_all(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}
