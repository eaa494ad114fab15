//! What is measured: a world whose policy is large, a flow that its last rule alone allows, and small changes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::mover;
use crate::compile::compile;
use crate::compile::skeleton::{Skeleton, SkeletonError, table_key};
use crate::model::{
    Direction, Endpoint, EndpointName, GroupName, GroupRule, GroupRules, Membership, Origin, Peer,
    SecurityGroup, Service, State,
};
use crate::net::{Cidr, Family, PortRange, Protocol};
use crate::ruleset::{Ruleset, Table};
use crate::scenario::Flat;
use crate::scenario::flat::{POLICY, flat};
use crate::scenario::place::HOST;

/// The destination port of the flow.
const PORT: u16 = 4_242;
/// The group whose members may send everything.
const OPEN: &str = "open";
/// By its name the last of all groups, so the last that a policy looks up: the flow's sender is in it.
pub const LAST: &str = "zz-last";
/// The group of many members.
pub const CROWD: &str = "crowd";
/// Which newcomer's address the endpoint has that changes groups.
const MOVER: u16 = 4;
/// Addresses that one endpoint of the crowd has.
const ADDRESSES: u32 = 1_000;
/// Where the crowd's addresses begin, 11.0.0.0 or fd0b::, and how far it is to those of others.
const CROWD_V4: u32 = 0x0b00_0000;
const CROWD_V6: u128 = 0xfd0b << 112;
const OTHERS_V4: u32 = 1 << 24;
const OTHERS_V6: u128 = 1 << 112;

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Endpoints of this host, bundles, groups that the policy names, and rules.
    pub flat: Flat,
    /// Addresses of one more group that the policy names; 0 is no such group.
    pub members: u32,
    /// What the flow is made of.
    pub family: Family,
    /// From which everything random is made.
    pub seed: u64,
}

/// A world to program, and what is sent through it.
#[derive(Debug, Clone)]
pub struct World {
    /// What operators say.
    pub state: State,
    /// What the last rule alone allows.
    pub flow: Flow,
    /// How large it is.
    pub size: Flat,
    /// Addresses in [`CROWD`].
    pub members: u32,
}

/// The opening packet of a UDP flow, from one workload of this host to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The interface it comes from.
    pub from: String,
    /// The one that it must come out of.
    pub to: String,
    /// The sender's address.
    pub source: IpAddr,
    /// The receiver's.
    pub destination: IpAddr,
    /// The destination port.
    pub port: u16,
}

/// A small change, or its undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What of the world.
    pub what: Altered,
    /// There or back.
    pub way: Way,
}

/// What a small change is about. What exactly is in [`World::changed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Altered {
    /// A group that the policy names has one more address.
    Member,
    /// This host has one more endpoint, with the groups of another one.
    Endpoint,
    /// The policy has one more rule, which allows more.
    Rule,
    /// An endpoint of this host leaves one group for another one.
    Membership,
    /// All members of [`CROWD`] leave, and as many others come: a large update.
    Crowd,
}

impl Altered {
    /// The small changes.
    pub const SMALL: [Self; 3] = [Self::Member, Self::Endpoint, Self::Rule];
    /// Every kind of change.
    pub const ALL: [Self; 5] = [
        Self::Member,
        Self::Endpoint,
        Self::Rule,
        Self::Membership,
        Self::Crowd,
    ];

    /// Whether a world without a crowd has nothing to change here.
    pub fn needs_crowd(self) -> bool {
        match self {
            Self::Member | Self::Endpoint | Self::Rule => false,
            Self::Membership | Self::Crowd => true,
        }
    }
}

/// Whether a change is made or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Made.
    There,
    /// Undone: the world is as it was loaded.
    Back,
}

impl World {
    /// The world of this size. Its first endpoint may reach the second by the last rule alone.
    pub fn new(size: Size) -> Option<Self> {
        let mut state = flat(size.flat, size.seed);
        crowd(&mut state, size.members, size.family)?;
        if size.members > 0 {
            mover::bring(&mut state, newcomer(size.family, MOVER))?;
        }
        let last = last_rule(size.family)?;
        let policy = state.groups.get_mut(&group(POLICY)?)?;
        policy.ingress.push(last.clone());
        policy.egress.push(last);
        for (name, egress) in [(OPEN, everything()), (LAST, GroupRules::NONE)] {
            add(&mut state, name, egress)?;
        }
        join(&mut state, "vm0", &[OPEN, LAST])?;
        join(&mut state, "vm1", &[POLICY, LAST])?;
        let flow = flow(&state, size.family)?;
        Some(Self {
            state,
            flow,
            size: size.flat,
            members: size.members,
        })
    }

