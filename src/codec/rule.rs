//! The grammar of a rule:
//! `allow IPv4|IPv6 [<protocol> [<ports>]] [traffic] from|to <cidr> | group <name>`.

use crate::model::{Direction, GroupRule, Origin, Peer, Service};
use crate::net::{Cidr, Family, InvalidValue, PortRange, Protocol, decimal};

/// A rule that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invalid}")]
pub struct InvalidRule {
    /// The byte of the text at which the trouble begins.
    pub offset: usize,
    /// What stands there, and what may.
    pub invalid: InvalidValue,
}

/// Reads a rule of the list of one direction.
///
/// # Errors
/// The first word that cannot stand where it does, and what could.
pub fn parse(text: &str, direction: Direction, origin: Origin) -> Result<GroupRule, InvalidRule> {
    let mut words = Words { text, offset: 0 };
    words.expect("allow", "the word allow")?;
    let family = words.parsed(family)?;
    let service = service(&mut words, family)?;
    preposition(&mut words, direction)?;
    let peer = peer(&mut words, family)?;
    words.end()?;
    Ok(GroupRule {
        family,
        service,
        peer,
        origin,
    })
}

fn family(text: &str) -> Result<Family, InvalidValue> {
    Family::ALL
        .into_iter()
        .find(|family| family.to_string() == text)
        .ok_or_else(|| InvalidValue::new("family", text, "IPv4 or IPv6"))
}

fn service(words: &mut Words<'_>, family: Family) -> Result<Service, InvalidRule> {
    if words.at_peer() {
        return Ok(Service::Any);
    }
    let protocol = words.parsed(|text| protocol(text, family))?;
    if words.at_peer() {
        return Ok(Service::Protocol(protocol));
    }
    words.parsed(|text| detail(text, protocol, family))
}

/// The word `icmp` means the ICMP of the rule's family.
fn protocol(text: &str, family: Family) -> Result<Protocol, InvalidValue> {
    match (text.parse(), family) {
        (Ok(Protocol::ICMP), Family::V6) if text == "icmp" => Ok(Protocol::ICMPV6),
        (Err(_), _) if text.parse::<PortRange>().is_ok() => Err(InvalidValue::new(
            "ports without a protocol:",
            text,
            "tcp, udp, sctp or udplite before ports",
        )),
        (parsed, _) => parsed,
    }
}

/// What may follow a protocol: ports, or an ICMP type and code.
fn detail(text: &str, protocol: Protocol, family: Family) -> Result<Service, InvalidValue> {
    if protocol.has_ports() {
        return Ok(Service::Ports(protocol, text.parse()?));
    }
    let own_icmp = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    if protocol == own_icmp {
        return icmp(text);
    }
    Err(InvalidValue::new(
        if protocol.is_icmp() {
            "ICMP type of the other family:"
        } else {
            "ports of a protocol without ports:"
        },
        text,
        "from or to; ports only after tcp, udp, sctp or udplite",
    ))
}

fn icmp(text: &str) -> Result<Service, InvalidValue> {
    let bad = || InvalidValue::new("ICMP type", text, "type or type/code, each 0-255");
    let (kind, code) = match text.split_once('/') {
        Some((kind, code)) => (kind, Some(decimal(code).ok_or_else(bad)?)),
        None => (text, None),
    };
    Ok(Service::Icmp(decimal(kind).ok_or_else(bad)?, code))
}

fn preposition(words: &mut Words<'_>, direction: Direction) -> Result<(), InvalidRule> {
    if words.peek() == "traffic" {
        words.take();
    }
    match direction {
        Direction::Ingress => words.expect("from", "from, in an ingress rule"),
        Direction::Egress => words.expect("to", "to, in an egress rule"),
    }
}

fn peer(words: &mut Words<'_>, family: Family) -> Result<Peer, InvalidRule> {
    if words.peek() == "group" {
        words.take();
        return Ok(Peer::Group(words.parsed(str::parse)?));
    }
    let cidr = words.parsed(|text| {
        let cidr: Cidr = text.parse().map_err(|_| {
            InvalidValue::new("peer", text, "address, address/length or group <name>")
        })?;
        let allowed = match family {
            Family::V4 => "an IPv4 prefix in an IPv4 rule",
            Family::V6 => "an IPv6 prefix in an IPv6 rule",
        };
        (cidr.family() == family)
            .then_some(cidr)
            .ok_or_else(|| InvalidValue::new("prefix of the wrong family:", text, allowed))
    })?;
    Ok(Peer::Cidr(cidr))
}

