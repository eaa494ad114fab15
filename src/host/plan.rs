//! What the workloads of a host need of it beside policy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use super::sysctl::{Setting, Tree};
use crate::model::{Endpoint, EndpointName, InterfacePrefix, SourceSpoofing, State};
use crate::net::{InterfaceName, MacAddress};

/// What is to be programmed for the workloads of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPlan {
    /// The interfaces that endpoints name.
    pub interfaces: BTreeMap<InterfaceName, InterfacePlan>,
    /// An interface whose name begins so is a workload's, also where no endpoint names it.
    pub prefixes: Vec<InterfacePrefix>,
    /// What more than one endpoint claims: it belongs to the one whose name is lower.
    pub contested: Vec<Contest>,
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
        let settings = state.settings_of(host);
        let mut plan = Self {
            prefixes: settings.interface_prefixes,
            ..Self::default()
        };
        let mut owners = BTreeMap::new();
        let here = state.endpoints.values().filter(|e| e.host == host);
        for endpoint in here {
            plan.add(endpoint, settings.source_spoofing, &mut owners);
        }
        plan
    }

    /// Whether an interface is a workload's.
    pub fn is_workload(&self, name: &InterfaceName) -> bool {
        let begins = |prefix: &InterfacePrefix| name.as_str().starts_with(prefix.as_str());
        self.interfaces.contains_key(name) || self.prefixes.iter().any(begins)
    }

    /// Which interface each address lies behind.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, &InterfaceName)> {
        let interfaces = self.interfaces.iter();
        interfaces.flat_map(|(name, plan)| plan.addresses.iter().map(move |&a| (a, name)))
    }

    /// Takes an endpoint in; those before it have lower names.
    fn add(
        &mut self,
        endpoint: &Endpoint,
        spoofing: SourceSpoofing,
        owners: &mut BTreeMap<IpAddr, EndpointName>,
    ) {
        if let Some(first) = self.interfaces.get(&endpoint.interface) {
            self.contested.push(Contest {
                winner: first.endpoint.clone(),
                loser: endpoint.name.clone(),
                claim: Claim::Interface(endpoint.interface.clone()),
            });
            return;
        }
        let mut plan = InterfacePlan {
            endpoint: endpoint.name.clone(),
            addresses: BTreeSet::new(),
            mac: endpoint.mac,
            ipv6_gateway: endpoint.ipv6_gateway,
            reverse_path: ReversePath::of(endpoint, spoofing),
        };
        for &address in &endpoint.addresses {
            let owner = owners.entry(address).or_insert(endpoint.name.clone());
            if *owner == endpoint.name {
                plan.addresses.insert(address);
            } else {
                self.contested.push(Contest {
                    winner: owner.clone(),
                    loser: endpoint.name.clone(),
                    claim: Claim::Address(address),
                });
            }
        }
        self.interfaces.insert(endpoint.interface.clone(), plan);
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

impl ReversePath {
    fn of(endpoint: &Endpoint, spoofing: SourceSpoofing) -> Self {
        let spoofed = endpoint.labelled().map(|labelled| &labelled.spoofed);
        match spoofing {
            SourceSpoofing::Any if spoofed.is_some_and(|s| !s.is_empty()) => Self::Off,
            SourceSpoofing::Any | SourceSpoofing::Disabled => Self::Strict,
        }
    }
}
