//! Large regular worlds: one policy of as many rules as wanted, so many endpoints in so many bundles.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Random;
use super::place::HOST;
use crate::model::{
    Endpoint, GroupName, GroupRule, GroupRules, Membership, Origin, Peer, SecurityGroup, Service,
    State,
};
use crate::net::{Cidr, Family, PortRange, Protocol};

/// The group whose policy has the rules; every endpoint here belongs to it.
pub const POLICY: &str = "web";

/// The numbers whose services are no ranges; of prefixes, number 0 is one address.
const EXACT: [usize; 10] = [0, 1, 0, 1, 4, 5, 6, 7, 8, 8];

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flat {
    /// Rules of each direction of the policy whose peers are prefixes.
    pub rules: usize,
    /// The family of the first ten of them. IPv6 packets have the longer path.
    pub first: Family,
    /// The families of the rest.
    pub families: Families,
    /// What they say.
    pub shapes: Shapes,
    /// Groups that the policy names, each in one more rule of each of the families.
    pub groups_named: usize,
    /// Endpoints of this host.
    pub endpoints: usize,
    /// Different lists of groups among them.
    pub bundles: usize,
}

/// Which families the rules of prefixes speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// Both; they change every ten rules.
    Both,
    /// The first alone.
    First,
}

/// What the rules of prefixes say of peers and ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shapes {
    /// Prefixes that nest and ranges that overlap are among them.
    Mixed,
    /// One address each, and no range of ports: nothing that takes an interval.
    Exact,
}

impl Shapes {
    /// The number of the service that the n-th rule has.
    fn number(self, n: usize) -> usize {
        match self {
            Self::Mixed => n,
            Self::Exact => EXACT[n % EXACT.len()],
        }
    }
}

impl Default for Flat {
    fn default() -> Self {
        Self {
            rules: 1_000,
            first: Family::V6,
            families: Families::Both,
            shapes: Shapes::Mixed,
            groups_named: 20,
            endpoints: 10,
            bundles: 1,
        }
    }
}

/// The world of this size: mixed prefixes that nest, port ranges that overlap, every shape of rule.
pub fn flat(size: Flat, seed: u64) -> State {
    let mut random = Random::new(seed);
    let mut state = State::default();
    let mut groups = vec![policy(&mut random, size)];
    groups.extend((0..size.groups_named).map(|n| group(&format!("peer{n}"), Vec::new())));
    let tiers = (0..size.bundles).flat_map(|bundle| <[usize; 2]>::from(pair(bundle)));
    let tiers: BTreeSet<usize> = tiers.filter(|_| size.bundles > 1).collect();
    groups.extend(tiers.into_iter().map(tier));
    for group in groups.into_iter().flatten() {
        state.groups.insert(group.name.clone(), group);
    }
    let remote = (0..size.groups_named).flat_map(|n| (0..2).map(move |k| member(n, k)));
    let local = (0..size.endpoints).map(|n| endpoint(n, size.bundles));
    for endpoint in local.chain(remote).flatten() {
        state.endpoints.insert(endpoint.name.clone(), endpoint);
    }
    state
}

/// The n-th of the pairs (0, 1), (0, 2), (1, 2), (0, 3), ...
fn pair(n: usize) -> (usize, usize) {
    let mut high = 1;
    let mut left = n;
    while left >= high {
        left -= high;
        high += 1;
    }
    (left, high)
}

fn policy(random: &mut Random, size: Flat) -> Option<SecurityGroup> {
    let mut rules: Vec<GroupRule> = (0..size.rules)
        .map(|n| prefix_rule(random, size, n))
        .collect();
    for n in 0..size.groups_named {
        let peer: GroupName = format!("peer{n}").parse().ok()?;
        let families = match size.families {
            Families::Both => Vec::from(Family::ALL),
            Families::First => vec![size.first],
        };
        let number = size.shapes.number(n);
        rules.extend(families.into_iter().map(|family| GroupRule {
            family,
            service: service(random, number, family),
            peer: Peer::Group(peer.clone()),
            origin: Origin::default(),
        }));
    }
    group(POLICY, rules)
}

/// Families change every ten rules where there are two, shapes with every second.
fn prefix_rule(random: &mut Random, size: Flat, n: usize) -> GroupRule {
    let second = match (size.families, size.first) {
        (Families::First, first) => first,
        (Families::Both, Family::V4) => Family::V6,
        (Families::Both, Family::V6) => Family::V4,
    };
    let family = [size.first, second][n / 10 % 2];
    let prefix_of = match size.shapes {
        Shapes::Mixed => n,
        Shapes::Exact => 0,
    };
    GroupRule {
        family,
        service: service(random, size.shapes.number(n), family),
        peer: Peer::Cidr(prefix(random, prefix_of, family)),
        origin: Origin::default(),
    }
}

/// A prefix of 10.0.0.0/9 or fd00::/17: endpoints are in the other half. What is allowed everything
/// is small, so that it does not swallow the rest.
fn prefix(random: &mut Random, n: usize, family: Family) -> Cidr {
    let [a, b, c, ..] = random.bits().to_be_bytes();
    let (v4, v6): (&[u8], &[u8]) = match n % 10 {
        0 | 1 => (&[32], &[128]),
        8 | 9 => (&[24, 26, 28, 30], &[48, 52, 56, 64]),
        _ => (
            &[14, 18, 20, 22, 24, 26, 28, 30],
            &[24, 32, 40, 44, 48, 56, 64, 96],
        ),
    };
    let text = match family {
        Family::V4 => format!("10.{}.{b}.{c}/{}", a & 0x7f, random.pick(v4)),
        Family::V6 => format!(
            "fd00:{:x}{b:02x}:{c:02x}00::1/{}",
            a & 0x7f,
            random.pick(v6)
        ),
    };
    text.parse().unwrap_or(Cidr::any(family))
}

