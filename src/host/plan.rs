//! What the workloads of a host need of it beside policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::sysctl::{Setting, Tree};
use crate::model::{Endpoint, EndpointName, InterfacePrefix, Settings, SourceSpoofing, State};
use crate::net::{Cidr, InterfaceName, MacAddress};

/// What is to be programmed for the workloads of one host.
///
/// What more than one endpoint claims belongs to the one whose name is lower. Who does not have its
/// interface claims no address. A change of an endpoint costs what it touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPlan {
    host: String,
    spoofing: SourceSpoofing,
    /// An interface whose name begins so is a workload's, also where no endpoint names it.
    prefixes: Vec<InterfacePrefix>,
    interfaces: BTreeMap<InterfaceName, InterfacePlan>,
    /// What the endpoints of this host want.
    wants: BTreeMap<EndpointName, Want>,
    /// Who wants each interface.
    interface_claims: BTreeMap<InterfaceName, BTreeSet<EndpointName>>,
    /// Who wants each address, of those that have their interface.
    address_claims: BTreeMap<IpAddr, BTreeSet<EndpointName>>,
    /// Behind which interfaces somebody may send from a prefix without having its addresses.
    spoofed: BTreeMap<Cidr, BTreeSet<InterfaceName>>,
}

/// What an endpoint wants of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Want {
    interface: InterfaceName,
    addresses: BTreeSet<IpAddr>,
    mac: Option<MacAddress>,
    ipv6_gateway: Option<Ipv6Addr>,
    spoofed: BTreeSet<Cidr>,
}

/// What is to be programmed for one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfacePlan {
    /// Whose interface it is.
    pub endpoint: EndpointName,
    /// The addresses that lie behind it: a route of full length leads to each.
    pub addresses: BTreeSet<IpAddr>,
    /// Who answers for them, where that is known: no question has to be asked, and nobody else can
    /// answer it.
    pub mac: Option<MacAddress>,
    /// An address that the workload takes for its router's, and that the host answers for.
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// Prefixes that may be sent from without having their addresses.
    pub spoofed: BTreeSet<Cidr>,
    /// What becomes of packets from addresses that lie elsewhere.
    pub reverse_path: ReversePath,
}

/// `rp_filter` (Documentation/networking/ip-sysctl.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReversePath {
    /// A packet comes from where its source is routed to.
    Strict,
    /// Sources are for policy alone: the endpoint may use addresses that it does not have.
    Off,
}

/// Something that two endpoints claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contest {
    /// Who has it.
    pub winner: EndpointName,
    /// Who does not.
    pub loser: EndpointName,
    /// What it is.
    pub claim: Claim,
}

/// What only one endpoint of a host can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// An interface.
    Interface(InterfaceName),
    /// An address.
    Address(IpAddr),
}

impl HostPlan {
    /// The plan for the endpoints of a host.
    pub fn of(state: &State, host: &str) -> Self {
        let mut plan = Self::new(host);
        plan.set(&state.settings_of(host));
        for endpoint in state.endpoints.values() {
            plan.put(&endpoint.name, Some(endpoint));
        }
        plan
    }

