//! The shared vocabulary of addresses, ports, protocols and interface names.
//!
//! Every type here parses at the edge and is valid from then on.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use smallvec::SmallVec;

/// The two address families that a policy can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families, in the order in which rules are written.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }

    /// Bytes in an address of this family.
    pub fn address_bytes(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An address prefix with its host bits cleared. In order a prefix comes after every prefix around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// The prefix that covers exactly one address.
    pub fn host(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// Whether it covers one address alone.
    pub fn is_host(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// The prefix that covers every address of a family.
    pub fn any(family: Family) -> Self {
        match family {
            Family::V4 => Self(IpNet::V4(ipnet::Ipv4Net::default())),
            Family::V6 => Self(IpNet::V6(ipnet::Ipv6Net::default())),
        }
    }

    /// The family of the prefix.
    pub fn family(&self) -> Family {
        Family::of(self.0.addr())
    }

    /// Whether the address lies inside; an address of the other family never does.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = match (self.0.addr(), address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        shared >= u32::from(self.prefix_len())
    }

    /// Whether every address of the other prefix lies inside.
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix_len() <= other.prefix_len() && self.contains(other.network())
    }

    /// The first and last address, as bytes in network order.
    pub fn bounds(&self) -> (Octets, Octets) {
        (octets(self.network()), octets(self.last()))
    }

    /// Length of the prefix in bits.
    pub fn prefix_len(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The first address.
    pub fn network(&self) -> IpAddr {
        self.0.addr()
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }

    /// A prefix by its first address; host bits are cleared, and a length that no address has is the longest.
    pub fn of(address: IpAddr, length: u8) -> Self {
        IpNet::new(address, length).map_or(Self::host(address), |net| Self(net.trunc()))
    }
}

/// By family, address and length, as derived; but as numbers, since policies sort very many.
impl Ord for Cidr {
    fn cmp(&self, other: &Self) -> Ordering {
        let of_addresses = match (self.network(), other.network()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => own.to_bits().cmp(&other.to_bits()),
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits().cmp(&other.to_bits()),
            (IpAddr::V4(_), IpAddr::V6(_)) => Ordering::Less,
            (IpAddr::V6(_), IpAddr::V4(_)) => Ordering::Greater,
        };
        of_addresses.then_with(|| self.prefix_len().cmp(&other.prefix_len()))
    }
}

impl PartialOrd for Cidr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The bytes of an address, which need no allocation.
pub type Octets = SmallVec<[u8; 16]>;

/// An address as bytes in network order.
pub fn octets(address: IpAddr) -> Octets {
    match address {
        IpAddr::V4(v4) => Octets::from_slice(&v4.octets()),
        IpAddr::V6(v6) => Octets::from_slice(&v6.octets()),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cidr {
    type Err = InvalidValue;

    /// Accepts `address/len` and a bare address.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| InvalidValue::new("prefix", text, "an address or address/length"))?;
        Ok(Self(net.trunc()))
    }
}

/// An inclusive range of ports, 0-65535, first not above last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self {
        first: 0,
        last: u16::MAX,
    };

    /// A range, or nothing if it is empty.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether the port lies inside.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bad = || InvalidValue::new("ports", text, "one port or one range lo-hi, 0-65535");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Self::new(
            decimal(first).ok_or_else(bad)?,
            decimal(last).ok_or_else(bad)?,
        )
        .ok_or_else(bad)
    }
}

/// A number in plain decimal digits; `+1`, ` 1` and an empty text are refused.
pub fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// An IP protocol number (IANA assigned protocol numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Internet Control Message Protocol, RFC 792.
    pub const ICMP: Self = Self(1);
    /// Transmission Control Protocol, RFC 9293.
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol, RFC 768.
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6, RFC 4443.
    pub const ICMPV6: Self = Self(58);
    /// Stream Control Transmission Protocol, RFC 9260.
    pub const SCTP: Self = Self(132);
    /// Lightweight User Datagram Protocol, RFC 3828.
    pub const UDPLITE: Self = Self(136);
    /// The protocols that have ports.
    pub const WITH_PORTS: [Self; 4] = [Self::TCP, Self::UDP, Self::SCTP, Self::UDPLITE];

    /// Whether the first four bytes of the transport header are two ports.
    pub fn has_ports(self) -> bool {
        Self::WITH_PORTS.contains(&self)
    }

    /// Whether messages carry a type and a code.
    pub fn is_icmp(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }

    /// The name that nft and the policy grammar use, if there is one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ICMP => "icmp",
            Self::TCP => "tcp",
            Self::UDP => "udp",
            Self::ICMPV6 => "icmpv6",
            Self::SCTP => "sctp",
            Self::UDPLITE => "udplite",
            _ => return None,
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Protocol {
    type Err = InvalidValue;

    /// Accepts the names of [`Protocol::name`] and the numbers 1-255.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = [
            Self::ICMP,
            Self::TCP,
            Self::UDP,
            Self::ICMPV6,
            Self::SCTP,
            Self::UDPLITE,
        ];
        if let Some(known) = named.into_iter().find(|p| p.name() == Some(text)) {
            return Ok(known);
        }
        match decimal::<u8>(text) {
            Some(number) if number > 0 => Ok(Self(number)),
            Some(_) | None => Err(InvalidValue::new(
                "protocol",
                text,
                "tcp, udp, sctp, udplite, icmp, icmpv6 or a number 1-255",
            )),
        }
    }
}

