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

/// What is in the kernel, as far as we looked and changed it.
#[derive(Debug)]
pub(super) struct Present {
    /// The interfaces, by index.
    links: BTreeMap<u32, Link>,
    /// Their indices, by name.
    indices: BTreeMap<InterfaceName, u32>,
    routes: BTreeSet<Route>,
    neighbours: BTreeMap<Neighbour, Entry>,
    /// What the host answers neighbour discovery for.
    proxies: BTreeMap<Neighbour, RouteProtocol>,
}

/// What to tell the kernel about one thing.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) subject: Subject,
    pub(super) request: Request,
    pub(super) effect: Effect,
}

/// What is different when the kernel did as it was told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effect {
    Route(Route),
    RouteGone(Route),
    Neighbour(Neighbour, Entry),
    NeighbourGone(Neighbour),
    Proxy(Neighbour, RouteProtocol),
    ProxyGone(Neighbour),
}

impl Present {
    pub(super) fn new(
        links: Vec<Link>,
        routes: BTreeSet<Route>,
        neighbours: BTreeMap<Neighbour, Entry>,
        proxies: BTreeMap<Neighbour, RouteProtocol>,
    ) -> Self {
        let indices = links.iter().map(|link| (link.name.clone(), link.index));
        Self {
            indices: indices.collect(),
            links: links.into_iter().map(|link| (link.index, link)).collect(),
            routes,
            neighbours,
            proxies,
        }
    }

    /// The interfaces.
    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The interface of a name.
    pub(super) fn link(&self, name: &InterfaceName) -> Option<&Link> {
        self.links.get(self.indices.get(name)?)
    }

    /// The kernel did as it was told.
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Route(route) => drop(self.routes.insert(route)),
            Effect::RouteGone(route) => drop(self.routes.remove(&route)),
            Effect::Neighbour(at, entry) => drop(self.neighbours.insert(at, entry)),
            Effect::NeighbourGone(at) => drop(self.neighbours.remove(&at)),
            Effect::Proxy(at, maker) => drop(self.proxies.insert(at, maker)),
            Effect::ProxyGone(at) => drop(self.proxies.remove(&at)),
        }
    }

    /// Routes and entries of ours at an interface that nobody plans. What somebody else made is theirs.
    pub(super) fn stale(
        &self,
        link: &Link,
        plan: Option<&InterfacePlan>,
        protocol: RouteProtocol,
    ) -> Vec<Order> {
        let (first, last) = (IpAddr::from([0; 4]), IpAddr::from([u8::MAX; 16]));
        let neighbour = |address| Neighbour {
            index: link.index,
            address,
        };
        let route = |address| Route {
            index: link.index,
            address,
        };
        let planned = |address: &IpAddr| plan.is_some_and(|plan| plan.addresses.contains(address));
        let answered =
            |address: &IpAddr| planned(address) && plan.is_some_and(|plan| plan.mac.is_some());
        let gateway = plan.and_then(|plan| plan.ipv6_gateway).map(IpAddr::V6);
        let routes = self.routes.range(route(first)..=route(last));
        let routes = routes.filter(|route| !planned(&route.address));
        let routes = routes.map(|route| Order {
            subject: Subject::Route(link.name.clone(), route.address),
            request: route.remove(protocol),
            effect: Effect::RouteGone(*route),
        });
        let here = neighbour(first)..=neighbour(last);
        let neighbours = self.neighbours.range(here.clone());
        let neighbours =
            neighbours.filter(|(at, entry)| entry.protocol == protocol && !answered(&at.address));
        let neighbours = neighbours.map(|(at, _)| Order {
            subject: Subject::Neighbour(link.name.clone(), at.address),
            request: at.remove(),
            effect: Effect::NeighbourGone(*at),
        });
        let proxies = self.proxies.range(here);
        let proxies =
            proxies.filter(|(at, maker)| **maker == protocol && gateway != Some(at.address));
        let proxies = proxies.map(|(at, _)| Order {
            subject: Subject::Proxy(link.name.clone(), at.address),
            request: at.leave(),
            effect: Effect::ProxyGone(*at),
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
            let (index, entry) = (link.index, Entry { mac, protocol });
            let neighbour = Neighbour { index, address };
            let there = self.neighbours.get(&neighbour);
            there.is_none_or(|entry| entry.mac != mac).then(|| Order {
                subject: Subject::Neighbour(link.name.clone(), address),
                request: neighbour.set(entry),
                effect: Effect::Neighbour(neighbour, entry),
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
                effect: Effect::Route(route),
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
            effect: Effect::Proxy(gateway, protocol),
        });
        neighbours.chain(routes).chain(gateway).collect()
    }
}