    /// The plan for a host without endpoints.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..Self::default()
        }
    }

    /// Takes in what is said of an endpoint now, which is nothing where there is none, and gives the
    /// interfaces that this touches.
    pub fn put(&mut self, name: &EndpointName, said: Option<&Endpoint>) -> BTreeSet<InterfaceName> {
        let here = said.filter(|endpoint| endpoint.host == self.host);
        let new = here.map(Want::of);
        let mut touched = BTreeSet::new();
        if self.wants.get(name) == new.as_ref() {
            return touched;
        }
        if let Some(old) = self.wants.get(name).cloned() {
            self.leave(name, &old, &mut touched);
            self.wants.remove(name);
        }
        if let Some(new) = new {
            self.wants.insert(name.clone(), new.clone());
            self.join(name, &new, &mut touched);
        }
        for interface in &touched {
            self.rebuild(interface);
        }
        touched
    }

    /// Takes in the settings of the host, and gives the interfaces that this touches; nothing, if what
    /// the plan depends on is as it was.
    pub fn set(&mut self, settings: &Settings) -> Option<BTreeSet<InterfaceName>> {
        if (&self.prefixes, self.spoofing)
            == (&settings.interface_prefixes, settings.source_spoofing)
        {
            return None;
        }
        self.prefixes.clone_from(&settings.interface_prefixes);
        self.spoofing = settings.source_spoofing;
        let all: BTreeSet<_> = self.interface_claims.keys().cloned().collect();
        for interface in &all {
            self.rebuild(interface);
        }
        Some(all)
    }

    /// The interfaces that endpoints name, and what each needs.
    pub fn interfaces(&self) -> &BTreeMap<InterfaceName, InterfacePlan> {
        &self.interfaces
    }

    /// Whether an interface is a workload's.
    pub fn is_workload(&self, name: &InterfaceName) -> bool {
        self.interfaces.contains_key(name) || self.has_prefix(name)
    }

    /// Whether the name of an interface begins as those of workloads do.
    pub fn has_prefix(&self, name: &InterfaceName) -> bool {
        let begins = |prefix: &InterfacePrefix| name.as_str().starts_with(prefix.as_str());
        self.prefixes.iter().any(begins)
    }

    /// Which interface each address lies behind.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, &InterfaceName)> {
        let interfaces = self.interfaces.iter();
        interfaces.flat_map(|(name, plan)| plan.addresses.iter().map(move |&a| (a, name)))
    }

    /// The interface that an address lies behind.
    pub fn behind(&self, address: IpAddr) -> Option<&InterfaceName> {
        let owner = self.address_claims.get(&address)?.first()?;
        self.wants.get(owner).map(|want| &want.interface)
    }

    /// The interfaces by which packets from an address may come although it lies behind none of them.
    pub fn spoofing(&self, address: IpAddr) -> impl Iterator<Item = &InterfaceName> {
        let prefixes = self.spoofed.iter();
        let matching = prefixes.filter(move |(prefix, _)| prefix.contains(address));
        matching.flat_map(|(_, interfaces)| interfaces)
    }

    /// The endpoints that name an interface, the one that has it first.
    pub fn claimants(&self, interface: &InterfaceName) -> impl Iterator<Item = &EndpointName> {
        self.interface_claims.get(interface).into_iter().flatten()
    }

    /// The interface that an endpoint of this host names.
    pub fn interface_of(&self, endpoint: &EndpointName) -> Option<&InterfaceName> {
        self.wants.get(endpoint).map(|want| &want.interface)
    }

    /// The endpoints of this host.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointName> {
        self.wants.keys()
    }

    /// What an endpoint claims and another has.
    pub fn lost(&self, endpoint: &EndpointName) -> Vec<Contest> {
        let Some(want) = self.wants.get(endpoint) else {
            return Vec::new();
        };
        let lost = |claims: Option<&BTreeSet<EndpointName>>, claim: Claim| {
            let winner = claims?.first().filter(|winner| *winner != endpoint)?;
            Some(Contest {
                winner: winner.clone(),
                loser: endpoint.clone(),
                claim,
            })
        };
        let interface = self.interface_claims.get(&want.interface);
        let interface = lost(interface, Claim::Interface(want.interface.clone()));
        if interface.is_some() {
            return interface.into_iter().collect();
        }
        let addresses = want.addresses.iter();
        addresses
            .filter_map(|&a| lost(self.address_claims.get(&a), Claim::Address(a)))
            .collect()
    }

    /// An endpoint wants what it wants no longer.
    fn leave(&mut self, name: &EndpointName, want: &Want, touched: &mut BTreeSet<InterfaceName>) {
        let Some(claims) = self.interface_claims.get_mut(&want.interface) else {
            return;
        };
        let had = claims.first() == Some(name);
        claims.remove(name);
        let next = claims.first().cloned();
        if next.is_none() {
            self.interface_claims.remove(&want.interface);
        }
        touched.insert(want.interface.clone());
        if had {
            self.withdraw(name, touched);
            if let Some(next) = next {
                self.claim(&next, touched);
            }
        }
    }

    /// An endpoint wants something of its own.
    fn join(&mut self, name: &EndpointName, want: &Want, touched: &mut BTreeSet<InterfaceName>) {
        let claims = self.interface_claims.entry(want.interface.clone());
        let claims = claims.or_default();
        let before = claims.first().cloned();
        claims.insert(name.clone());
        let has = claims.first() == Some(name);
        touched.insert(want.interface.clone());
        if has {
            if let Some(before) = before {
                self.withdraw(&before, touched);
            }
            self.claim(name, touched);
        }
    }

    /// An endpoint that has its interface claims its addresses.
    fn claim(&mut self, name: &EndpointName, touched: &mut BTreeSet<InterfaceName>) {
        let want = self.wants.get(name);
        for address in want.iter().flat_map(|want| &want.addresses) {
            let claims = self.address_claims.entry(*address).or_default();
            let before = claims.first().and_then(|owner| self.wants.get(owner));
            touched.extend(before.map(|want| want.interface.clone()));
            claims.insert(name.clone());
        }
    }

    /// An endpoint that does not have its interface claims no address.
    fn withdraw(&mut self, name: &EndpointName, touched: &mut BTreeSet<InterfaceName>) {
        let want = self.wants.get(name);
        for address in want.iter().flat_map(|want| &want.addresses) {
            let Some(claims) = self.address_claims.get_mut(address) else {
                continue;
            };
            claims.remove(name);
            let next = claims.first().and_then(|owner| self.wants.get(owner));
            touched.extend(next.map(|want| want.interface.clone()));
            if claims.is_empty() {
                self.address_claims.remove(address);
            }
        }
    }

    /// Plans an interface anew.
    fn rebuild(&mut self, interface: &InterfaceName) {
        let old = self.interfaces.remove(interface);
        for prefix in old.iter().flat_map(|plan| &plan.spoofed) {
            if let Some(behind) = self.spoofed.get_mut(prefix) {
                behind.remove(interface);
                if behind.is_empty() {
                    self.spoofed.remove(prefix);
                }
            }
        }
        let owner = self.claimants(interface).next();
        let Some((owner, want)) = owner.and_then(|owner| self.wants.get_key_value(owner)) else {
            return;
        };
        let has = |address: &&IpAddr| {
            let claims = self.address_claims.get(*address);
            claims.and_then(BTreeSet::first) == Some(owner)
        };
        let spoofed = match self.spoofing {
            SourceSpoofing::Any => want.spoofed.clone(),
            SourceSpoofing::Disabled => BTreeSet::new(),
        };
        let plan = InterfacePlan {
            endpoint: owner.clone(),
            addresses: want.addresses.iter().filter(has).copied().collect(),
            mac: want.mac,
            ipv6_gateway: want.ipv6_gateway,
            reverse_path: match spoofed.is_empty() {
                true => ReversePath::Strict,
                false => ReversePath::Off,
            },
            spoofed,
        };
        for prefix in &plan.spoofed {
            let behind = self.spoofed.entry(*prefix).or_default();
            behind.insert(interface.clone());
        }
        self.interfaces.insert(interface.clone(), plan);
    }
}