/// Longest interface name, `IFNAMSIZ - 1` (linux/if.h).
pub const INTERFACE_NAME_BYTES_MAX: usize = 15;

/// The name of a network interface: 1-15 bytes that Linux accepts (`dev_valid_name`, net/core/dev.c)
/// and that nft can print: no `/`, `:`, `"`, `*`, backslash, space or control byte, ASCII only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(Box<str>);

impl InterfaceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InterfaceName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fits = (1..=INTERFACE_NAME_BYTES_MAX).contains(&text.len());
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"/:\"*\\".contains(&b));
        if fits && clean && text != "." && text != ".." {
            return Ok(Self(text.into()));
        }
        Err(InvalidValue::new(
            "interface",
            text,
            "1-15 printable characters without / : \" * or \\",
        ))
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bad = || InvalidValue::new("mac", text, "six bytes as xx:xx:xx:xx:xx:xx");
        let parts: Vec<&str> = text.split(':').collect();
        let mut bytes = [0; 6];
        if parts.len() != bytes.len() {
            return Err(bad());
        }
        for (byte, part) in bytes.iter_mut().zip(parts) {
            let hex = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            *byte = u8::from_str_radix(part, 16)
                .ok()
                .filter(|_| hex)
                .ok_or_else(bad)?;
        }
        Ok(Self(bytes))
    }
}

/// A text that is not a value of the type it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} {}: expected {allowed}", shortened(.text))]
pub struct InvalidValue {
    /// What was being read.
    pub what: &'static str,
    /// The text as found.
    pub text: String,
    /// What would have been accepted.
    pub allowed: &'static str,
}

impl InvalidValue {
    /// An error that shows what was read and what is allowed.
    pub fn new(what: &'static str, text: &str, allowed: &'static str) -> Self {
        Self {
            what,
            text: text.to_owned(),
            allowed,
        }
    }

    /// What is wrong, without what would be right: `invalid ports "70000"`.
    pub fn finding(&self) -> String {
        format!("invalid {} {}", self.what, shortened(&self.text))
    }
}

/// The text quoted and escaped, cut after 60 characters so that hostile input stays readable.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{:?}... ({} bytes)", &text[..cut], text.len()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prefixes of both families, of which many lie in each other.
    fn arbitrary_cidr() -> impl Strategy<Value = Cidr> {
        let v4 = (0u32..4, 0u32..4, 0u8..=32).prop_map(|(high, low, length)| {
            Cidr::of(std::net::Ipv4Addr::from(high << 30 | low).into(), length)
        });
        let v6 = (0u128..4, 0u128..4, 0u8..=128).prop_map(|(high, low, length)| {
            Cidr::of(std::net::Ipv6Addr::from(high << 126 | low).into(), length)
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn prefixes_lie_in_each_other_as_those_of_ipnet_do(
            one in arbitrary_cidr(),
            other in arbitrary_cidr(),
        ) {
            prop_assert_eq!(one.cmp(&other), one.0.cmp(&other.0));
            prop_assert_eq!(one.covers(&other), one.0.contains(&other.0));
            let address = other.last();
            prop_assert_eq!(one.contains(address), one.0.contains(&address));
        }
    }

    #[test]
    fn ports_are_one_number_or_one_range() {
        assert_eq!(
            "80-443".parse::<PortRange>(),
            Ok(PortRange {
                first: 80,
                last: 443
            })
        );
        for bad in ["", "-", "80-", "443-80", "65536", "+80", " 80", "80,443"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn interface_names_are_what_linux_accepts() {
        assert!("tap1234".parse::<InterfaceName>().is_ok());
        for bad in [
            "",
            "a234567890123456",
            "a b",
            "a/b",
            "a*",
            "..",
            "a\"b",
            "é",
        ] {
            assert!(
                bad.parse::<InterfaceName>().is_err(),
                "{bad:?} was accepted"
            );
        }
    }

    #[test]
    fn prefixes_lose_their_host_bits() {
        assert_eq!(
            "10.1.2.3/8".parse::<Cidr>().map(|c| c.to_string()),
            Ok("10.0.0.0/8".to_owned())
        );
        assert_eq!("fd00::1".parse::<Cidr>().map(|c| c.prefix_len()), Ok(128));
    }
}
