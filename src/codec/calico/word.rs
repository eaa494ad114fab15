//! Values in the words of Calico.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::model::{
    Action, DefaultAction, DenyAction, Direction, HostAction, InterfacePrefix, InvalidCheck,
    MetadataAddress, PortMatch, SourceSpoofing, StagedAction,
};
use crate::net::{Cidr, Family, InvalidValue, PortRange, Protocol, decimal};

/// A value that resources write in their own way.
pub(in crate::codec) struct Word<T>(pub(in crate::codec) T);

/// The value of a word among a few.
fn one_of<T: Copy>(
    words: &[(&str, T)],
    text: &str,
    what: &'static str,
    allowed: &'static str,
) -> Result<Word<T>, InvalidValue> {
    let found = words.iter().find(|(word, _)| *word == text);
    found
        .map(|&(_, value)| Word(value))
        .ok_or_else(|| InvalidValue::new(what, text, allowed))
}

impl FromStr for Word<Action> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [
            ("Allow", Action::Allow),
            ("Deny", Action::Deny),
            ("Log", Action::Log),
            ("Pass", Action::Pass),
        ];
        one_of(&words, text, "action", "Allow, Deny, Log or Pass")
    }
}

impl FromStr for Word<DefaultAction> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [("Deny", DefaultAction::Deny), ("Pass", DefaultAction::Pass)];
        one_of(&words, text, "default action", "Deny or Pass")
    }
}

impl FromStr for Word<Direction> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [
            ("Ingress", Direction::Ingress),
            ("Egress", Direction::Egress),
        ];
        one_of(&words, text, "type", "Ingress or Egress")
    }
}

impl FromStr for Word<StagedAction> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [
            ("Set", StagedAction::Set),
            ("Delete", StagedAction::Delete),
            ("Learn", StagedAction::Learn),
            ("Ignore", StagedAction::Ignore),
        ];
        one_of(
            &words,
            text,
            "staged action",
            "Set, Delete, Learn or Ignore",
        )
    }
}

impl FromStr for Word<bool> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        one_of(
            &[("true", true), ("false", false)],
            text,
            "value",
            "true or false",
        )
    }
}

impl FromStr for Word<Family> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [("4", Family::V4), ("6", Family::V6)];
        one_of(&words, text, "IP version", "4 or 6")
    }
}

impl FromStr for Word<Protocol> {
    type Err = InvalidValue;

    /// Accepts the names in either case: clients that write to the store themselves do so.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.to_ascii_lowercase().parse().map(Self).map_err(|_| {
            let allowed = "TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number 1-255";
            InvalidValue::new("protocol", text, allowed)
        })
    }
}

// What Felix is told, it reads in either case.

impl FromStr for Word<HostAction> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [
            ("drop", HostAction::Drop),
            ("return", HostAction::Return),
            ("accept", HostAction::Accept),
        ];
        let text = &text.to_ascii_lowercase();
        one_of(&words, text, "action", "Drop, Return or Accept")
    }
}

impl FromStr for Word<DenyAction> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [("drop", DenyAction::Drop), ("reject", DenyAction::Reject)];
        let text = &text.to_ascii_lowercase();
        one_of(&words, text, "action", "Drop or Reject")
    }
}

impl FromStr for Word<SourceSpoofing> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let words = [
            ("disabled", SourceSpoofing::Disabled),
            ("any", SourceSpoofing::Any),
        ];
        let text = &text.to_ascii_lowercase();
        one_of(&words, text, "value", "Disabled or Any")
    }
}

impl FromStr for Word<InvalidCheck> {
    type Err = InvalidValue;

    /// Reads whether it is disabled.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let Word(disabled) = text.parse()?;
        Ok(Self(if disabled {
            InvalidCheck::Disabled
        } else {
            InvalidCheck::Enforced
        }))
    }
}

impl FromStr for Word<Vec<InterfacePrefix>> {
    type Err = InvalidValue;

    /// Prefixes with commas between them.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let prefixes = text.split(',').map(|prefix| prefix.trim().parse());
        prefixes.collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Word<MetadataAddress> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(MetadataAddress::None));
        }
        let address = text.parse().map(MetadataAddress::At).map(Self);
        address.map_err(|_| InvalidValue::new("address", text, "one IPv4 or IPv6 address, or none"))
    }
}

/// A port as rules write it: a number, `lo:hi` or a name.
pub(super) struct Port(pub(super) PortMatch);

impl FromStr for Port {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
            return text.parse().map(|name| Self(PortMatch::Named(name)));
        }
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let number = |text: &str| text.parse::<PortNumber>().ok().map(|port| port.0);
        let range = number(first).zip(number(last));
        range
            .and_then(|(first, last)| PortRange::new(first, last))
            .map(|range| Self(PortMatch::Range(range)))
            .ok_or_else(|| InvalidValue::new("port", text, "1-65535, lo:hi or a name"))
    }
}

/// One port by number.
pub(in crate::codec) struct PortNumber(pub(in crate::codec) u16);

impl FromStr for PortNumber {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        decimal(text)
            .filter(|&port| port > 0)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("port", text, "1-65535"))
    }
}

/// One address, with the length of a whole one or without.
pub(in crate::codec) struct Single(pub(in crate::codec) IpAddr);

impl FromStr for Single {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let whole =
            |cidr: &Cidr| usize::from(cidr.prefix_len()) == 8 * cidr.family().address_bytes();
        let cidr: Option<Cidr> = text.parse().ok().filter(whole);
        cidr.map(|cidr| Self(cidr.network())).ok_or_else(|| {
            let allowed = "one address, with /32 or /128 or without";
            InvalidValue::new("address", text, allowed)
        })
    }
}

impl FromStr for Word<Ipv6Addr> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = |_| InvalidValue::new("address", text, "an IPv6 address");
        text.parse().map(Self).map_err(invalid)
    }
}

/// 0-254: the kernel keeps 255 for any.
pub(in crate::codec) struct IcmpType(pub(in crate::codec) u8);

impl FromStr for IcmpType {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        decimal(text)
            .filter(|&kind| kind < u8::MAX)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("ICMP type", text, "0-254"))
    }
}

/// 0-255.
pub(in crate::codec) struct IcmpCode(pub(in crate::codec) u8);

impl FromStr for IcmpCode {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        decimal(text)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("ICMP code", text, "0-255"))
    }
}