impl Want {
    fn of(endpoint: &Endpoint) -> Self {
        let labelled = endpoint.labelled();
        Self {
            interface: endpoint.interface.clone(),
            addresses: endpoint.addresses.clone(),
            mac: endpoint.mac,
            ipv6_gateway: endpoint.ipv6_gateway,
            spoofed: labelled.map_or_else(BTreeSet::new, |labelled| labelled.spoofed.clone()),
        }
    }
}

impl fmt::Display for Contest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            winner,
            loser,
            claim,
        } = self;
        match claim {
            Claim::Interface(name) => write!(
                f,
                "endpoints {winner} and {loser} both name interface {name}: {winner} has it and \
                 {loser} does not work; remove one of them"
            ),
            Claim::Address(address) => write!(
                f,
                "endpoints {winner} and {loser} both have address {address}: it is routed to {winner}; \
                 take it from one of them"
            ),
        }
    }
}

impl InterfacePlan {
    /// What `/proc/sys` is to say of the interface: what Felix sets (`configureInterface`,
    /// felix/dataplane/linux/endpoint_mgr.go in Calico), and that IPv6 answers at once as well.
    ///
    /// The host answers ARP for every address and at once, forwards what comes in, lets packets be
    /// redirected to services on its loopback, and believes no router advertisement. It answers
    /// neighbour discovery where there is an entry besides: for [`InterfacePlan::ipv6_gateway`].
    pub fn settings(&self) -> [Setting; 9] {
        let strict = match self.reverse_path {
            ReversePath::Strict => "1",
            ReversePath::Off => "0",
        };
        [
            (Tree::Ipv6, "accept_ra", "0"),
            (Tree::Ipv4, "rp_filter", strict),
            (Tree::Ipv4, "route_localnet", "1"),
            (Tree::Ipv4Neighbours, "proxy_delay", "0"),
            (Tree::Ipv4, "proxy_arp", "1"),
            (Tree::Ipv4, "forwarding", "1"),
            (Tree::Ipv6Neighbours, "proxy_delay", "0"),
            (Tree::Ipv6, "proxy_ndp", "1"),
            (Tree::Ipv6, "forwarding", "1"),
        ]
        .map(|(tree, key, value)| Setting { tree, key, value })
    }
}