    /// The table that this host should hold.
    ///
    /// # Errors
    /// The built-in templates are broken.
    pub fn table(state: &State) -> Result<Table, SkeletonError> {
        let mut ruleset = compile(state, HOST, &Skeleton::builtin()?);
        Ok(ruleset.tables.remove(&table_key()).unwrap_or_default())
    }

    /// The same alone in a ruleset, which is what `nft -f` would load.
    ///
    /// # Errors
    /// The built-in templates are broken.
    pub fn ruleset(state: &State) -> Result<Ruleset, SkeletonError> {
        Ok(Ruleset {
            tables: [(table_key(), Self::table(state)?)].into(),
        })
    }

    /// The rules of the large policy.
    pub fn rules(&self, direction: Direction) -> &GroupRules {
        let group = group(POLICY).and_then(|name| self.state.groups.get(&name));
        let rules = group.map(|group| group.rules(direction));
        rules.unwrap_or_default()
    }

    /// The members of a group, as addresses of a family.
    pub fn members(state: &State, group: &GroupName, family: Family) -> Vec<IpAddr> {
        let of_group = |endpoint: &&Endpoint| endpoint.groups().contains(group);
        let addresses = state.endpoints.values().filter(of_group);
        addresses
            .flat_map(|endpoint| endpoint.addresses.iter().copied())
            .filter(|address| Family::of(*address) == family)
            .collect()
    }

    /// The world after a change was made.
    pub fn changed(&self, what: Altered) -> State {
        let mut state = self.state.clone();
        // Every world of `flat` has what is looked up here.
        let _done = match what {
            Altered::Member => one_more_member(&mut state, self.newcomer(1)),
            Altered::Endpoint => self.one_more_endpoint(&mut state),
            Altered::Rule => self.one_more_rule(&mut state),
            Altered::Membership => mover::moves(&mut state),
            Altered::Crowd => others_come(&mut state),
        };
        state
    }

    /// The name of the group that [`Altered::Member`] is about: the crowd where there is one.
    pub fn grown(&self) -> &'static str {
        match self.members {
            0 => "peer0",
            1.. => CROWD,
        }
    }

    /// The `n`-th address of the flow's family that nobody has but the endpoint that changes groups.
    pub fn newcomer(&self, n: u16) -> IpAddr {
        newcomer(Family::of(self.flow.source), n)
    }

    /// The address of the endpoint that changes groups, where there is a crowd.
    pub(crate) fn mover(&self) -> Option<IpAddr> {
        (self.members > 0).then(|| self.newcomer(MOVER))
    }

    /// Who comes in the place of an address of the crowd, where there is one.
    pub(crate) fn other_of_crowd(&self, address: IpAddr) -> Option<IpAddr> {
        (self.members > 0).then(|| other(address))
    }

    fn one_more_endpoint(&self, state: &mut State) -> Option<()> {
        let last = self.size.endpoints.saturating_sub(1).max(1);
        let name: EndpointName = format!("vm{last}").parse().ok()?;
        let mut endpoint = state.endpoints.get(&name)?.clone();
        endpoint.name = "newcomer".parse().ok()?;
        endpoint.interface = "tap-new".parse().ok()?;
        endpoint.addresses = [self.newcomer(2)].into();
        state.endpoints.insert(endpoint.name.clone(), endpoint);
        Some(())
    }

    fn one_more_rule(&self, state: &mut State) -> Option<()> {
        let family = Family::of(self.flow.source);
        let prefix = match family {
            Family::V4 => "198.51.100.0/24",
            Family::V6 => "2001:db8:51::/48",
        };
        let policy = state.groups.get_mut(&group(POLICY)?)?;
        policy.ingress.push(GroupRule {
            family,
            service: Service::Ports(Protocol::TCP, PortRange::new(9_000, 9_010)?),
            peer: Peer::Cidr(prefix.parse().ok()?),
            origin: Origin::default(),
        });
        Some(())
    }
}

fn newcomer(family: Family, n: u16) -> IpAddr {
    match family {
        Family::V4 => {
            let [high, low] = n.to_be_bytes();
            Ipv4Addr::new(10, 250, high, low).into()
        }
        Family::V6 => Ipv6Addr::new(0xfd00, 0xfa00, 0, 0, 0, 0, 0, n).into(),
    }
}

