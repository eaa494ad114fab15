//! Packets for a world: most stand on or just beside the edge of a rule.

use std::net::IpAddr;

use super::place::{self, ADDRESSES_IN_SLOT, GHOST, SLOTS, UPLINK};
use super::world::{NUMBERS, icmp_kinds};
use super::{Packet, Probe, Random, Transport, World, labelled};
use crate::model::{Direction, Endpoint, GroupRule, Peer, Service};
use crate::net::{Cidr, Family, PortRange, Protocol};

/// `count` packets for a world, from a seed.
pub fn packets(world: &World, seed: u64, count: usize) -> Vec<Probe> {
    let mut random = Random::new(seed ^ 0x7061_636b_6574);
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let probe = match random.below(100) {
            0..90 => beside_a_rule(&mut random, world),
            90..95 => anywhere(&mut random, world),
            _ => special(&mut random, world),
        };
        all.extend(probe);
    }
    all
}

/// A packet that a rule of an endpoint here allows, or one that it just does not.
fn beside_a_rule(random: &mut Random, world: &World) -> Option<Probe> {
    let here: Vec<&Endpoint> = world
        .state
        .endpoints
        .values()
        .filter(|endpoint| endpoint.host == world.host && !endpoint.addresses.is_empty())
        .collect();
    if here.is_empty() {
        return anywhere(random, world);
    }
    let endpoint = *random.pick(&here);
    let direction = *random.pick(&Direction::ALL);
    if endpoint.labelled().is_some() {
        let aimed = labelled::beside_a_rule(random, world, endpoint, direction);
        return aimed.or_else(|| anywhere(random, world));
    }
    let rules: Vec<&GroupRule> = endpoint
        .groups()
        .iter()
        .filter_map(|name| world.state.groups.get(name))
        .flat_map(|group| group.rules(direction).iter())
        .collect();
    if rules.is_empty() {
        return anywhere(random, world);
    }
    let rule = *random.pick(&rules);
    let family = if random.percent(8) {
        other(rule.family)
    } else {
        rule.family
    };
    let own: Vec<&IpAddr> = endpoint
        .addresses
        .iter()
        .filter(|address| Family::of(**address) == family)
        .collect();
    if own.is_empty() {
        return None;
    }
    let own = **random.pick(&own);
    let far = peer(random, world, &rule.peer, family)?;
    let transport = near(random, rule.service, family);
    let (source, destination) = match direction {
        Direction::Ingress => (far, own),
        Direction::Egress => (own, far),
    };
    route(
        random,
        Packet {
            source,
            destination,
            transport,
        },
    )
}

/// An address inside the peer or just outside of it, that packets can have.
fn peer(random: &mut Random, world: &World, peer: &Peer, family: Family) -> Option<IpAddr> {
    let known = world.addresses();
    let candidates: Vec<IpAddr> = match peer {
        Peer::Cidr(cidr) if cidr.family() == family => edges(random, cidr, &known),
        Peer::Cidr(_) => known,
        Peer::Group(name) => world
            .state
            .endpoints
            .values()
            .filter(|endpoint| random.percent(15) || endpoint.groups().contains(name))
            .flat_map(|endpoint| endpoint.addresses.iter().copied())
            .collect(),
    };
    let usable: Vec<IpAddr> = candidates
        .into_iter()
        .filter(|&address| Family::of(address) == family && place::is_routable(address))
        .collect();
    (!usable.is_empty()).then(|| *random.pick(&usable))
}

/// The first and last address of a prefix, their neighbours, and the known addresses inside.
pub(super) fn edges(random: &mut Random, cidr: &Cidr, known: &[IpAddr]) -> Vec<IpAddr> {
    let (first, last) = cidr.bounds();
    let mut all = vec![stepped(&first, 0), stepped(&last, 0)];
    if random.percent(25) {
        all = vec![stepped(&first, -1), stepped(&last, 1)];
    } else {
        all.extend(known.iter().filter(|address| cidr.contains(**address)));
    }
    all
}

