//! Addresses and interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::migrate::iptables::{Address, InterfacePattern, Span};
use crate::net::{Cidr, Family};

/// An address, a prefix, or an address under a mask.
pub(super) fn address(text: &str, family: Family) -> Result<Address, String> {
    let wrong = || format!("{text:?} is no {family} address, address/length or address/mask");
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    if Family::of(address) != family {
        return Err(wrong());
    }
    let Some(mask) = mask else {
        return Ok(Address::Prefix(Cidr::host(address)));
    };
    if let Ok(mask) = mask.parse::<IpAddr>() {
        return under(address, mask).ok_or_else(wrong);
    }
    let prefix: Cidr = text.parse().map_err(|_| wrong())?;
    Ok(Address::Prefix(prefix))
}

/// `first-last` or one address.
pub(super) fn range(text: &str, family: Family) -> Result<Span<IpAddr>, String> {
    let wrong = || format!("{text:?} is no {family} range first-last");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: IpAddr = first.parse().map_err(|_| wrong())?;
    let last: IpAddr = last.parse().map_err(|_| wrong())?;
    let fits = Family::of(first) == family && Family::of(last) == family && first <= last;
    fits.then_some(Span { first, last }).ok_or_else(wrong)
}

/// The name of an interface, or its beginning.
pub(super) fn interface(text: &str) -> Result<InterfacePattern, String> {
    const NAME_BYTES_MAX: usize = 15;
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(format!(
            "{text:?} is no interface: 1 to {NAME_BYTES_MAX} bytes are"
        ));
    }
    Ok(match text.strip_suffix('+') {
        Some(prefix) => InterfacePattern::Prefix(prefix.to_owned()),
        None => InterfacePattern::Name(text.to_owned()),
    })
}

/// An address under a mask, which may be a prefix after all.
fn under(address: IpAddr, mask: IpAddr) -> Option<Address> {
    let (address, mask, length) = match (address, mask) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => {
            let (address, mask) = (address.to_bits() & mask.to_bits(), mask.to_bits());
            (
                IpAddr::V4(Ipv4Addr::from_bits(address)),
                IpAddr::V4(Ipv4Addr::from_bits(mask)),
                (mask.leading_ones() == mask.count_ones()).then(|| mask.count_ones()),
            )
        }
        (IpAddr::V6(address), IpAddr::V6(mask)) => {
            let (address, mask) = (address.to_bits() & mask.to_bits(), mask.to_bits());
            (
                IpAddr::V6(Ipv6Addr::from_bits(address)),
                IpAddr::V6(Ipv6Addr::from_bits(mask)),
                (mask.leading_ones() == mask.count_ones()).then(|| mask.count_ones()),
            )
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    match length {
        Some(length) => format!("{address}/{length}")
            .parse()
            .ok()
            .map(Address::Prefix),
        None => Some(Address::Masked { address, mask }),
    }
}
