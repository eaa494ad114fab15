//! Packets for a world of the benchmarks: beside and inside every rule of it.

use std::net::IpAddr;
use std::process::Command;

use margay::bench::world::{Altered, World};
use margay::model::{Direction, Endpoint, GroupRule, Peer, Service, State};
use margay::net::{Cidr, Family, InterfaceName, Protocol};
use margay::scenario::flat::POLICY;
use margay::scenario::place::{HOST, UPLINK};
use margay::scenario::{Packet, Probe, Transport};

use crate::support::probe::facts;
use crate::support::prober::Line;
use crate::support::reference::{Connection, Reference};
use crate::support::tun::Link;

/// An interface of a workload that nobody declared, and who is there.
const GHOST: (&str, [&str; 2]) = ("tap-ghost", ["10.251.0.1", "fd00:fb00::1"]);

/// The devices that the world needs: of its endpoints, those that come, a ghost's, and the rest.
pub(crate) fn lines(world: &World) -> Vec<Line> {
    let state = world.changed(Altered::Endpoint);
    let here = state.endpoints.values().filter(|e| e.host == HOST);
    let mut lines: Vec<Line> = here
        .map(|endpoint| line(endpoint.interface.as_str(), &endpoint.addresses))
        .collect();
    let ghost = GHOST.1.map(|address| address.parse::<IpAddr>().unwrap());
    lines.push(line(GHOST.0, &ghost));
    lines.push(Line {
        name: UPLINK.to_owned(),
        link: Link::Ip,
        prefixes: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
    });
    lines
}

fn line<'a>(name: &str, addresses: impl IntoIterator<Item = &'a IpAddr>) -> Line {
    let addresses = addresses.into_iter();
    Line {
        name: name.to_owned(),
        link: Link::Ip,
        prefixes: addresses.map(|a| Cidr::host(*a).to_string()).collect(),
    }
}

/// The interface that leads to an address.
fn interface(state: &State, address: IpAddr) -> InterfaceName {
    let here = state.endpoints.values().filter(|e| e.host == HOST);
    let mut owners = here.filter(|endpoint| endpoint.addresses.contains(&address));
    if let Some(endpoint) = owners.next() {
        return endpoint.interface.clone();
    }
    let ghost = GHOST.1.iter().any(|ghost| ghost.parse() == Ok(address));
    let name = if ghost { GHOST.0 } else { UPLINK };
    name.parse().unwrap()
}

fn probe(state: &State, source: IpAddr, destination: IpAddr, transport: Transport) -> Probe {
    Probe {
        from: interface(state, source),
        to: Some(interface(state, destination)),
        mac: None,
        packet: Packet {
            source,
            destination,
            transport,
        },
    }
}

/// What the receiver of a probe would send back.
pub(crate) fn answer(world: &World, opening: &Probe) -> Probe {
    let state = world.changed(Altered::Endpoint);
    let packet = opening.packet.reply();
    probe(&state, packet.source, packet.destination, packet.transport)
}

/// For each rule of the policy, as it is and as it will be, packets that it allows and some that it just does
/// not, to and from endpoints of two bundles; and some of who may not send at all.
pub(crate) fn probes(world: &World) -> Vec<Probe> {
    let full = everything(world);
    let mut all = Vec::new();
    for (place, name) in ["vm1", "vm2", "vm11", "newcomer"].into_iter().enumerate() {
        let endpoint = &full.endpoints[&name.parse().unwrap()];
        for direction in Direction::ALL {
            let rules = full.groups[&POLICY.parse().unwrap()].rules(direction);
            // All rules of the first endpoint, which has the policy alone, and every third of others.
            let some = rules
                .iter()
                .enumerate()
                .filter(|(n, _)| place == 0 || n % 3 == place % 3);
            for (_, rule) in some {
                beside(&full, endpoint, rule, direction, &mut all);
            }
        }
    }
    all.extend(of_mover(&full));
    for (family, ghost) in Family::ALL.into_iter().zip(GHOST.1) {
        let ghost: IpAddr = ghost.parse().unwrap();
        let own = own(&full.endpoints[&"vm2".parse().unwrap()], family).unwrap();
        let open = own_of_flow(world, &full, family);
        for transport in [udp(53), udp(4_242)] {
            all.push(probe(&full, ghost, own, transport));
            all.push(probe(&full, open, ghost, transport));
        }
    }
    all
}

/// What the groups allow that an endpoint leaves and joins, and what both may send.
fn of_mover(full: &State) -> Vec<Probe> {
    let ends = ["mover", "vm1"].map(|name| &full.endpoints[&name.parse().unwrap()]);
    let address = *ends[0].addresses.first().unwrap();
    let receiver = own(ends[1], Family::of(address)).unwrap();
    let outside: IpAddr = match address {
        IpAddr::V4(_) => "203.0.113.9".parse().unwrap(),
        IpAddr::V6(_) => "2001:db8:9::9".parse().unwrap(),
    };
    let received = [5_100, 5_200, 5_300, 5_301].map(|port| (outside, address, port));
    let sent = [5_400, 5_401].map(|port| (address, receiver, port));
    let all = received.into_iter().chain(sent);
    all.map(|(from, to, port)| probe(full, from, to, udp(port)))
        .collect()
}