/// Five shapes in turn, two rules each: exact ports of an address, ports of SCTP and UDP-Lite or ranges
/// of ports, whole protocols, ICMP, everything. Two of a shape are a set already, so ten rules have the sets that more have.
fn service(random: &mut Random, n: usize, family: Family) -> Service {
    let port = random.port();
    let range = PortRange::new(port, port.saturating_add(1 + random.port() % 512));
    let range = range.unwrap_or(PortRange::ALL);
    let single = PortRange::new(port, port).unwrap_or(PortRange::ALL);
    let (ask, answer) = match family {
        Family::V4 => (8, 13),
        Family::V6 => (128, 139),
    };
    match (n % 10, (n / 10) % 3) {
        (0, _) => Service::Ports(Protocol::TCP, single),
        (1, _) => Service::Ports(Protocol::UDP, single),
        (2, 0) => Service::Ports(Protocol::SCTP, range),
        (2, _) => Service::Ports(Protocol::TCP, range),
        (3, 0) => Service::Ports(Protocol::UDPLITE, single),
        (3, 1) => Service::Ports(Protocol::UDP, range),
        (3, _) => Service::Ports(Protocol::UDP, single),
        (4, _) => Service::Protocol(Protocol(89)),
        (5, _) => Service::Protocol(Protocol(112)),
        (6, _) => Service::Icmp(ask, None),
        (7, _) => Service::Icmp(answer, Some(random.byte())),
        (8.., _) => Service::Any,
    }
}

fn group(name: &str, rules: Vec<GroupRule>) -> Option<SecurityGroup> {
    let rules = GroupRules::from(rules);
    Some(SecurityGroup {
        name: name.parse().ok()?,
        ingress: rules.clone(),
        egress: rules,
    })
}

/// A small group that tells bundles apart.
fn tier(n: usize) -> Option<SecurityGroup> {
    let port = u16::try_from(n).unwrap_or(u16::MAX);
    let rule = GroupRule {
        family: Family::V4,
        service: Service::Ports(Protocol::TCP, PortRange::new(port, port)?),
        peer: Peer::Cidr(Cidr::any(Family::V4)),
        origin: Origin::default(),
    };
    group(&format!("tier{n}"), vec![rule])
}

fn endpoint(n: usize, bundles: usize) -> Option<Endpoint> {
    let mut names = vec![POLICY.to_owned()];
    if bundles > 1 {
        let (low, high) = pair(n % bundles);
        names.extend([format!("tier{low}"), format!("tier{high}")]);
    }
    let number = u32::try_from(n).ok()?;
    let v4 = Ipv4Addr::from(0x0a80_0000 + number);
    let v6 = Ipv6Addr::from((0xfd00_8000_u128 << 96) + u128::from(number));
    workload(
        &format!("vm{n}"),
        HOST,
        &format!("tap{n}"),
        [v4.into(), v6.into()],
        &names,
    )
}

/// A member elsewhere of a group that the policy names.
fn member(group: usize, n: u32) -> Option<Endpoint> {
    let number = u32::try_from(group).ok()? * 256 + n;
    let v4 = Ipv4Addr::from(0x0af0_0000 + number);
    let v6 = Ipv6Addr::from((0xfd00_f000_u128 << 96) + u128::from(number));
    let names = [format!("peer{group}")];
    workload(
        &format!("peer{group}-{n}"),
        "node2",
        "tap0",
        [v4.into(), v6.into()],
        &names,
    )
}

fn workload(
    name: &str,
    host: &str,
    interface: &str,
    addresses: [IpAddr; 2],
    groups: &[String],
) -> Option<Endpoint> {
    Some(Endpoint {
        name: name.parse().ok()?,
        host: host.to_owned(),
        interface: interface.parse().ok()?,
        mac: None,
        addresses: BTreeSet::from(addresses),
        ipv6_gateway: None,
        membership: Membership::Groups(
            groups
                .iter()
                .filter_map(|name| name.parse::<GroupName>().ok())
                .collect(),
        ),
        origin: Origin::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_large_as_asked_at_any_number_of_rules() {
        for rules in [10, 1_000] {
            let size = Flat {
                rules,
                endpoints: 200,
                bundles: 100,
                ..Flat::default()
            };
            let state = flat(size, 1);
            let policy = state.groups.values().find(|g| g.name.as_str() == POLICY);
            let policy = policy.map(|group| group.ingress.iter());
            let policy = policy.into_iter().flatten();
            let (groups, prefixes): (Vec<_>, Vec<_>) =
                policy.partition(|rule| matches!(rule.peer, Peer::Group(_)));
            assert_eq!((groups.len(), prefixes.len()), (2 * 20, rules));
            let here = state.endpoints.values().filter(|e| e.host == HOST);
            let lists: BTreeSet<_> = here.map(Endpoint::groups).collect();
            assert_eq!(lists.len(), 100);
        }
    }
}
