//! How rtnetlink and ctnetlink write families and addresses.

use std::net::IpAddr;

use crate::net::Family;
use crate::netlink::attribute::Reader;

/// `AF_*` (linux/socket.h).
pub(super) const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The number of a family.
pub(super) fn family_number(family: Family) -> u8 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

/// The family with a number.
pub(super) fn family_of(number: u8) -> Option<Family> {
    let mut all = Family::ALL.into_iter();
    all.find(|&family| family_number(family) == number)
}

/// Bits of an address of a family.
pub(super) fn address_bits(family: Family) -> u8 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

/// An address in network order.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// A number in the order of the machine, as rtnetlink writes them.
pub(super) fn number(attributes: Reader<'_>, kind: u16) -> Option<u32> {
    Some(u32::from_ne_bytes(attributes.find(kind)?.try_into().ok()?))
}