/// Everything that a change may bring, at once: what policy says then is for others to say.
fn everything(world: &World) -> State {
    let mut full = world.changed(Altered::Endpoint);
    let rules = world.changed(Altered::Rule);
    full.groups = rules.groups;
    for (name, endpoint) in world.changed(Altered::Member).endpoints {
        full.endpoints.insert(name, endpoint);
    }
    let others = world.changed(Altered::Crowd).endpoints;
    for (name, endpoint) in others.into_iter().filter(|(_, e)| e.host != HOST) {
        let known = full.endpoints.get_mut(&name).unwrap();
        known.addresses.extend(endpoint.addresses);
    }
    full
}

fn own_of_flow(world: &World, full: &State, family: Family) -> IpAddr {
    let sender = full.endpoints.values();
    let mut sender = sender.filter(|e| e.addresses.contains(&world.flow.source));
    own(sender.next().unwrap(), family).unwrap()
}

fn own(endpoint: &Endpoint, family: Family) -> Option<IpAddr> {
    let mut addresses = endpoint.addresses.iter().copied();
    addresses.find(|address| Family::of(*address) == family)
}

fn udp(destination: u16) -> Transport {
    Transport::Ports {
        protocol: Protocol::UDP,
        source: 1,
        destination,
    }
}

/// Packets inside a rule and beside it.
fn beside(
    state: &State,
    endpoint: &Endpoint,
    rule: &GroupRule,
    direction: Direction,
    all: &mut Vec<Probe>,
) {
    let Some(own) = own(endpoint, rule.family) else {
        return;
    };
    let inside = of_service(rule.service, rule.family);
    let Some(far) = peers(state, rule).into_iter().next() else {
        return;
    };
    let mut push = |far: IpAddr, transport| {
        if far == own {
            return;
        }
        all.push(match direction {
            Direction::Ingress => probe(state, far, own, transport),
            Direction::Egress => probe(state, own, far, transport),
        });
    };
    for peer in peers(state, rule) {
        push(peer, inside[0]);
    }
    for transport in &inside[1..] {
        push(far, *transport);
    }
    let nobody: IpAddr = match rule.family {
        Family::V4 => "203.0.113.9".parse().unwrap(),
        Family::V6 => "2001:db8:9::9".parse().unwrap(),
    };
    push(nobody, inside[0]);
}

/// The first and the last address of a prefix, or some members of a group.
fn peers(state: &State, rule: &GroupRule) -> Vec<IpAddr> {
    match &rule.peer {
        Peer::Cidr(cidr) if cidr.prefix_len() == 0 => Vec::new(),
        Peer::Cidr(cidr) => {
            let (first, last) = cidr.bounds();
            vec![address(&first), address(&last)]
        }
        Peer::Group(group) => {
            let members = state.endpoints.values();
            let members = members.filter(|endpoint| endpoint.groups().contains(group));
            let of_family = members.flat_map(|endpoint| &endpoint.addresses).copied();
            of_family
                .filter(|a| Family::of(*a) == rule.family)
                .take(12)
                .collect()
        }
    }
}

fn address(bytes: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
    }
}

/// What a service is first, then more of it and what is just not of it.
fn of_service(service: Service, family: Family) -> Vec<Transport> {
    let ports = |protocol, destination| Transport::Ports {
        protocol,
        source: 1,
        destination,
    };
    match service {
        Service::Any => vec![
            udp(7),
            ports(Protocol::TCP, 7),
            Transport::Other(Protocol(89)),
        ],
        Service::Protocol(Protocol(number)) => {
            vec![
                Transport::Other(Protocol(number)),
                Transport::Other(Protocol(253)),
                udp(7),
            ]
        }
        Service::Ports(protocol, range) => {
            let other = if protocol == Protocol::TCP {
                Protocol::UDP
            } else {
                Protocol::TCP
            };
            vec![
                ports(protocol, range.first()),
                ports(protocol, range.last()),
                ports(protocol, range.first().wrapping_sub(1)),
                ports(protocol, range.last().wrapping_add(1)),
                ports(other, range.first()),
            ]
        }
        Service::Icmp(kind, code) => {
            let code = code.unwrap_or(3);
            let other = match family {
                Family::V4 => 17,
                Family::V6 => 128,
            };
            vec![
                Transport::Icmp { kind, code },
                Transport::Icmp {
                    kind,
                    code: code ^ 1,
                },
                Transport::Icmp { kind: other, code },
            ]
        }
    }
}

/// Whether packets see what a change is.
pub(crate) fn differ(world: &World, changed: &State) -> bool {
    let [before, after] = [&world.state, changed].map(|state| Reference::new(state, HOST));
    probes(world).iter().any(|probe| {
        let facts = facts(probe, Connection::New);
        before.verdict(&facts) != after.verdict(&facts)
    })
}

/// The rules and sets that a command of iptables or ipset shows, if it is there.
pub(crate) fn rules_of(command: &str) -> String {
    let mut words = command.split(' ');
    let shown = Command::new(words.next().unwrap()).args(words).output();
    let shown = shown
        .map(|output| String::from_utf8(output.stdout).unwrap())
        .unwrap_or_default();
    let is_rule = |line: &&str| line.starts_with("-A ") || line.ends_with(" - [0:0]");
    let lines = shown
        .lines()
        .filter(|line| is_rule(line) || command.starts_with("ipset"));
    lines.collect::<Vec<_>>().join("\n")
}
