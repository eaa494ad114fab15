//! Ranges of addresses as prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::backend::xtables::Member;
use crate::net::{Cidr, Family};

/// The prefixes that together are the addresses from first to last, given in network order.
pub(super) fn prefixes(first: &[u8], last: &[u8]) -> Vec<Cidr> {
    let family = match first.len() {
        4 => Family::V4,
        _ => Family::V6,
    };
    let bits = family.address_bytes() * 8;
    let (mut from, to) = (number(first), number(last));
    let mut all = Vec::new();
    loop {
        let aligned = (from.trailing_zeros() as usize).min(bits);
        let fits = (0..=aligned).rev().find(|&free| {
            let size = if free == 128 {
                u128::MAX
            } else {
                (1 << free) - 1
            };
            from.checked_add(size).is_some_and(|end| end <= to)
        });
        let free = fits.unwrap_or(0);
        let length = u8::try_from(bits - free).unwrap_or(0);
        all.push(Cidr::of(address(from, family), length));
        let size = 1_u128.checked_shl(u32::try_from(free).unwrap_or(0));
        match size.and_then(|size| from.checked_add(size)) {
            Some(next) if next <= to => from = next,
            Some(_) | None => return all,
        }
    }
}

/// Prefixes as ipsets take them: none of length 0.
pub(super) fn halved(cidr: Cidr) -> Vec<Cidr> {
    if cidr.prefix_len() > 0 {
        return vec![cidr];
    }
    let upper = match cidr.family() {
        Family::V4 => IpAddr::V4(Ipv4Addr::new(128, 0, 0, 0)),
        Family::V6 => IpAddr::V6(Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0)),
    };
    vec![Cidr::of(cidr.network(), 1), Cidr::of(upper, 1)]
}

/// A prefix as `ipset save` prints it: without the length where that is all of the address.
pub(super) fn prefix_text(cidr: &Cidr) -> String {
    let address = address_text(cidr.network());
    match usize::from(cidr.prefix_len()) == cidr.family().address_bytes() * 8 {
        true => address,
        false => format!("{address}/{}", cidr.prefix_len()),
    }
}

/// An address as `inet_ntop` prints it. It has IPv4's form for the end of an address whose first 96 bits
/// are nought and whose next 16 are not; we would print that only where they are `ffff`.
fn address_text(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.segments()[..6] == [0; 6] && v6.segments()[6] != 0 => {
            let [.., a, b, c, d] = v6.octets();
            format!("::{}", Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_string(),
    }
}

/// The members of a `hash:net` for a range of addresses.
pub(super) fn members(first: &[u8], last: &[u8]) -> impl Iterator<Item = Member> {
    let all = prefixes(first, last).into_iter().flat_map(halved);
    all.map(|cidr| Member::new(&prefix_text(&cidr)))
}

fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn address(number: u128, family: Family) -> IpAddr {
    match family {
        Family::V4 => {
            let bytes = number.to_be_bytes();
            IpAddr::from([bytes[12], bytes[13], bytes[14], bytes[15]])
        }
        Family::V6 => IpAddr::from(number.to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(first: &str, last: &str) -> Vec<String> {
        let bytes = |text: &str| crate::net::octets(text.parse().unwrap());
        let all = prefixes(&bytes(first), &bytes(last));
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_range_is_the_fewest_prefixes() {
        assert_eq!(texts("0.0.0.0", "255.255.255.255"), ["0.0.0.0/0"]);
        assert_eq!(
            texts("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ["::/0"]
        );
        assert_eq!(
            texts("10.0.0.1", "10.0.0.4"),
            ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]
        );
        assert_eq!(
            texts("255.255.255.254", "255.255.255.255"),
            ["255.255.255.254/31"]
        );
    }

    #[test]
    fn addresses_are_printed_as_the_library_of_c_does() {
        for (address, printed) in [
            ("::1:0", "::0.1.0.0"),
            ("::a00:1", "::10.0.0.1"),
            ("::ffff:a00:1", "::ffff:10.0.0.1"),
            ("::", "::"),
            ("::1", "::1"),
            ("::abcd", "::abcd"),
            ("1::1:0", "1::1:0"),
            ("::1:0:0", "::1:0:0"),
            ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("1:0:0:2::3", "1:0:0:2::3"),
        ] {
            assert_eq!(address_text(address.parse().unwrap()), printed);
        }
        let prefix = Cidr::of("::1:0".parse().unwrap(), 112);
        assert_eq!(prefix_text(&prefix), "::0.1.0.0/112");
    }

    #[test]
    fn no_prefix_of_an_ipset_is_everything() {
        let halves = halved(Cidr::any(Family::V4));
        let halves: Vec<_> = halves.iter().map(prefix_text).collect();
        assert_eq!(halves, ["0.0.0.0/1", "128.0.0.0/1"]);
    }
}