/// The `n`-th address of the crowd.
fn of_crowd(family: Family, n: u32) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from(CROWD_V4 + n).into(),
        Family::V6 => Ipv6Addr::from(CROWD_V6 + u128::from(n)).into(),
    }
}

/// Who comes in the place of an address of the crowd.
fn other(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4) + OTHERS_V4).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) + OTHERS_V6).into(),
    }
}

/// The crowd's addresses, each in another prefix.
fn others_come(state: &mut State) -> Option<()> {
    let crowd = group(CROWD)?;
    let of_crowd = state.endpoints.values_mut();
    for endpoint in of_crowd.filter(|endpoint| endpoint.groups().contains(&crowd)) {
        let moved = endpoint.addresses.iter().map(|address| other(*address));
        endpoint.addresses = moved.collect();
    }
    Some(())
}

/// A member of the crowd where there is one, else of the first group that the policy names.
fn one_more_member(state: &mut State, address: IpAddr) -> Option<()> {
    let crowd: EndpointName = "crowd0".parse().ok()?;
    let peer: EndpointName = "peer0-0".parse().ok()?;
    let name = match state.endpoints.contains_key(&crowd) {
        true => crowd,
        false => peer,
    };
    state.endpoints.get_mut(&name)?.addresses.insert(address);
    Some(())
}

/// A group's name.
pub(super) fn group(name: &str) -> Option<GroupName> {
    name.parse().ok()
}

pub(super) fn add(state: &mut State, name: &str, egress: GroupRules) -> Option<()> {
    let group = SecurityGroup {
        name: group(name)?,
        ingress: GroupRules::NONE,
        egress,
    };
    state.groups.insert(group.name.clone(), group);
    Some(())
}

fn join(state: &mut State, endpoint: &str, groups: &[&str]) -> Option<()> {
    let name: EndpointName = endpoint.parse().ok()?;
    let groups: BTreeSet<GroupName> = groups.iter().filter_map(|name| group(name)).collect();
    state.endpoints.get_mut(&name)?.membership = Membership::Groups(groups);
    Some(())
}

/// UDP to the port of the flow, from and to members of the last group.
fn last_rule(family: Family) -> Option<GroupRule> {
    Some(GroupRule {
        family,
        service: Service::Ports(Protocol::UDP, PortRange::new(PORT, PORT)?),
        peer: Peer::Group(group(LAST)?),
        origin: Origin::default(),
    })
}

pub(super) fn everything() -> GroupRules {
    let all = |family| GroupRule {
        family,
        service: Service::Any,
        peer: Peer::Cidr(Cidr::any(family)),
        origin: Origin::default(),
    };
    Family::ALL.map(all).into()
}

/// Addresses of workloads elsewhere, in a group that the policy allows everything.
fn crowd(state: &mut State, members: u32, family: Family) -> Option<()> {
    if members == 0 {
        return Some(());
    }
    for n in 0..members.div_ceil(ADDRESSES) {
        let numbers = n * ADDRESSES..members.min((n + 1) * ADDRESSES);
        let endpoint = Endpoint {
            name: format!("crowd{n}").parse().ok()?,
            host: "node2".to_owned(),
            interface: "tap0".parse().ok()?,
            mac: None,
            addresses: numbers.map(|n| of_crowd(family, n)).collect(),
            ipv6_gateway: None,
            membership: Membership::Groups([group(CROWD)?].into()),
            origin: Origin::default(),
        };
        state.endpoints.insert(endpoint.name.clone(), endpoint);
    }
    let policy = state.groups.get_mut(&group(POLICY)?)?;
    policy.ingress.push(GroupRule {
        family,
        service: Service::Any,
        peer: Peer::Group(group(CROWD)?),
        origin: Origin::default(),
    });
    add(state, CROWD, GroupRules::NONE)
}

fn flow(state: &State, family: Family) -> Option<Flow> {
    let end = |name: &str| {
        let endpoint = state.endpoints.get(&name.parse::<EndpointName>().ok()?)?;
        let mut addresses = endpoint.addresses.iter();
        let address = addresses.find(|address| Family::of(**address) == family)?;
        Some((endpoint.interface.to_string(), *address))
    };
    let (from, source) = end("vm0")?;
    let (to, destination) = end("vm1")?;
    Some(Flow {
        from,
        to,
        source,
        destination,
        port: PORT,
    })
}
