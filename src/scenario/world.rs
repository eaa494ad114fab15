//! Random worlds: endpoints here and elsewhere, groups, and rules that use every field.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Random;
use super::place::{self, ADDRESSES_IN_SLOT, GHOST, HOST, SLOTS};
use crate::model::{
    Endpoint, GroupName, GroupRule, GroupRules, HostAction, Membership, Metadata, Origin, Peer,
    SecurityGroup, Service, Settings, State,
};
use crate::net::{Cidr, Family, MacAddress, PortRange, Protocol};

/// A group that rules and endpoints name and that does not exist.
const ABSENT: &str = "absent";

/// Protocols without ports that rules name by number.
pub const NUMBERS: [u8; 3] = [89, 112, 253];

/// A state, and where the host is that looks at it.
#[derive(Debug, Clone)]
pub struct World {
    /// What operators said.
    pub state: State,
    /// The host.
    pub host: &'static str,
}

impl World {
    /// The world of a seed.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let names = group_names(&mut random);
        let mut state = State {
            settings: settings(&mut random),
            ..State::default()
        };
        for endpoint in endpoints(&mut random, &names) {
            state.endpoints.insert(endpoint.name.clone(), endpoint);
        }
        let known: Vec<IpAddr> = known_addresses(&state);
        for name in names.into_iter().filter(|name| name.as_str() != ABSENT) {
            let group = group(&mut random, name, &state, &known);
            state.groups.insert(group.name.clone(), group);
        }
        Self { state, host: HOST }
    }

    /// Every address that something in the world has, and some that nothing has.
    pub fn addresses(&self) -> Vec<IpAddr> {
        known_addresses(&self.state)
    }
}

pub(super) fn known_addresses(state: &State) -> Vec<IpAddr> {
    let mut known: Vec<IpAddr> = state
        .endpoints
        .values()
        .flat_map(|endpoint| endpoint.addresses.iter().copied())
        .collect();
    known.extend(Family::ALL.into_iter().flat_map(place::outside));
    known.extend(place::host_addresses());
    known.extend(Family::ALL.map(|family| place::in_slot(GHOST, family, ADDRESSES_IN_SLOT[0])));
    known
}

fn group_names(random: &mut Random) -> Vec<GroupName> {
    let count = 2 + random.below(4);
    let names = (0..count).map(|n| format!("g{n}"));
    names
        .chain([ABSENT.to_owned()])
        .filter_map(|name| name.parse().ok())
        .collect()
}

pub(super) fn settings(random: &mut Random) -> Settings {
    let actions = [HostAction::Drop, HostAction::Return, HostAction::Accept];
    let addresses = place::host_addresses();
    let metadata = random.percent(60).then(|| Metadata {
        address: *random.pick(&addresses),
        port: 8775,
    });
    Settings {
        endpoint_to_host: *random.pick(&actions),
        metadata,
        ..Settings::default()
    }
}

fn endpoints(random: &mut Random, groups: &[GroupName]) -> Vec<Endpoint> {
    let mut all = Vec::new();
    let count = 2 + random.below(5);
    let first = random.below(GHOST);
    for n in 0..count {
        let slot = (first + n) % GHOST;
        all.extend(endpoint(random, &format!("ep{n}"), HOST, slot, groups));
        // Two endpoints on one interface: the other may come before or after by name.
        if random.percent(6) {
            let name = *random.pick(&["a-second", "z-second"]);
            all.extend(endpoint(random, name, HOST, slot, groups));
        }
    }
    for n in 0..1 + random.below(4) {
        let slot = 20 + random.below(4);
        all.extend(endpoint(
            random,
            &format!("remote{n}"),
            "node2",
            slot,
            groups,
        ));
    }
    all
}

pub(super) fn endpoint(
    random: &mut Random,
    name: &str,
    host: &str,
    slot: usize,
    groups: &[GroupName],
) -> Option<Endpoint> {
    let mut addresses = BTreeSet::new();
    for family in Family::ALL {
        for _ in 0..random.below(3) {
            addresses.insert(place::in_slot(
                slot,
                family,
                *random.pick(&ADDRESSES_IN_SLOT),
            ));
        }
    }
    let memberships = if random.percent(5) {
        0
    } else {
        1 + random.below(3)
    };
    let interface = SLOTS.get(slot).unwrap_or(&SLOTS[0]);
    Some(Endpoint {
        name: name.parse().ok()?,
        host: host.to_owned(),
        interface: interface.parse().ok()?,
        mac: endpoint_mac(random, slot),
        addresses,
        ipv6_gateway: None,
        membership: Membership::Groups(
            (0..memberships)
                .filter(|_| !groups.is_empty())
                .map(|_| member_of(random, groups))
                .collect(),
        ),
        origin: Origin::default(),
    })
}

