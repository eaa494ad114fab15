//! What must change for a host to be as planned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::link::Link;
use super::neighbour::{Entry, Neighbour};
use super::plan::InterfacePlan;
use super::report::Subject;
use super::route::{Existing, Route, RouteProtocol};
use crate::net::InterfaceName;
use crate::netlink::client::Request;

/// What is in the kernel.
#[derive(Debug)]
pub(super) struct Present {
    /// The interfaces of workloads, by index.
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) routes: BTreeSet<Route>,
    pub(super) neighbours: BTreeMap<Neighbour, Entry>,
    /// What the host answers neighbour discovery for.
    pub(super) proxies: BTreeMap<Neighbour, RouteProtocol>,
}

/// What to tell the kernel about one thing.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) subject: Subject,
    pub(super) request: Request,
    /// What to try where another route to the address is there.
    pub(super) route: Option<Route>,
}

impl Present {
    /// Routes and entries of ours that nobody plans. What somebody else made is theirs.
    pub(super) fn stale(
        &self,
        plans: &BTreeMap<InterfaceName, InterfacePlan>,
        protocol: RouteProtocol,
    ) -> Vec<Order> {
        let planned = |name: &InterfaceName, address: &IpAddr| {
            let plan = plans.get(name);
            plan.is_some_and(|plan| plan.addresses.contains(address))
        };
        let answered = |name: &InterfaceName, address: &IpAddr| {
            plans.get(name).is_some_and(|plan| plan.mac.is_some()) && planned(name, address)
        };
        let routes = self.routes.iter().filter_map(|route| {
            let name = &self.links.get(&route.index)?.name;
            (!planned(name, &route.address)).then(|| Order {
                subject: Subject::Route(name.clone(), route.address),
                request: route.remove(protocol),
                route: None,
            })
        });
        let neighbours = self.neighbours.iter().filter_map(|(neighbour, entry)| {
            let name = &self.links.get(&neighbour.index)?.name;
            let ours = entry.protocol == protocol;
            (ours && !answered(name, &neighbour.address)).then(|| Order {
                subject: Subject::Neighbour(name.clone(), neighbour.address),
                request: neighbour.remove(),
                route: None,
            })
        });
        let proxies = self.proxies.iter().filter_map(|(proxy, maker)| {
            let name = &self.links.get(&proxy.index)?.name;
            let planned = plans.get(name).and_then(|plan| plan.ipv6_gateway);
            let stale = *maker == protocol && planned.map(IpAddr::V6) != Some(proxy.address);
            stale.then(|| Order {
                subject: Subject::Proxy(name.clone(), proxy.address),
                request: proxy.leave(),
                route: None,
            })
        });
        routes.chain(neighbours).chain(proxies).collect()
    }

    /// What an interface lacks. Neighbours come first, so that nobody is asked for them.
    pub(super) fn missing(
        &self,
        link: &Link,
        plan: &InterfacePlan,
        protocol: RouteProtocol,
    ) -> Vec<Order> {
        let neighbours = plan.addresses.iter().filter_map(|&address| {
            let mac = plan.mac?;
            let neighbour = Neighbour {
                index: link.index,
                address,
            };
            let there = self.neighbours.get(&neighbour);
            there.is_none_or(|entry| entry.mac != mac).then(|| Order {
                subject: Subject::Neighbour(link.name.clone(), address),
                request: neighbour.set(Entry { mac, protocol }),
                route: None,
            })
        });
        let routes = plan.addresses.iter().filter_map(|&address| {
            let route = Route {
                index: link.index,
                address,
            };
            (!self.routes.contains(&route)).then(|| Order {
                subject: Subject::Route(link.name.clone(), address),
                request: route.add(protocol, Existing::Keep),
                route: Some(route),
            })
        });
        let gateway = plan.ipv6_gateway.map(|gateway| Neighbour {
            index: link.index,
            address: gateway.into(),
        });
        let gateway = gateway.filter(|gateway| !self.proxies.contains_key(gateway));
        let gateway = gateway.map(|gateway| Order {
            subject: Subject::Proxy(link.name.clone(), gateway.address),
            request: gateway.answer(protocol),
            route: None,
        });
        neighbours.chain(routes).chain(gateway).collect()
    }
}
