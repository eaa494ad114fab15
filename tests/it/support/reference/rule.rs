//! A rule of a policy or a profile, held against a packet part by part.

use std::net::IpAddr;

use margay::model::{EntityMatch, IcmpMatch, PortMatch, Rule};
use margay::net::{Cidr, Family, Protocol};

use super::Facts;
use super::field::{EndField, Field, Read};
use super::known::Known;

/// One end of a packet.
#[derive(Debug, Clone, Copy)]
struct End {
    address: IpAddr,
    /// Its protocol and port, where it has ports.
    port: Option<(Protocol, u16)>,
    header: Header,
}

/// Whether the header that a packet's protocol calls for is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    Whole,
    /// No test of ports or messages holds, not even that they are others.
    Missing,
}

impl Header {
    fn of(packet: &Facts<'_>) -> Self {
        let ports = packet.protocol.has_ports() && packet.ports.is_none();
        let family = match Family::of(packet.source) {
            Family::V4 => Protocol::ICMP,
            Family::V6 => Protocol::ICMPV6,
        };
        match ports || (packet.protocol == family && packet.icmp.is_none()) {
            true => Self::Missing,
            false => Self::Whole,
        }
    }
}

/// All tests of a rule.
pub(super) fn read(rule: &Rule, packet: &Facts<'_>, known: &Known<'_>) -> Read {
    let mut read = Read::new(rule.action);
    transport(&mut read, rule, packet);
    let ports = packet.ports.map(|(source, to)| {
        let of = |port| (packet.protocol, port);
        (of(source), of(to))
    });
    let header = Header::of(packet);
    let source = End {
        header,
        address: packet.source,
        port: ports.map(|(source, _)| source),
    };
    let destination = End {
        header,
        address: packet.destination,
        port: ports.map(|(_, destination)| destination),
    };
    end(&mut read, Field::Source, &rule.source, source, known);
    end(
        &mut read,
        Field::Destination,
        &rule.destination,
        destination,
        known,
    );
    read
}

fn transport(read: &mut Read, rule: &Rule, packet: &Facts<'_>) {
    let family = Family::of(packet.source);
    if let Some(only) = rule.family {
        read.test(Field::Family, only == family);
    }
    if let Some(protocol) = rule.protocol {
        // ICMP is of IPv4, ICMPv6 of IPv6, whatever a packet of the other family carries.
        let of_family = match protocol {
            Protocol::ICMP => family == Family::V4,
            Protocol::ICMPV6 => family == Family::V6,
            _ => true,
        };
        read.test(Field::Protocol, of_family && packet.protocol == protocol);
    }
    if let Some(not) = rule.not_protocol {
        read.test(Field::NotProtocol, packet.protocol != not);
    }
    if let Some(IcmpMatch { kind, code }) = rule.icmp {
        let is_kind = packet.icmp.is_some_and(|(seen, _)| seen == kind);
        read.test(Field::IcmpType, is_kind);
        if let Some(code) = code {
            let is_code = packet.icmp.is_some_and(|(_, seen)| seen == code);
            read.test(Field::IcmpCode, is_code);
        }
    }
    let is_whole = Header::of(packet) == Header::Whole;
    // A type with a code is one message: others of the type are not meant by `not`.
    match rule.not_icmp {
        Some(IcmpMatch { kind, code: None }) => {
            let is_kind = packet.icmp.is_some_and(|(seen, _)| seen == kind);
            read.test(Field::NotIcmpType, is_whole && !is_kind);
        }
        Some(IcmpMatch {
            kind,
            code: Some(code),
        }) => {
            let is_message = packet.icmp == Some((kind, code));
            read.test(Field::NotIcmpCode, is_whole && !is_message);
        }
        None => {}
    }
}

/// The tests of one end of a rule.
fn end(
    read: &mut Read,
    field: fn(EndField) -> Field,
    end: &EntityMatch,
    seen: End,
    known: &Known<'_>,
) {
    let inside = |nets: &[Cidr]| nets.iter().any(|net| net.contains(seen.address));
    if !end.nets.is_empty() {
        read.test(field(EndField::Nets), inside(&end.nets));
    }
    if !end.not_nets.is_empty() {
        // Prefixes that are all of the other family say nothing of this one.
        let family = Family::of(seen.address);
        let speaks = end.not_nets.iter().any(|net| net.family() == family);
        read.test(field(EndField::NotNets), speaks && !inside(&end.not_nets));
    }
    if let Some(selector) = &end.selector {
        let meant = known.is_meant(selector, seen.address);
        read.test(field(EndField::Selector), meant);
    }
    if let Some(not) = &end.not_selector {
        let meant = known.is_meant(not, seen.address);
        read.test(field(EndField::NotSelector), !meant);
    }
    let is_one = |ports: &[PortMatch]| ports.iter().any(|port| is_port(port, end, seen, known));
    if !end.ports.is_empty() {
        let of = if has_number(&end.ports) {
            EndField::Ports
        } else {
            EndField::NamedPorts
        };
        read.test(field(of), is_one(&end.ports));
    }
    if !end.not_ports.is_empty() {
        let of = if has_number(&end.not_ports) {
            EndField::NotPorts
        } else {
            EndField::NotNamedPorts
        };
        let is_whole = seen.header == Header::Whole;
        read.test(field(of), is_whole && !is_one(&end.not_ports));
    }
}

/// Whether the port is this one. Names are those that what the end's selector means gives its ports.
fn is_port(port: &PortMatch, end: &EntityMatch, seen: End, known: &Known<'_>) -> bool {
    let Some((protocol, number)) = seen.port else {
        return false;
    };
    match port {
        PortMatch::Range(range) => range.contains(number),
        PortMatch::Named(name) => {
            let selector = end.selector.as_ref();
            known.is_called(name, selector, seen.address, (protocol, number))
        }
    }
}

fn has_number(ports: &[PortMatch]) -> bool {
    ports.iter().any(|port| match port {
        PortMatch::Range(_) => true,
        PortMatch::Named(_) => false,
    })
}