/// The address so many steps away, around the end if need be.
fn stepped(bytes: &[u8], by: i128) -> IpAddr {
    let mut wide = [0; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    let moved = u128::from_be_bytes(wide)
        .wrapping_add_signed(by)
        .to_be_bytes();
    match bytes.len() {
        4 => IpAddr::from([moved[12], moved[13], moved[14], moved[15]]),
        _ => IpAddr::from(moved),
    }
}

/// What the service allows, or in a third of the cases something like it.
fn near(random: &mut Random, service: Service, family: Family) -> Transport {
    let exact = !random.percent(33);
    match service {
        Service::Any => any_transport(random, family),
        Service::Protocol(protocol) if exact => of_protocol(random, protocol, family),
        Service::Protocol(_) => any_transport(random, family),
        Service::Ports(protocol, ports) => {
            let protocol = if exact || random.percent(70) {
                protocol
            } else {
                *random.pick(&[Protocol::TCP, Protocol::UDP, Protocol::SCTP])
            };
            let port = *random.pick(&match exact {
                true => ports_inside(ports),
                false => ports_outside(ports),
            });
            with_ports(random, protocol, port)
        }
        Service::Icmp(kind, code) => {
            let code = code.unwrap_or_else(|| random.byte() % 4);
            match (exact, random.below(10)) {
                (true, _) => Transport::Icmp { kind, code },
                (false, 0..6) => Transport::Icmp {
                    kind,
                    code: code.wrapping_add(1),
                },
                (false, 6..9) => Transport::Icmp {
                    kind: *random.pick(icmp_kinds(family)),
                    code,
                },
                (false, _) => any_transport(random, family),
            }
        }
    }
}

/// The ends of a range and its middle.
fn ports_inside(ports: PortRange) -> Vec<u16> {
    let (first, last) = (ports.first(), ports.last());
    vec![first, last, first + (last - first) / 2]
}

/// The ports next to a range.
fn ports_outside(ports: PortRange) -> Vec<u16> {
    vec![ports.first().wrapping_sub(1), ports.last().wrapping_add(1)]
}

fn with_ports(random: &mut Random, protocol: Protocol, destination: u16) -> Transport {
    Transport::Ports {
        protocol,
        source: random.port().max(1024),
        destination,
    }
}

fn of_protocol(random: &mut Random, protocol: Protocol, family: Family) -> Transport {
    if protocol.has_ports() {
        let port = random.port();
        with_ports(random, protocol, port)
    } else if protocol.is_icmp() {
        Transport::Icmp {
            kind: *random.pick(icmp_kinds(family)),
            code: random.byte() % 4,
        }
    } else {
        Transport::Other(protocol)
    }
}

fn any_transport(random: &mut Random, family: Family) -> Transport {
    let known = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::SCTP,
        Protocol::UDPLITE,
        Protocol::ICMP,
    ];
    let number = Protocol(*random.pick(&NUMBERS));
    let protocol = if random.percent(20) {
        number
    } else {
        *random.pick(&known)
    };
    of_protocol(random, protocol, family)
}

/// Any known address to any other.
fn anywhere(random: &mut Random, world: &World) -> Option<Probe> {
    let family = *random.pick(&Family::ALL);
    let mut known = world.addresses();
    known.retain(|address| Family::of(*address) == family && place::is_routable(*address));
    let destination = *random.pick(&known);
    known.retain(|address| !place::host_addresses().contains(address));
    let source = *random.pick(&known);
    let transport = any_transport(random, family);
    route(
        random,
        Packet {
            source,
            destination,
            transport,
        },
    )
}

/// Where a packet with these addresses comes in: sometimes where it should not.
pub(super) fn route(random: &mut Random, packet: Packet) -> Option<Probe> {
    if place::host_addresses().contains(&packet.source) {
        return None;
    }
    let rightful = place::slot_of(packet.source);
    let slot = match random.below(100) {
        0..4 => Some(random.below(GHOST + 1)),
        4..7 => None,
        // What endpoints answer to such a sender leads to an interface that nobody may reach.
        7..50 if rightful == Some(GHOST) => None,
        _ => rightful,
    };
    let mut probe = probe_from(slot, packet)?;
    if random.percent(3) {
        probe.mac = probe.mac.map(|_| place::mac(GHOST));
    }
    Some(probe)
}

/// A packet coming in by a slot's interface, or by the uplink.
fn probe_from(slot: Option<usize>, packet: Packet) -> Option<Probe> {
    let ethernet = slot.filter(|&slot| place::is_ethernet(slot));
    Some(Probe {
        from: slot.map_or(UPLINK, |slot| SLOTS[slot]).parse().ok()?,
        to: place::route(packet.destination),
        mac: ethernet.map(place::mac),
        packet,
    })
}

/// What hosts say before or beside what policy is about.
fn special(random: &mut Random, world: &World) -> Option<Probe> {
    let slot = random.below(GHOST + 1);
    let family = *random.pick(&Family::ALL);
    let own = place::in_slot(slot, family, *random.pick(&ADDRESSES_IN_SLOT));
    let host = *random.pick(&place::host_addresses());
    let udp = |source, destination| Transport::Ports {
        protocol: Protocol::UDP,
        source,
        destination,
    };
    let local: IpAddr = "fe80::2".parse().ok()?;
    let nobody: IpAddr = if random.percent(50) {
        "::".parse().ok()?
    } else {
        local
    };
    let icmp = Transport::Icmp {
        kind: 129 + random.byte() % 16,
        code: 0,
    };
    let (source, destination, transport) = match random.below(7) {
        0 => (
            [0; 4].into(),
            [255; 4].into(),
            udp(68, 67 + u16::from(random.percent(20))),
        ),
        1 => (
            local,
            "ff02::1".parse().ok()?,
            udp(546 + u16::from(random.percent(20)), 547),
        ),
        2 => (nobody, "ff02::1".parse().ok()?, icmp),
        3 => (own, host, metadata_or_dns(random, world)),
        4 => (own, host, udp(68, 67)),
        5 => (own, host, udp(546, 547)),
        _ => (own, host, icmp),
    };
    if Family::of(source) != Family::of(destination) {
        return None;
    }
    probe_from(
        Some(slot),
        Packet {
            source,
            destination,
            transport,
        },
    )
}

fn metadata_or_dns(random: &mut Random, world: &World) -> Transport {
    let metadata = world
        .state
        .settings
        .metadata
        .map_or(8775, |metadata| metadata.port);
    let port = *random.pick(&[53, 53, metadata, metadata, metadata.wrapping_add(1)]);
    let protocol = *random.pick(&[Protocol::TCP, Protocol::UDP, Protocol::TCP, Protocol::SCTP]);
    with_ports(random, protocol, port)
}

fn other(family: Family) -> Family {
    match family {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    }
}