/// Where frames have no Ethernet address, a MAC in the policy lets nothing through.
fn endpoint_mac(random: &mut Random, slot: usize) -> Option<MacAddress> {
    let chance = if place::is_ethernet(slot) { 50 } else { 4 };
    random.percent(chance).then(|| place::mac(slot))
}

/// One of the groups, seldom the one that does not exist.
fn member_of(random: &mut Random, groups: &[GroupName]) -> GroupName {
    let existing = groups.len().saturating_sub(1);
    let end = if random.percent(10) {
        groups.len()
    } else {
        existing
    };
    groups[random.below(end)].clone()
}

fn group(random: &mut Random, name: GroupName, state: &State, known: &[IpAddr]) -> SecurityGroup {
    let names: BTreeSet<&GroupName> = state.endpoints.values().flat_map(|e| e.groups()).collect();
    let named: Vec<&GroupName> = names.into_iter().chain([&name]).collect();
    let rules = |random: &mut Random| -> GroupRules {
        let count = 1 + random.below(8);
        (0..count).map(|_| rule(random, &named, known)).collect()
    };
    SecurityGroup {
        ingress: rules(random),
        egress: rules(random),
        name: name.clone(),
    }
}

fn rule(random: &mut Random, groups: &[&GroupName], known: &[IpAddr]) -> GroupRule {
    let family = *random.pick(&Family::ALL);
    let peer = if random.percent(45) {
        Peer::Group((*random.pick(groups)).clone())
    } else {
        Peer::Cidr(cidr(random, family, known))
    };
    GroupRule {
        family,
        service: service(random, family),
        peer,
        origin: Origin::default(),
    }
}

/// A prefix around an address of the world: what overlaps nests, from everything to one address.
pub(super) fn cidr(random: &mut Random, family: Family, known: &[IpAddr]) -> Cidr {
    let lengths: &[u8] = match family {
        Family::V4 => &[0, 1, 7, 8, 15, 16, 22, 24, 25, 30, 31, 32, 32],
        Family::V6 => &[0, 3, 7, 16, 32, 48, 63, 64, 65, 120, 127, 128, 128],
    };
    let own: Vec<&IpAddr> = known.iter().filter(|a| Family::of(**a) == family).collect();
    let length = random.pick(lengths);
    format!("{}/{length}", random.pick(&own))
        .parse()
        .unwrap_or(Cidr::any(family))
}

fn service(random: &mut Random, family: Family) -> Service {
    let with_ports = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::TCP,
        Protocol::UDP,
        Protocol::SCTP,
        Protocol::UDPLITE,
    ];
    let icmp = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    match random.below(20) {
        0..2 => Service::Any,
        2..5 => Service::Protocol(*random.pick(&with_ports)),
        5 => Service::Protocol(icmp),
        6..8 => Service::Protocol(Protocol(*random.pick(&NUMBERS))),
        8..15 => Service::Ports(*random.pick(&with_ports), ports(random)),
        15..17 => Service::Icmp(*random.pick(icmp_kinds(family)), None),
        _ => {
            let code = u8::try_from(random.below(3)).unwrap_or_default();
            Service::Icmp(*random.pick(icmp_kinds(family)), Some(code))
        }
    }
}

/// Ranges that overlap, nest and touch the ends of what there is.
fn ports(random: &mut Random) -> PortRange {
    let edges = [
        0, 1, 22, 53, 79, 80, 81, 443, 1000, 1023, 1024, 8775, 65534, 65535,
    ];
    let (a, b) = (*random.pick(&edges), *random.pick(&edges));
    let single = random.percent(35);
    let last = if single { a } else { a.max(b) };
    PortRange::new(a.min(last), last).unwrap_or(PortRange::ALL)
}

/// Types that open a connection or are not tracked; with others conntrack finds fault.
pub(super) fn icmp_kinds(family: Family) -> &'static [u8] {
    match family {
        Family::V4 => &[8, 13, 17],
        Family::V6 => &[128, 128, 135, 139],
    }
}
