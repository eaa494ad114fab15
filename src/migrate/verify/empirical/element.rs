//! Packets that are elements of sets, and such that are nearly.

use super::inside::{address_of, device, port_of, satisfy};
use super::packet::{above, below};
use super::probe::Probe;
use crate::migrate::ipset::{Field, PortProtocol, Set, Type};
use crate::migrate::iptables::{Direction, InterfacePattern, Masked, MatchSet, Side, Span, Test};
use crate::net::PortRange;

/// No more elements of one set are tried.
const ELEMENTS_MAX: usize = 8;

/// Packets for the elements of a set, which a rule looks up.
pub(super) fn elements(start: &Probe, sought: &MatchSet, sets: &[Set]) -> Vec<Probe> {
    let mut probes = Vec::new();
    let Some(set) = sets.iter().find(|set| set.name == sought.name) else {
        return probes;
    };
    for element in set.elements.iter().take(ELEMENTS_MAX) {
        if let (Type::ListSet, [Field::Set(name)]) = (&set.kind, element.fields.as_slice()) {
            let inner = MatchSet {
                name: name.clone(),
                ..sought.clone()
            };
            // A list holds no lists.
            if name != &sought.name {
                probes.extend(elements(start, &inner, sets));
            }
            continue;
        }
        let placed: Vec<_> = element.fields.iter().zip(&sought.sides).collect();
        let mut inside = start.clone();
        for (field, side) in &placed {
            be(&mut inside, field, **side);
        }
        for (field, side) in &placed {
            probes.extend(near(&inside, field, **side));
        }
        probes.push(inside);
    }
    probes
}

/// The interfaces that elements name.
pub(super) fn interfaces(sets: &[Set]) -> impl Iterator<Item = String> {
    let fields = sets.iter().flat_map(|set| &set.elements);
    fields
        .flat_map(|element| &element.fields)
        .filter_map(|field| match field {
            Field::Interface {
                name,
                physical: false,
            } => Some(device(&pattern(name))),
            Field::Interface { physical: true, .. }
            | Field::Prefix(_)
            | Field::Range(_)
            | Field::Port(_)
            | Field::PlainPort(_)
            | Field::Mac(_)
            | Field::Mark(_)
            | Field::Set(_) => None,
        })
}

fn pattern(name: &str) -> InterfacePattern {
    match name.strip_suffix('+') {
        Some(prefix) => InterfacePattern::Prefix(prefix.to_owned()),
        None => InterfacePattern::Name(name.to_owned()),
    }
}

/// Makes a packet that a field of an element means.
fn be(probe: &mut Probe, field: &Field, side: Side) {
    match field {
        Field::Prefix(prefix) => *address_of(probe, side) = prefix.network(),
        Field::Range(span) => *address_of(probe, side) = span.first,
        Field::Port(PortProtocol { protocol, ports }) => {
            probe.protocol = protocol.0;
            put(probe, side, *ports, ports.first());
        }
        Field::PlainPort(ports) => *port_of(probe, side) = ports.first(),
        Field::Mac(mac) => probe.mac = *mac,
        Field::Mark(mark) => probe.state.mark = *mark,
        Field::Interface { name, physical } => {
            let direction = match side {
                Side::Source => Direction::In,
                Side::Destination => Direction::Out,
            };
            if !physical {
                satisfy(probe, &Test::Interface(direction, pattern(name)));
            }
        }
        Field::Set(_) => {}
    }
}

/// ICMP has its type and code where others have a port.
fn put(probe: &mut Probe, side: Side, ports: PortRange, port: u16) {
    match probe.protocol {
        1 | 58 => {
            let [kind, code] = port.to_be_bytes();
            probe.icmp = (kind, code);
        }
        _ if ports == PortRange::ALL => {}
        _ => *port_of(probe, side) = port,
    }
}

/// Packets that a field means still, or no longer.
fn near(inside: &Probe, field: &Field, side: Side) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut change = |change: &dyn Fn(&mut Probe)| {
        let mut probe = inside.clone();
        change(&mut probe);
        probes.push(probe);
    };
    match field {
        Field::Prefix(prefix) => {
            let span = Span {
                first: prefix.network(),
                last: prefix.last(),
            };
            for address in [span.last, below(span.first), above(span.last)] {
                change(&|probe| *address_of(probe, side) = address);
            }
        }
        Field::Range(span) => {
            for address in [span.last, below(span.first), above(span.last)] {
                change(&|probe| *address_of(probe, side) = address);
            }
        }
        Field::Port(PortProtocol { ports, .. }) => {
            let first = ports.first().wrapping_sub(1);
            for port in [ports.last(), first, ports.last().wrapping_add(1)] {
                change(&|probe| put(probe, side, *ports, port));
            }
            change(&|probe| probe.protocol = if probe.protocol == 6 { 17 } else { 6 });
        }
        Field::PlainPort(ports) => {
            let first = ports.first().wrapping_sub(1);
            for port in [ports.last(), first, ports.last().wrapping_add(1)] {
                change(&|probe| *port_of(probe, side) = port);
            }
            // Neither has ports.
            change(&|probe| probe.protocol = 1);
            change(&|probe| probe.protocol = 47);
        }
        Field::Mac(mac) => probes = super::outside::outside(inside, &Test::Mac(*mac)),
        Field::Mark(mark) => {
            let masked = Masked {
                value: *mark,
                mask: u32::MAX,
            };
            probes = super::outside::outside(inside, &Test::Mark(masked));
        }
        Field::Interface { name, .. } => {
            probes =
                super::outside::outside(inside, &Test::Interface(Direction::In, pattern(name)));
        }
        Field::Set(_) => {}
    }
    probes
}