/// The words of a rule; behind the last one stand empty words.
struct Words<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Words<'a> {
    fn peek(&mut self) -> &'a str {
        let rest = &self.text[self.offset..];
        let word = rest.trim_ascii_start();
        self.offset += rest.len() - word.len();
        let end = word.find(|c: char| c.is_ascii_whitespace());
        &word[..end.unwrap_or(word.len())]
    }

    fn take(&mut self) {
        self.offset += self.peek().len();
    }

    fn at_peer(&mut self) -> bool {
        matches!(self.peek(), "traffic" | "from" | "to" | "")
    }

    /// The next word, parsed.
    fn parsed<T>(
        &mut self,
        parse: impl Fn(&str) -> Result<T, InvalidValue>,
    ) -> Result<T, InvalidRule> {
        let value = parse(self.peek()).map_err(|invalid| InvalidRule {
            offset: self.offset,
            invalid,
        })?;
        self.take();
        Ok(value)
    }

    fn expect(&mut self, word: &str, allowed: &'static str) -> Result<(), InvalidRule> {
        self.parsed(|text| {
            (text == word)
                .then_some(())
                .ok_or_else(|| InvalidValue::new("word", text, allowed))
        })
    }

    fn end(&mut self) -> Result<(), InvalidRule> {
        self.parsed(|text| {
            text.is_empty()
                .then_some(())
                .ok_or_else(|| InvalidValue::new("word", text, "nothing more"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingress(text: &str) -> Result<GroupRule, InvalidRule> {
        parse(text, Direction::Ingress, Origin::default())
    }

    #[test]
    fn rules_print_as_they_were_read() {
        for (text, printed) in [
            ("allow IPv4 from 0.0.0.0/0", "allow IPv4 0.0.0.0/0"),
            (
                "allow IPv4 tcp 80-443 from 10.0.0.0/8",
                "allow IPv4 tcp 80-443 10.0.0.0/8",
            ),
            (
                "allow IPv6 tcp 22 traffic from group b",
                "allow IPv6 tcp 22 group b",
            ),
            (
                "allow IPv6 icmp 128/0 from ::/0",
                "allow IPv6 icmp 128/0 ::/0",
            ),
            ("allow IPv6 icmp from ::1", "allow IPv6 icmpv6 ::1/128"),
            ("allow IPv6 1 from ::1", "allow IPv6 1 ::1/128"),
            ("allow IPv4 1 from 10.1.2.3", "allow IPv4 icmp 10.1.2.3/32"),
            ("allow IPv4 traffic from 10.1.2.3", "allow IPv4 10.1.2.3/32"),
            (
                "  allow\tIPv4  47 from group a.b  ",
                "allow IPv4 47 group a.b",
            ),
            (
                "allow IPv4 6 80 from group from",
                "allow IPv4 tcp 80 group from",
            ),
        ] {
            assert_eq!(
                ingress(text).map(|r| r.to_string()),
                Ok(printed.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn faults_are_found_where_they_stand() {
        for (text, at, said) in [
            ("", "", "the word allow"),
            ("deny IPv4 from ::/0", "deny", "the word allow"),
            ("allow ipv4 from ::/0", "ipv4", "IPv4 or IPv6"),
            (
                "allow IPv4 443 from 10.0.0.0/8",
                "443",
                "ports without a protocol",
            ),
            (
                "allow IPv4 80-443 from 10.0.0.0/8",
                "80-443",
                "ports without a protocol",
            ),
            ("allow IPv4 tcp 70000 from 10.0.0.0/8", "70000", "0-65535"),
            ("allow IPv4 tcp 9-8 from 10.0.0.0/8", "9-8", "0-65535"),
            ("allow IPv4 gre 1 from 10.0.0.0/8", "gre", "1-255"),
            ("allow IPv4 47 80 from 10.0.0.0/8", "80", "without ports"),
            ("allow IPv4 icmp 256 from 10.0.0.0/8", "256", "0-255"),
            ("allow IPv4 icmpv6 8 from 10.0.0.0/8", "8 ", "other family"),
            ("allow IPv4 to 10.0.0.0/8", "to", "ingress"),
            ("allow IPv4 from fd00::/8", "fd00", "IPv4 prefix"),
            ("allow IPv6 from 10.0.0.0/8", "10.", "IPv6 prefix"),
            ("allow IPv4 from 10.0.0.0/33", "10.", "address/length"),
            ("allow IPv4 from group", "", "group name"),
            ("allow IPv4 from group a b", "b", "nothing more"),
            ("allow IPv4 tcp", "", "ingress"),
        ] {
            let error = ingress(text).expect_err(text);
            assert!(text[error.offset..].starts_with(at), "{text}: {error:?}");
            assert!(error.to_string().contains(said), "{text}: {error}");
        }
    }
}
